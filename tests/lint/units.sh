#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# units.sh - systemd finds nothing wrong with the units, and what a service may
# still do counts for at most 2.0 of 10 (systemd-analyze security); what the
# program needs is left to it.
set -euo pipefail
top=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${builddir:-$top/build}
command -v systemd-analyze >/dev/null || { echo "no systemd-analyze here" && exit 77; }
systemd-analyze --help | grep -q -- --offline || { echo "systemd-analyze is too old here" && exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir "$work/units" "$work/sbin"
cp "$top"/conf/systemd/*.socket "$work/units"
bad=0

for template in "$top"/conf/systemd/*.service.in; do
	name=$(basename "$template" .in)
	ln -s /bin/true "$work/sbin/${name%.service}"
	make -s -C "$build" "conf/systemd/$name"
	# they are not installed here
	sed -E "s|^ExecStart=/[^ ]*/|ExecStart=$work/sbin/|" "$build/conf/systemd/$name" >"$work/units/$name"
done
[ "$(find "$work/units" -type f | wc -l)" -gt 3 ] || { echo "too few units" && exit 1; }
cd "$work/units"
export SYSTEMD_UNIT_PATH=$work/units:
for unit in *; do
	# the manual pages are looked at by man.sh
	systemd-analyze verify --man=no "$unit" >"$work/out" 2>&1 || bad=1
	# of other packages' units we are not asked
	! grep -F "dmarc-intake" "$work/out" || bad=1
done
for unit in *.service; do
	systemd-analyze security --no-pager --offline=true --threshold=20 "$unit" >"$work/out" 2>&1 || { cat "$work/out" && bad=1; }
	grep 'Overall exposure' "$work/out" || { cat "$work/out" && bad=1; }
	for line in Type=notify WatchdogSec=60s Restart=always User=dmarc-intake; do
		grep -qx "$line" "$unit" || { echo "$unit: no $line" && bad=1; }
	done
	# their sockets may be another group's
	if [[ $unit = *-@(lmtpd|milter).service ]]; then
		grep -qx 'SystemCallFilter=@chown' "$unit" || { echo "$unit: no socket_group without chown" && bad=1; }
		! grep -qx 'PrivateUsers=yes' "$unit" || { echo "$unit: no socket_group with PrivateUsers" && bad=1; }
	fi
done
exit $bad
