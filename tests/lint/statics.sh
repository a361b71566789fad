#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# statics.sh - the library has no writable static data: many threads share it.
# log.c's target and level are the exception, and what crash.c's signal handler
# must find.
set -euo pipefail
lib=${builddir:-build}/libcommon.a
[ -f "$lib" ] || { echo "$lib is not built" && exit 77; }
if grep -qE '__asan|__tsan|__gcov' <<<"$(nm "$lib" 2>/dev/null)"; then
	echo "sanitizers and coverage have data of their own" && exit 77
fi

# sysv form: name | value | class | type | size | line | section
found=$(nm -f sysv "$lib" | awk -F '|' '
	/^Symbols from/ {
		member = $0
		sub(/.*\[/, "", member); sub(/\].*/, "", member)
	}
	NF == 7 {
		section = $7; gsub(/ /, "", section)
		name = $1; gsub(/ /, "", name)
		if (section ~ /^\.(data|bss|tdata|tbss)/ || section == "*COM*")
			if (section !~ /^\.data\.rel\.ro/)
				if (member !~ /(^|-)(log|crash)\.o$/)
					print member ": " name " in " section
	}')
grep -q ' T ' <<<"$(nm "$lib" 2>/dev/null)" || { echo "$lib: no code" && exit 1; }
[ -z "$found" ] || { echo "$found" && exit 1; }
