#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# valgrind.sh PROGRAM... - each unit program under valgrind; a leak or an
# error fails it. Prints PASS or FAIL for each, as automake does.
set -euo pipefail
command -v valgrind >/dev/null || { echo "no valgrind here" && exit 77; }
srcdir=$(cd "$(dirname "$0")/.." && pwd)
export srcdir
export INTAKE_TEST_VALGRIND=1 # no bounds of time and memory

run_one() { # PROGRAM: its log only when it fails
	local log
	log=$(mktemp)
	if timeout 600 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		--child-silent-after-fork=yes "$1" >"$log" 2>&1; then
		echo "PASS: $1"
	else
		{ echo "FAIL: $1" && grep -E '^==|FAILED' "$log" | head -40; } || true
	fi
	rm -f "$log"
}
export -f run_one
# shellcheck disable=SC2016 # the inner bash expands it
lines=$(printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'run_one "$1"' run_one)
printf '%s\n' "$lines"
! grep -q '^FAIL' <<<"$lines"
