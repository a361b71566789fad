#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# man.sh - the manual pages are well-formed, and every option that a program
# knows is in its page, and the reverse.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"
command -v mandoc >/dev/null || { echo "no mandoc here" && exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
bad=0

for page in doc/*.[1-8]; do
	mandoc -T lint -W warning "$page" || bad=1
done

# what the getopt tables say: { "format", required_argument, ...
long_options() {
	tr -d '\n\t ' <"$1" |
		grep -oE '\{"[a-z-]+",(no|required|optional)_argument' |
		sed -E 's/^\{"([a-z-]+)".*/--\1/' | sort -u || true
}
# .Fl -format in the SYNOPSIS or behind .It
page_options() {
	sed -nE '/^\.(It|Op|Fl|Nm)/p' "$1" |
		grep -oE 'Fl -[a-z-]+' | sed 's/^Fl -/--/' | sort -u || true
}
# the letters of getopt's third argument, without "+" and ":"
letters() {
	grep -ohE 'getopt(_long)?\(argc, argv, "[^"]+"' "$@" |
		sed -E 's/.*"\+?([^"]+)"/\1/' | tr -d ':\n' |
		grep -o . | sort -u || true
}

compare() { # what, list of the code, list of the page
	diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") >/dev/null && return
	echo "$1: options of the code and of the page differ:"
	diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") || true
	bad=1
}
code=$(for file in cli/*.c; do long_options "$file"; done | sort -u)
[ "$(wc -l <<<"$code")" -gt 5 ] || { echo "too few options found" && exit 1; }
compare doc/dmarc-intake.1 "$code" "$(page_options doc/dmarc-intake.1)"

for page in doc/*.8; do
	for letter in $(letters common/daemon_main.c); do
		grep -qE "^\.It Fl $letter( |$)" "$page" ||
			{ echo "$page: no -$letter" && bad=1; }
	done
done
flags=$(grep -ohE '^		\{ "[a-z-]+", "' imap/main.c | cut -d'"' -f2 | sed 's/^/--/' | sort -u)
[ -n "$flags" ] || { echo "no flags found" && exit 1; }
compare doc/dmarc-intake-imapd.8 "$flags" "$(page_options doc/dmarc-intake-imapd.8)"
# every option of a usage text is one that getopt knows
for option in $(grep -ohE -- '[[ "]--[a-z-]+' cli/*.c | tr -d '[ "' | sort -u); do
	grep -qxF -- "$option" <<<"$code" ||
		{ echo "$option: in a usage text, not an option" && bad=1; }
done
grep -oE '^	\{ "[a-z-]+", cmd_' cli/main.c | cut -d'"' -f2 >"$work/commands"
[ -s "$work/commands" ] || { echo "no commands found" && exit 1; }
while read -r command; do
	grep -qxF ".Ss $command" doc/dmarc-intake.1 ||
		{ echo "doc/dmarc-intake.1: no command $command" && bad=1; }
done <"$work/commands"
exit $bad
