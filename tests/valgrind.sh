#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# valgrind.sh PROGRAM... - each unit program under valgrind; a leak or an
# error fails it. Prints PASS or FAIL for each, as automake does.
set -euo pipefail
export DMARC_INTAKE_ENRICH_OFFLINE=yes
command -v valgrind >/dev/null || { echo "no valgrind here" && exit 77; }
log=$(mktemp) && trap 'rm -f "$log"' EXIT
srcdir=$(cd "$(dirname "$0")/.." && pwd)
export srcdir
export INTAKE_TEST_VALGRIND=1 # no bounds of time and memory
bad=0
for program in "$@"; do
	if timeout 600 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		--child-silent-after-fork=yes "$program" >"$log" 2>&1; then
		echo "PASS: $program"
	else
		echo "FAIL: $program" && bad=1
		grep -E '^==|FAILED' "$log" | head -40 || true
	fi
done
exit $bad
