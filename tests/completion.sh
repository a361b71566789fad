#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# completion.sh - conf/bash-completion/dmarc-intake offers what the program has.
set -euo pipefail
top=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
program=${builddir:-$top/build}/dmarc-intake
[ -x "$program" ] || { echo "$program is not built" && exit 77; }
# shellcheck source=/dev/null
. "$top/conf/bash-completion/dmarc-intake"
bad=0
offers() { # WORDS... -- EXPECTED: the last word is completed
	local line=() expected
	while [ "$1" != -- ]; do line+=("$1") && shift; done
	expected=$2
	COMP_WORDS=("$program" "${line[@]}") COMP_CWORD=${#line[@]}
	_dmarc_intake
	[ "${COMPREPLY[*]}" = "$expected" ] || { echo "${line[*]}: ${COMPREPLY[*]} and not $expected" && bad=1; }
}
offers doc -- doctor
offers --conf -- --config
offers -c file check --pr -- --print
offers check --nothing -- ""
offers --he -- --help
offers setup "" -- "elasticsearch kibana"
offers setup --ob -- --objects
offers setup el -- elasticsearch
offers setup kibana --sp -- --space
offers doctor --post -- --postfix
offers parse --form -- --format
cd "$top"
offers parse LICE -- LICENSE
exit $bad
