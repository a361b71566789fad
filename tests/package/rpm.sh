#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rpm.sh - the rpm, built by Debian's rpmbuild: no error of rpmlint, the files
# with their owners, the scripts and the dependencies as they should be, and
# the payload unpacked and run: a report in, a record out.
# builddir: a configured tree. Needs rpmbuild, rpmlint and cpio.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${builddir:-$top/build}
for tool in rpmbuild rpmlint rpm2cpio cpio; do
	command -v $tool >/dev/null || { echo "skipped, no $tool" && exit 77; }
done
work=$(mktemp -d /tmp/dmarc-intake-rpm.XXXXXX)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*"
	exit 1
}

make -s -C "$build" dist-xz >"$work/dist.log" 2>&1 || { tail "$work/dist.log" && fail "make dist"; }
tarball=$(ls "$build"/dmarc-intake-*.tar.xz)
"$top/packaging/make-rpm" "$tarball" "$work/rpm" >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" && fail rpmbuild; }
rpm=$(find "$work/rpm/RPMS" -name 'dmarc-intake-[0-9]*.rpm')
[ -n "$rpm" ] || fail "no rpm"
ask() { rpm -qp --nosignature --dbpath "$work/db" "$@" "$rpm" 2>/dev/null; }

rpmlint -c "$top/packaging/rpm/rpmlint.toml" "$work/rpm/SPECS/dmarc-intake.spec" "$rpm" >"$work/lint" 2>&1 || true
tail -n 3 "$work/lint"
grep -qE '[0-9]+ errors' "$work/lint" || { cat "$work/lint" && fail "rpmlint says nothing"; }
! grep -E ': E: ' "$work/lint" || fail "rpmlint finds errors"

ask --qf '[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]' >"$work/files"
while read -r line; do
	grep -qF -- "$line" "$work/files" || { cat "$work/files" && fail "not in the rpm: $line"; }
done <<'F'
-rwxr-xr-x root:root /usr/bin/dmarc-intake
-rwxr-xr-x root:root /usr/sbin/dmarc-intake-lmtpd
-rwxr-xr-x root:root /usr/sbin/dmarc-intake-milter
-rw-r--r-- root:root /usr/lib/systemd/system/dmarc-intake-lmtpd.service
-rw-r--r-- root:root /usr/lib/systemd/system/dmarc-intake-lmtpd.socket
-rw-r--r-- root:root /usr/lib/systemd/system/dmarc-intake-milter.service
-rw-r--r-- root:root /usr/lib/sysusers.d/dmarc-intake.conf
-rw-r--r-- root:root /usr/lib/tmpfiles.d/dmarc-intake.conf
drwxr-x--- root:dmarc-intake /etc/dmarc-intake
-rw-r----- root:dmarc-intake /etc/dmarc-intake/dmarc-intake.conf
drwxr-x--- dmarc-intake:dmarc-intake /var/lib/dmarc-intake
F
ask --configfiles | grep -qx /etc/dmarc-intake/dmarc-intake.conf || fail "the configuration is no configuration file"
for script in 'preinstall .*' 'postinstall .*' 'preuninstall .*' 'postuninstall .*'; do
	ask --scripts | grep -qE "^$script" || fail "no script $script"
done
! ask --scripts | grep -q '%' || { ask --scripts && fail "a macro is not known"; }
for library in libgmime-3.0 libxml2 libcurl libsqlite3 libmilter libseccomp libsystemd; do
	ask --requires | grep -q "^$library\.so" || fail "the rpm does not require $library"
done

mkdir "$work/root" && (cd "$work/root" && rpm2cpio "$rpm" | cpio -idm --quiet)
printf '[intake]\nstate_path = %s/state\n' "$work" >"$work/conf"
"$work/root/usr/sbin/dmarc-intake-lmtpd" -V
"$work/root/usr/sbin/dmarc-intake-milter" -V
"$work/root/usr/bin/dmarc-intake" -c "$work/conf" ingest "$top/tests/fixtures/gzip_octet_stream.eml"
"$work/root/usr/bin/dmarc-intake" -c "$work/conf" report | grep -q cyrillic-mail.example || fail "no record"
