#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# analysis.sh - what analysers say of the sources of the programs:
#   tests/analysis.sh gcc | tidy | cppcheck | clang | clang-deep
# builddir has been configured. A finding fails, unless analysis.supp says why
# it is none; so does a line there that nothing was found for. clang is clang's
# own analyser; clang-deep takes minutes and is for "./check.sh --full".
set -euo pipefail
export LC_ALL=C
tool=$1
cd "$(dirname "$0")/.."
build=${builddir:-build}
case $tool in
gcc | cppcheck) program=$tool ;;
*) program=clang-tidy ;;
esac
command -v "$program" >/dev/null || { echo "no $program here" && exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
ask() { make -s --no-print-directory -C "$build" "$1" | tr ' ' '\n'; }

mapfile -t sources < <(ask print-sources | grep '\.c$' | sort)
[ ${#sources[@]} -gt 100 ] || { echo "too few sources" && exit 1; }
# without the flags that only gcc has, and texts, whose quotes make has lost
mapfile -t flags < <(ask print-compile | grep -E '^-(DHAVE_|D_GNU|I/|std)')
flags+=(-I. '-DINTAKE_DATADIR="/x"')

# $1 is a source: clang-tidy CHECKS, or gcc
one() {
	local known=(-include tests/analysis.h)
	[ "$1" != common/base/err.c ] || known=()
	if [ "$tool" = gcc ]; then
		gcc "${flags[@]}" "${known[@]}" -O1 -fanalyzer -c "$1" -o "$work/$BASHPID.o" 2>&1
	else
		clang-tidy --quiet "${checks[@]}" "$1" -- "${flags[@]}" "${known[@]}" "${mode[@]}" 2>/dev/null
	fi
}

checks=() mode=()
[ "$tool" != clang ] || mode=(-Xclang -analyzer-config -Xclang mode=shallow)
case $tool in
clang*) checks=("--checks=-*,clang-analyzer-*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling") ;;
cppcheck)
	cppcheck -q -j "$(nproc)" --enable=warning,portability,performance --std=c11 --library=posix \
		--library=tests/cppcheck.cfg --template='{file}:{line}: warning: {message} [{id}]' \
		-I. -D_GNU_SOURCE -DHAVE_SYSTEMD -DHAVE_SECCOMP -DHAVE_MICROHTTPD "${sources[@]}" >"$work/said" 2>&1
	sources=()
	;;
esac
running=0
for source in "${sources[@]}"; do
	one "$source" >"$work/${source//\//_}.said" || true &
	((++running % $(nproc) != 0)) || wait -n || true
done
wait
cat "$work"/*.said "$work/said" 2>/dev/null |
	sed "s|^$PWD/||" | grep -E '^[^ ]+:[0-9]+(:[0-9]+)?: (fatal )?(warning|error): ' | sort -u >"$work/found" || true

# analysis.supp: TOOL FILE TEXT-OF-IT | REASON
bad=0
grep "^$tool " tests/analysis.supp >"$work/known" || true
while read -r _ file rest; do
	text=${rest% | *}
	if grep -F -- "$text" "$work/found" | grep -q "^$file:"; then
		awk -v file="$file:" -v text="$text" 'index($0, file) != 1 || !index($0, text)' \
			"$work/found" >"$work/left" && mv "$work/left" "$work/found"
	else
		echo "analysis.supp: not found any more: $tool $file $rest" && bad=1
	fi
done <"$work/known"
if [ -s "$work/found" ]; then cat "$work/found" && bad=1; fi
exit $bad
