# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# tsan-common.sh - what tsan-load.sh and tsan-serve.sh share: sourced, with the
# folder of a ThreadSanitizer build. $work goes at the end, and $pid with it.
set -euo pipefail
export DMARC_INTAKE_ENRICH_OFFLINE=yes
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d)
pid=
clean_up() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
mkdir "$work/state"
# GMime's own locks are invisible (GMutex), those of the program are not;
# tsan.supp says what is libmilter's
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66:suppressions=$top/tests/tsan.supp

# wait_until TEST FILE: half a minute at most
wait_until() {
	for _ in $(seq 300); do
		if test "$1" "$2"; then break; fi
		sleep 0.1
	done
}

# end $pid: its exit code is in $rc
end_program() {
	kill "$pid"
	rc=0
	wait "$pid" || rc=$?
	pid=
}

# a report in the log, or an exit code that is not 0, is a failure
check_log() {
	if grep -q 'WARNING: ThreadSanitizer' "$work/log"; then
		grep -A 40 'WARNING: ThreadSanitizer' "$work/log" | head -150 || true
		exit 1
	fi
	[ "$rc" = 0 ] || { tail -n 20 "$work/log" && exit 1; }
}
