#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tsan-load.sh BUILD - a plain client with 20 connections at the server of a
# ThreadSanitizer build; fails on a report of it, a reply other than 2xx, a
# record too few, or an end that is not clean.
set -euo pipefail
export DMARC_INTAKE_ENRICH_OFFLINE=yes
[ $# -eq 1 ] || { sed -n '3p' "$0" >&2 && exit 2; }
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d)
pid=
clean_up() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
mkdir "$work/state"
printf '[intake]\nstate_path = %s\nlog = stderr\n[lmtp]\nlisten = unix:%s\n[sqlite]\npath = %s\n' \
	"$work/state" "$work/sock" "$work/state/db" >"$work/conf"
# GMime's own locks are invisible (GMutex), those of the program are not
TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66 \
	"$build/dmarc-intake-lmtpd" -c "$work/conf" 2>"$work/log" &
pid=$!
for _ in $(seq 300); do
	[ ! -S "$work/sock" ] || break
	sleep 0.1
done
python3 "$top/tests/bench/mailgen.py" 200 "$work/mails" 7
mails=("$work"/mails/*.eml "$top"/tests/fixtures/*.eml)
timeout 300 "$build/tests/lmtp_send" -q -c 20 -n 2 "unix:$work/sock" "${mails[@]}"
kill -HUP "$pid"
timeout 300 "$build/tests/lmtp_send" -q -c 20 "unix:$work/sock" "${mails[@]}"
kill "$pid"
rc=0
wait "$pid" || rc=$?
pid=
reports=$(sqlite3 "$work/state/db" 'SELECT count(*) FROM aggregate_report WHERE complete AND report_id LIKE "bench-%"')
echo "exit code $rc, $reports of 200 reports"
grep -A 40 'WARNING: ThreadSanitizer' "$work/log" | head -150 && exit 1
[ $rc = 0 ] || { tail -n 20 "$work/log" && exit 1; }
[ "$reports" = 200 ]
