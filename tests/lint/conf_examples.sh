#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# conf_examples.sh - the configurations that the documents show are such that
# the programs take. Hosts are not asked, and secrets are files of ours.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"
program=$(realpath "${builddir:-build}")/dmarc-intake
[ -x "$program" ] || { echo "$program is not built" && exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
bad=0 n=0
echo secret >"$work/secret"

# each block between fences, or between .Bd and .Ed, to DOCUMENT:LINE
for document in README.md doc/*.md doc/*.[1-8]; do
	awk -v to="$work/${document//\//-}:" '
	/^(```|\.Bd|\.Ed)/ { inside = /^\.Bd/ || (/^```/ && !inside); at = NR; next }
	inside { sub(/^\\&/, ""); print >(to at) }' "$document"
done

load() { # BLOCK COMMAND...
	local block=$1
	shift
	n=$((n + 1))
	env -i "$@" check --print >/dev/null 2>"$work/err" || { echo "${block##*/}: $(cat "$work/err")" && bad=1; }
}
for block in "$work"/*:*; do
	if grep -qE '^\[[a-z]+' "$block" && ! grep -qx '\[section\]' "$block"; then
		sed -E "s|^([a-z_]+_file) = .*|\1 = $work/secret|" "$block" >"$work/conf"
		load "$block" "$program" -c "$work/conf"
		# a path may have these characters: it loads, and means another file
		! grep -E '^[a-z_]+ *[=:].*[[:space:]][#;]' "$block" ||
			{ echo "${block##*/}: a comment has a line of its own" && bad=1; }
	elif grep -q '^DMARC_INTAKE_' "$block"; then
		mapfile -t variables <"$block"
		load "$block" "${variables[@]}" "$program" -c /dev/null
	fi
done
[ "$n" -gt 10 ] || { echo "only $n configurations found" && bad=1; }
exit $bad
