#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tsan-load.sh BUILD lmtp|milter - a plain client with 20 connections at the
# server of a ThreadSanitizer build: 500 mails and more, twice, and a reload.
# Fails on a report of it, an answer that is not as it should be, a record too
# few, or an end that is not clean. Exit 77: built without the milter.
set -euo pipefail
export DMARC_INTAKE_ENRICH_OFFLINE=yes
[ $# -eq 2 ] || { sed -n '3p' "$0" >&2 && exit 2; }
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
printf '[intake]\nrecipients = rua@test.example\nstate_path = %s\nlog = stderr\n[sqlite]\npath = %s\n' \
	"$work/state" "$work/state/db" >"$work/conf"
case $2 in
lmtp) program=dmarc-intake-lmtpd section=lmtp reload=HUP ;;
milter) program=dmarc-intake-milter section=milter reload=USR1 ;;
*) exit 2 ;;
esac
[ -x "$build/$program" ] || { echo "no $program" && exit 77; }
printf '[%s]\nlisten = unix:%s\n' "$section" "$work/sock" >>"$work/conf"
send_lmtp() { timeout 300 "$build/tests/lmtp_send" -q -c 20 -t rua@test.example "unix:$work/sock" "$@"; }
# each gets its last answer: d is a stored report, c is accepted
send_milter() {
	local answers
	answers=$(timeout 300 python3 "$top/tests/integration/milter_client.py" -c 20 "$work/sock" "$@")
	echo "$answers"
	[[ $answers =~ ^c\ [0-9]+\ d\ [0-9]+$ ]]
}
# GMime's own locks are invisible (GMutex), those of the program are not;
# tsan.supp says what is libmilter's
TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66:suppressions=$top/tests/tsan.supp \
	"$build/$program" -c "$work/conf" 2>"$work/log" &
pid=$!
for _ in $(seq 300); do
	[ ! -S "$work/sock" ] || break
	sleep 0.1
done
python3 "$top/tests/bench/mailgen.py" 500 "$work/mails" 7
mails=("$work"/mails/*.eml "$top"/tests/fixtures/*.eml)
"send_$2" "${mails[@]}"
kill "-$reload" "$pid"
"send_$2" "${mails[@]}"
kill "$pid"
rc=0
wait "$pid" || rc=$?
pid=
reports=$(sqlite3 "$work/state/db" 'SELECT count(*) FROM aggregate_report WHERE complete AND report_id LIKE "bench-%"')
echo "exit code $rc, $reports of 500 reports"
grep -A 40 'WARNING: ThreadSanitizer' "$work/log" | head -150 && exit 1
[ $rc = 0 ] || { tail -n 20 "$work/log" && exit 1; }
[ "$reports" = 500 ]
