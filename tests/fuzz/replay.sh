#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# replay.sh - each fuzz target over its seeds and its corpus, without libFuzzer:
# what once was a finding stays mended. The corpus is tests/fuzz/corpus/TARGET.
set -euo pipefail
: "${srcdir:=$(dirname "$0")/../..}" "${builddir:=build}"
command -v python3 >/dev/null || { echo "no python3 to make the seeds" && exit 77; }
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
python3 "$srcdir/tests/fuzz/seeds.py" "$srcdir" "$seeds"
bad=0 ran=0
for source in "$srcdir"/tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	name=${target#fuzz_}
	program=$builddir/tests/fuzz/$target
	[ "$name" != main ] || continue
	[ -x "$program" ] || { echo "$target is not built" && bad=1 && continue; }
	folders=()
	for folder in "$seeds/$name" "$srcdir/tests/fuzz/corpus/$name"; do
		[ ! -d "$folder" ] || folders+=("$folder")
	done
	[ ${#folders[@]} -gt 0 ] || { echo "$target has no seed" && bad=1 && continue; }
	said=$("$program" "${folders[@]}" 2>&1) || { echo "$target: $said" && bad=1 && continue; }
	echo "$target: $(tail -n 1 <<<"$said")"
	ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || bad=1
exit $bad
