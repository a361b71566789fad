#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# valgrind.sh PROGRAM... - each unit program under valgrind, as many at a time
# as there are processors; a leak or an error fails it. Prints PASS or FAIL for
# each, as automake does.
set -euo pipefail
export DMARC_INTAKE_ENRICH_OFFLINE=yes
command -v valgrind >/dev/null || { echo "no valgrind here" && exit 77; }
srcdir=$(cd "$(dirname "$0")/.." && pwd)
export srcdir
export INTAKE_TEST_VALGRIND=1 # no bounds of time and memory

if [ "${1:-}" = --one ]; then
	log=$(mktemp) && trap 'rm -f "$log"' EXIT
	if timeout 600 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		--child-silent-after-fork=yes "$2" >"$log" 2>&1; then
		echo "PASS: $2 ($SECONDS s)"
		exit 0
	fi
	# in one piece, whatever the others say meanwhile
	printf '%s\n' "FAIL: $2
$(grep -E '^==|FAILED' "$log" | head -40 || true)"
	exit 1
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 "$0" --one
