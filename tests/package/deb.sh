#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deb.sh - the Debian packages: built twice and the same, clean for lintian,
# then in a fresh Debian with Postfix: installed, with the transport of
# conf/postfix a mail in by SMTP and records out; upgraded, removed, purged.
# No systemd runs there: the daemon is started by the lines of its unit.
# builddir: a configured tree. DEB=FILE: this package, and nothing is built.
# Needs root, mmdebstrap, dpkg-dev and lintian.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${builddir:-$top/build}
[ "$(id -u)" = 0 ] || { echo "skipped, needs root" && exit 77; }
for tool in mmdebstrap dpkg-buildpackage dh lintian smtp-source setpriv; do
	command -v $tool >/dev/null || { echo "skipped, no $tool" && exit 77; }
done
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dmarc-intake
work=$(mktemp -d /tmp/dmarc-intake-deb.XXXXXX)
root=$work/root
daemon=

clean_up() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	[ ! -d "$root/etc/postfix" ] || chroot "$root" postfix stop >/dev/null 2>&1 || true
	umount "$root/proc" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT

fail() {
	echo "FAIL: $*"
	exit 1
}

step() { echo "== $* ($SECONDS s)"; }

# has PATH "MODE OWNER GROUP"
has() { [ "$(chroot "$root" stat -c '%a %U %G' "$1")" = "$2" ]; }

# is PATH "MODE OWNER GROUP"
is() {
	local now
	now=$(chroot "$root" stat -c '%a %U %G' "$1") || fail "$1 is not there"
	[ "$now" = "$2" ] || fail "$1 is $now and not $2"
}

# wait_for COMMAND...: within a minute
wait_for() {
	for _ in $(seq 300); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	fail "not within a minute: $*"
}

build_twice() {
	SOURCE_DATE_EPOCH=$(git -C "$top" log -1 --format=%ct 2>/dev/null || stat -c %Y "$top/configure.ac")
	export SOURCE_DATE_EPOCH
	DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)"
	export DEB_BUILD_OPTIONS
	make -s -C "$build" dist-xz >"$work/dist.log" 2>&1 || { tail "$work/dist.log" && fail "make dist"; }
	tarball=$(ls "$build"/dmarc-intake-*.tar.xz)
	for n in 1 2; do
		"$top/packaging/make-deb" "$tarball" "$work/$n" >"$work/$n.log" 2>&1 || { tail -n 30 "$work/$n.log" && fail "build $n"; }
		DEB_BUILD_OPTIONS="nocheck parallel=1"
	done
	(cd "$work/1" && sha256sum -- *.deb) >"$work/sums"
	(cd "$work/2" && sha256sum --quiet -c "$work/sums") || fail "the second build differs"
}

deb=${DEB:-}
if [ -z "$deb" ]; then
	step "two builds"
	build_twice
	step lintian
	lintian --fail-on error,warning --allow-root "$work"/1/*.changes || fail "lintian"
	deb=$(ls "$work"/1/dmarc-intake_*.deb)
fi

step "a fresh root"
# what the package needs is there already: no network from here on
mapfile -t needs < <(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed -E 's/^ *//; s/[ (|].*//' | sort -u)
needs+=(postfix)
tar=$cache/root-$(printf '%s\n' "${needs[@]}" | sha256sum | cut -c 1-12).tar
if [ ! -s "$tar" ] || [ -n "$(find "$tar" -mtime +30)" ]; then
	mkdir -p "$cache"
	"$top/tests/debian-root" "$work/new.tar" "${needs[@]}"
	mv "$work/new.tar" "$tar"
fi
mkdir "$root" && tar -C "$root" -xf "$tar"
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
export DEBIAN_FRONTEND=noninteractive
cp "$deb" "$root/new.deb"

step install
chroot "$root" dpkg -i /new.deb >"$work/install.log" 2>&1 || { cat "$work/install.log" && fail "dpkg -i"; }
is /etc/dmarc-intake "750 root dmarc-intake"
is /etc/dmarc-intake/dmarc-intake.conf "640 root dmarc-intake"
is /var/lib/dmarc-intake "750 dmarc-intake dmarc-intake"
is /var/spool/postfix/dmarc-intake "2750 dmarc-intake postfix"
grep -qx 'ListenStream=/var/spool/postfix/dmarc-intake/lmtp.sock' "$root/etc/systemd/system/dmarc-intake-lmtpd.socket" ||
	fail "no socket unit below the queue folder"
[ -L "$root/etc/systemd/system/sockets.target.wants/dmarc-intake-lmtpd.socket" ] || fail "the socket is not enabled"
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/dmarc-intake-milter.service" ] || fail "the milter is enabled"

step "mail in, records out"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -i -E "s/^smtp +inet.*/127.0.0.1:$port inet n - y - - smtpd/" "$root/etc/postfix/master.cf"
cat "$top/conf/postfix/master.cf" >>"$root/etc/postfix/master.cf"
cat >>"$root/etc/postfix/main.cf" <<M
inet_interfaces = loopback-only
myhostname = mx.test.example
relay_domains = example.org
maillog_file = /var/log/mail.log
maillog_file_prefixes = /var/log
M
cat "$top/conf/postfix/main.cf" >>"$root/etc/postfix/main.cf"
cp "$top/conf/postfix/transport" "$root/etc/postfix/transport"
chroot "$root" postmap /etc/postfix/transport
unit=$(find "$root/lib/systemd/system" "$root/usr/lib/systemd/system" -name dmarc-intake-lmtpd.service 2>/dev/null | head -n 1)
mapfile -t command < <(sed -n 's/^ExecStart=//p' "$unit" | tr ' ' '\n')
user=$(sed -n 's/^User=//p' "$unit")
chroot "$root" setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs --inh-caps=-all \
	"${command[@]}" >"$work/daemon.log" 2>&1 &
daemon=$!
# it has its rights a moment after it is made
wait_for has /var/spool/postfix/dmarc-intake/lmtp.sock "660 dmarc-intake postfix"
chroot "$root" postfix start >"$work/postfix.log" 2>&1 || { cat "$work/postfix.log" && fail "postfix start"; }
for name in gzip_octet_stream tls_gzip; do
	smtp-source -F "$top/tests/fixtures/$name.eml" -f noreply@reporter.example -t dmarc-reports@example.org "127.0.0.1:$port"
done
delivered() { [ "$(grep -c 'postfix/lmtp.*status=sent' "$root/var/log/mail.log")" = 2 ]; }
wait_for delivered
chroot "$root" dmarc-intake report >"$work/report"
for line in '^cyrillic-mail.example' '^1 SMTP TLS reports, 48 sessions'; do
	grep -q "$line" "$work/report" || { cat "$work/report" && fail "no records: $line"; }
done
[ "$(chroot "$root" dmarc-intake check | grep -c 'sqlite: ok')" = 1 ] || fail "check"
cat "$work/report"

step "upgrade, with a changed configuration and without asking"
sed -i 's/^#log_level = info/log_level = debug/' "$root/etc/dmarc-intake/dmarc-intake.conf"
sha256sum "$root/etc/dmarc-intake/dmarc-intake.conf" >"$work/conf.sum"
dpkg-deb -R "$deb" "$work/next"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
echo '# a line of the next version' >>"$work/next/etc/dmarc-intake/dmarc-intake.conf"
dpkg-deb --root-owner-group -b "$work/next" "$root/next.deb" >/dev/null
chroot "$root" dpkg --force-confdef --force-confold -i /next.deb >"$work/upgrade.log" 2>&1 || { cat "$work/upgrade.log" && fail "upgrade"; }
sha256sum --quiet -c "$work/conf.sum" || fail "the upgrade has changed the configuration"
is /etc/dmarc-intake/dmarc-intake.conf "640 root dmarc-intake"
chroot "$root" dmarc-intake report | cmp -s - "$work/report" || fail "the records changed"

step "remove and purge"
kill "$daemon"
wait "$daemon" || fail "the daemon ended with $?: $(cat "$work/daemon.log")"
daemon=
chroot "$root" dpkg -r dmarc-intake >"$work/remove.log" 2>&1 || { cat "$work/remove.log" && fail "remove"; }
[ -s "$root/etc/dmarc-intake/dmarc-intake.conf" ] || fail "remove took the configuration"
[ -d "$root/var/lib/dmarc-intake/quarantine" ] || fail "remove took the state"
chroot "$root" dpkg -P dmarc-intake >"$work/purge.log" 2>&1 || { cat "$work/purge.log" && fail "purge"; }
left=$(find "$root" -xdev \( -path "$root/proc" -o -path "$root/var/lib/dpkg" -o -path "$root/var/log" -o -path "$root/var/lib/ucf" \) -prune -o -name '*dmarc-intake*' -print)
[ -z "$left" ] || fail "purge left $left"
step "all passed"
