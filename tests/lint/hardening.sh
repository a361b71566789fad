#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hardening.sh - what the release flags promise is in each program that was
# built: its place in memory is not known (PIE), no table of functions can be
# written once it runs (RELRO, all bound at the start), nothing that can be
# written can be run, overrun frames and buffers end it.
set -euo pipefail
build=${builddir:-build}
programs=()
for program in "$build"/dmarc-intake*; do
	[ ! -f "$program" ] || [ ! -x "$program" ] || programs+=("$program")
done
[ ${#programs[@]} -gt 0 ] || { echo "$build has no program" && exit 77; }
if grep -qE '__(asan|tsan|ubsan|gcov|sanitizer)' <<<"$(nm "${programs[@]}" 2>/dev/null)"; then
	echo "sanitizers and coverage have flags of their own" && exit 77
fi
# without optimisation there is no _FORTIFY_SOURCE
cflags=$(sed -n 's/^CFLAGS = //p' "$build/Makefile" 2>/dev/null || true)

bad=0
# want PROGRAM NAME PATTERN TEXT: the pattern is in the text
want() {
	grep -qE "$3" <<<"$4" || { echo "${1##*/}: no $2" && bad=1; }
}
for program in "${programs[@]}"; do
	header=$(readelf -hW "$program")
	segments=$(readelf -lW "$program")
	dynamic=$(readelf -dW "$program")
	symbols=$(readelf -W --dyn-syms "$program")
	want "$program" PIE 'Type: +DYN' "$header"
	want "$program" PIE '\(FLAGS_1\).*\<PIE\>' "$dynamic"
	want "$program" RELRO '^ +GNU_RELRO ' "$segments"
	want "$program" BIND_NOW '\(BIND_NOW\)|\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*\<NOW\>' "$dynamic"
	want "$program" 'stack that cannot run' '^ +GNU_STACK .* RW +0x' "$segments"
	want "$program" 'stack protector' '\<__stack_chk_fail\>' "$symbols"
	[[ "${cflags:--O2}" != *-O[1-9sgz]* ]] ||
		want "$program" 'fortified functions' '\<__(snprintf|memcpy)_chk\>' "$symbols"
	if grep -qE '^ +LOAD .* RWE +0x' <<<"$segments"; then
		echo "${program##*/}: memory that can be written and run" && bad=1
	fi
	if grep -qE '\(TEXTREL\)|\((RPATH|RUNPATH)\)' <<<"$dynamic"; then
		echo "${program##*/}: TEXTREL or a path to libraries in it" && bad=1
	fi
done
exit $bad
