#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# golden.sh - what the command makes of each fixture is what it made before.
#
#   tests/golden/NAME.ndjson  the documents of tests/fixtures/NAME
#   tests/golden/exit         NAME and exit code, where it is not 0
#   tests/golden/ids          NAME, position in the output and _id: these never
#                             change, or every record would be stored twice
# golden.sh --update writes the first two anew: read the difference before you
# commit it, and doc/record-schema.md with it. It adds ids of new fixtures and
# never changes one. builddir: where the programs lie.
set -euo pipefail
top=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
command=${builddir:-$top/build}/dmarc-intake
golden=$top/tests/golden
[ -x "$command" ] || { echo "$command is not built" && exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
for name in $(compgen -e DMARC_INTAKE_ || true); do unset "$name"; done
printf '[enrich]\noffline = yes\n' >"$work/empty.conf"
: >"$work/exit"
: >"$work/ids"
cp -R "$top/tests/fixtures" "$work/fixtures" && cd "$work/fixtures"

for file in *.eml *.xml *.gz *.zip *.json; do
	rc=0
	"$command" -c "$work/empty.conf" parse --format ndjson "$file" \
		>"$work/$file.out" 2>"$work/$file.err" || rc=$?
	[ $rc = 0 ] || echo "$file $rc" >>"$work/exit"
	# the clock is the only thing that may differ
	sed -E 's/"received":("[0-9]{4}-[^"]*"|[0-9]+)/"received":"(now)"/' \
		"$work/$file.out" >"$work/$file.ndjson"
	grep -oE '"_id":"[^"]*"' "$work/$file.ndjson" | cut -d '"' -f 4 |
		awk -v f="$file" '{ print f, NR - 1, $1 }' >>"$work/ids" || true
done

if [ "${1:-}" = --update ]; then
	rm -f "$golden"/*.ndjson
	cp "$work"/*.ndjson "$work/exit" "$golden"
	touch "$golden/ids"
	awk 'FILENAME == ARGV[1] { old[$1] = 1; next } !($1 in old)' \
		"$golden/ids" "$work/ids" >"$work/ids.new"
	cat "$work/ids.new" >>"$golden/ids"
fi

bad=0
same() {
	diff -u "$1" "$2" | cut -c -2000 || { echo "FAIL: $3" && bad=1; }
}
cut -d ' ' -f 1 "$golden/ids" | sort -u | while read -r f; do [ -f "$f" ] || echo "$f"; done >"$work/gone"
[ ! -s "$work/gone" ] || { sed 's/^/ids without a fixture: /' "$work/gone" && bad=1; }
for file in *.eml *.xml *.gz *.zip *.json; do
	[ -f "$golden/$file.ndjson" ] || { echo "FAIL: $file has no golden documents" && bad=1 && continue; }
	same "$golden/$file.ndjson" "$work/$file.ndjson" "$file: $(head -c 300 "$work/$file.err")"
done
for file in "$golden"/*.ndjson; do
	[ -f "$(basename "$file" .ndjson)" ] || { echo "FAIL: $file has no fixture" && bad=1; }
done
same "$golden/exit" "$work/exit" "exit codes"
sort "$golden/ids" >"$work/ids.pinned" && sort "$work/ids" >"$work/ids.now"
same "$work/ids.pinned" "$work/ids.now" "ids: a change here stores every record twice"
exit $bad
