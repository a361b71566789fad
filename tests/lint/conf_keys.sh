#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# conf_keys.sh - the table of keys, conf/dmarc-intake.conf and the manual page
# tell the same: keys, defaults, and what a reload changes.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"
program=${builddir:-build}/tests/lint/print_keys
[ -x "$program" ] || { echo "$program is not built" && exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

# section.key default|mark, sorted
"$program" | awk '{
	key = $1; mark = $NF; $1 = $2 = $NF = ""; gsub(/^ +| +$/, "")
	print key " " ($0 == "-" ? "" : $0) "|" mark
}' | sort >"$work/table"

# the mark closes the comment above one key or several
awk '
/^#?\[.*\]$/ { gsub(/[][#]/, ""); section = $1; mark = ""; next }
match($0, /\((reload|restart)\)$/) {
	mark = substr($0, RSTART + 1, RLENGTH - 2)
}
/^#[a-z_]+ =/ {
	line = substr($0, 2); at = index(line, " =")
	value = substr(line, at + 2); sub(/^ /, "", value)
	print section "." substr(line, 1, at - 1) " " value "|" mark
}' conf/dmarc-intake.conf | sort >"$work/file"

# .Ss section, .It Ic key [= default], .Pq mark
awk '
/^\.Sh / { section = "" }
/^\.Ss / { section = $2; next }
section != "" && /^\.It Ic / {
	key = $3; value = $0
	sub(/^\.It Ic [a-z_]+/, "", value); sub(/^ = /, "", value)
	next
}
key != "" && /^\.Pq (reload|restart)$/ {
	print section "." key " " value "|" $2; key = ""
}' doc/dmarc-intake.conf.5 | sort >"$work/page"

[ "$(wc -l <"$work/table")" -gt 40 ] || { echo "too few keys" && exit 1; }
diff -u --label table --label conf/dmarc-intake.conf "$work/table" "$work/file"
diff -u --label table --label doc/dmarc-intake.conf.5 "$work/table" "$work/page"

# SECURITY.md says what each limit is for, and which test is at its boundary
sed -n 's/^limits\.\([a-z_]*\) .*/\1/p' "$work/table" >"$work/limits"
# shellcheck disable=SC2016
sed -n 's/^| `\([a-z_]*\)` |.*|.*|$/\1/p' SECURITY.md | sort >"$work/told"
diff -u --label 'limits of the table' --label SECURITY.md "$work/limits" "$work/told"
# shellcheck disable=SC2016
grep -oE '`(tests|common)/[A-Za-z0-9_./-]+`' SECURITY.md | tr -d '`' | sort -u | while read -r file; do
	[ -e "$file" ] || { echo "SECURITY.md names $file, which is not there" && exit 1; }
done
