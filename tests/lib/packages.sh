# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What has to be installed, and how.  Sourced by quickstart, runtests and
# .ci/run; asks nothing, and leaves apt alone when everything is there.

PACKAGES_BUILD=(autoconf automake gcc libc6-dev make pkg-config
	libc-ares-dev libgnutls28-dev libidn2-dev libinih-dev libmicrohttpd-dev
	libseccomp-dev libssl-dev libyajl-dev zlib1g-dev)
PACKAGES_TEST=(binutils ca-certificates check curl dnsmasq-base iproute2
	nftables openssl python3)
# The servers among them would start with the host, which is fine for a machine
# that is there to test: elsewhere their tests are skipped when they are not
# installed.
PACKAGES_CI=(clang clang-format cppcheck debootstrap g++ git haproxy mandoc
	nginx prometheus shellcheck strace systemd tinyproxy-bin valgrind xz-utils)
PACKAGES_CLUSTER=(conntrack containerd containernetworking-plugins etcd-server
	procps runc util-linux)
PACKAGES_ALPINE_BUILD="autoconf automake bash build-base pkgconf c-ares-dev \
gnutls-dev inih-dev libidn2-dev libmicrohttpd-dev libseccomp-dev linux-headers \
openssl-dev yajl-dev zlib-dev"
PACKAGES_ALPINE_TEST="check-dev curl dnsmasq iproute2 nftables openssl \
python3 util-linux"

# as_root COMMAND...: as root, or through sudo without asking.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

packages_missing()
{
	local package
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" \
			2>/dev/null)" = installed ] || echo "$package"
	done
}

# need_packages PACKAGE...: installs those that are missing.
need_packages()
{
	local missing
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query \
		>/dev/null; then
		echo "This is no Debian; what is missing, configure will name."
		echo "On Alpine: apk add $PACKAGES_ALPINE_BUILD" \
			"$PACKAGES_ALPINE_TEST"
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
		echo "Please install, as root (sudo would ask for a password):" >&2
		echo "  apt-get install ${missing[*]}" >&2
		return 1
	fi
	echo "Installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq \
		-o Acquire::Retries=3 update </dev/null || return 1
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold \
		--no-install-recommends install "${missing[@]}" </dev/null \
		>"${PACKAGES_LOG:-/dev/stdout}" || {
		echo "apt-get could not install: ${missing[*]}" >&2
		return 1
	}
}

# A docker that is there stays: Debian's would drive another one out.
need_docker()
{
	command -v dockerd >/dev/null || need_packages docker.io || return 1
	# a package of its own from Debian 13 on
	command -v docker >/dev/null || need_packages docker-cli
}

# build_tree SOURCE BUILD CONFIGURE-ARGUMENTS...: configures a build directory
# outside the source tree once, and again when the arguments or configure.ac
# changed.  configure is made when it is not there or older.
build_tree()
{
	local source=$1 build=$2 configure up words
	shift 2
	mkdir -p "$build"
	if [ ! -x "$source/configure" ] ||
		[ "$source/configure.ac" -nt "$source/configure" ] ||
		[ "$source/Makefile.am" -nt "$source/Makefile.in" ]; then
		"$source/autogen.sh" >"$build/autogen.log" 2>&1 || {
			cat "$build/autogen.log" >&2
			return 1
		}
	fi
	# From a build directory below the sources by way of ..: configure takes a
	# blank in the path of its working directory, but none in its own.
	configure=$source/configure
	up=$(echo "${build#"$source"/}" | sed 's,[^/][^/]*,..,g')
	[ ! "$build/$up/configure" -ef "$configure" ] || configure=$up/configure
	words=$(printf '%q ' "$configure" "$@")
	if [ ! -f "$build/Makefile" ] ||
		[ "$(cat "$build/configured" 2>/dev/null)" != "$words" ] ||
		[ "$source/configure" -nt "$build/Makefile" ]; then
		(cd "$build" && "$configure" --quiet "$@") || {
			echo "see $build/config.log" >&2
			return 1
		}
		echo "$words" >"$build/configured"
	fi
}

# count_results BUILD: passed, failed and skipped of the last make check there.
count_results()
{
	find "$1" -name '*.trs' -exec cat {} + | awk '
		/^:test-result: (PASS|XFAIL)/ { passed++ }
		/^:test-result: (FAIL|XPASS|ERROR)/ { failed++ }
		/^:test-result: SKIP/ { skipped++ }
		END { print passed + 0, failed + 0, skipped + 0 }'
}
