#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Holds that each program that a test asks for by need() comes with one of the
# packages of tests/lib/packages.sh: .ci/run skips no test.  Prints what does
# not; run by check-structure.sh in the source directory.
set -u
# shellcheck source=tests/lib/packages.sh
. tests/lib/packages.sh

package_of()
{
	case $1 in
	cc) echo gcc ;;
	ctr) echo containerd ;;
	dnsmasq) echo dnsmasq-base ;;
	etcd) echo etcd-server ;;
	ip | ss) echo iproute2 ;;
	nft) echo nftables ;;
	prlimit | unshare) echo util-linux ;;
	promtool) echo prometheus ;;
	strip) echo binutils ;;
	sysctl) echo procps ;;
	tinyproxy) echo tinyproxy-bin ;;
	*) echo "$1" ;;
	esac
}

packages=" ${PACKAGES_BUILD[*]} ${PACKAGES_TEST[*]} ${PACKAGES_CI[*]} \
${PACKAGES_CLUSTER[*]} "
cat tests/*/*.py | tr '\n' ' ' | grep -oE '\bneed\("[^)]*\)' |
	grep -oE '"[^"]+"' | tr -d '"' | sort -u | while read -r program; do
	package=$(package_of "$program")
	[[ $packages = *" $package "* ]] ||
		echo "$program: $package is not in tests/lib/packages.sh"
done
