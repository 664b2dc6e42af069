#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fresh-debian.sh SUITE TREE COMMAND...: makes a fresh Debian of that release in
# the directory TREE, installs in it what our own lists name, copies the sources
# to TREE/kubenurse, and runs the command there, without a network.  Needs
# root and debootstrap.  What was installed is kept as an archive for a week,
# in ~/.cache or XDG_CACHE_HOME, and unpacked the next time.
set -euo pipefail
umask 022
[ $# -ge 3 ] || {
	sed -n '4,8s/^# //p' "$0"
	exit 2
}
suite=$1 tree=$2
shift 2
source=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib/packages.sh
. "$source/tests/lib/packages.sh"
packages=("${PACKAGES_BUILD[@]}" "${PACKAGES_TEST[@]}")
kept=${XDG_CACHE_HOME:-$HOME/.cache}/kubenurse-debian
kept=$kept/$suite-$(echo "${packages[*]}" | cksum | cut -d' ' -f1).tar

# in_tree [--net] COMMAND...: mounts and processes end with the command; with
# --net it has a loopback of its own and nothing else.
in_tree()
{
	local net=()
	[ "$1" != --net ] || {
		net=(--net)
		shift
	}
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child --ipc --uts "${net[@]}" -- \
		sh -euc '
		tree=$1
		shift
		mount --make-rprivate /
		mount --bind "$tree" "$tree"
		mount -t proc proc "$tree/proc"
		mount --rbind /sys "$tree/sys"
		mount --rbind /dev "$tree/dev"
		mount -t tmpfs -o mode=755 tmpfs "$tree/run"
		ip link set lo up
		exec env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
			DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			chroot "$tree" "$@"' sh "$tree" "$@"
}

# Where this machine gets its own packages from, and how.
mirror()
{
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Label: Debian' 2>/dev/null | head -n 1
}

make_tree()
{
	# shellcheck disable=SC2046 # without one debootstrap knows one
	unshare --mount debootstrap --variant=minbase "$suite" "$tree" \
		$(mirror)
	apt-config dump | grep -iE '^Acquire::(https?::|Retries|Check-)' \
		>"$tree/etc/apt/apt.conf.d/00host" || :
	# no package's daemon is started
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
	in_tree apt-get -qq -o Acquire::Retries=3 update
	in_tree apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
		--no-install-recommends install "${packages[@]}"
	rm -f "$tree"/var/cache/apt/archives/*.deb
}

copy_sources()
{
	mkdir -p "$tree/kubenurse"
	if [ -e "$source/.git" ]; then
		git -c safe.directory="$source" -C "$source" ls-files -z
	else
		(cd "$source" && find . -path './build-*' -prune -o \
			-type f -print0)
	fi | tar -C "$source" --null -T - -c | tar -C "$tree/kubenurse" -x
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$tree/etc/hosts"
}

rm -rf --one-file-system "$tree"
mkdir -p "$tree" "${kept%/*}"
find "${kept%/*}" -name '*.tar*' -mtime +7 -delete
if [ -s "$kept" ]; then
	tar -C "$tree" --numeric-owner -xpf "$kept"
else
	make_tree
	tar -C "$tree" --numeric-owner --one-file-system -cpf "$kept.$$" .
	mv "$kept.$$" "$kept"
fi
copy_sources
in_tree --net sh -c 'cd /kubenurse && exec "$@"' sh "$@"
