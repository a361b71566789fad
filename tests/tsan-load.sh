#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tsan-load.sh BUILD lmtp|milter - a plain client with 20 connections at the
# server of a ThreadSanitizer build: 500 mails and more, twice, and a reload.
# Fails on a report of it, an answer that is not as it should be, a record too
# few, or an end that is not clean. Exit 77: built without the milter.
[ $# -eq 2 ] || { sed -n '3p' "$0" >&2 && exit 2; }
# shellcheck source=tests/tsan-common.sh
. "$(dirname "$0")/tsan-common.sh" "$1"
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
"$build/$program" -c "$work/conf" 2>"$work/log" &
pid=$!
wait_until -S "$work/sock"
python3 "$top/tests/bench/mailgen.py" 500 "$work/mails" 7
mails=("$work"/mails/*.eml "$top"/tests/fixtures/*.eml)
"send_$2" "${mails[@]}"
kill "-$reload" "$pid"
"send_$2" "${mails[@]}"
end_program
reports=$(sqlite3 "$work/state/db" 'SELECT count(*) FROM aggregate_report WHERE complete AND report_id LIKE "bench-%"')
echo "exit code $rc, $reports of 500 reports"
check_log
[ "$reports" = 500 ]
