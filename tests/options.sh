#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# options.sh - configure where libraries are missing. What must be there is
# named with its package, all of it at once; without the optional libraries,
# all together and one by one, the tree builds, says so, and passes its tests.
# The optional libraries are those that configure.ac has as INTAKE_MAY.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cc=gcc
! command -v ccache >/dev/null || cc="ccache gcc"

fail() {
	echo "FAIL: $*"
	exit 1
}

configure() {
	"$top/configure" --enable-werror CC="$cc" CFLAGS=-O0 "$@" >configure.out 2>&1
}

# nothing is found: each package is named, with libsystemd as it is asked for
mkdir "$work/nothing" "$work/bare" && cd "$work/nothing"
! PKG_CONFIG_LIBDIR=$work/nothing configure --with-systemd || fail "configure is content with nothing"
for package in $(grep -E '^INTAKE_NEEDS' "$top/configure.ac" | grep -oE '[a-z0-9.-]+-dev') libsystemd-dev; do
	grep -qE "apt-get install.* $package( |$)" configure.out ||
		{ cat configure.out && fail "configure does not name $package"; }
done

options=(--disable-milter)
while read -r name; do
	options+=("--without-$name")
done < <(sed -nE 's/^INTAKE_MAY\(\[[A-Z]+\], \[([a-z]+)\],.*/\1/p' "$top/configure.ac")
[ ${#options[@]} -gt 1 ] || fail "no optional library found in configure.ac"

build() { # OPTION...: what differs is compiled again
	local option
	configure "$@" || { cat configure.out && fail "configure $*"; }
	for option in "$@"; do
		grep -qF "no ($option)" configure.out || fail "the summary does not say $option"
	done
	grep -rl --include='*.c' HAVE_ "$top"/{common,lmtp,milter,imap,cli,tests/unit} 2>/dev/null |
		sed "s|^$top/||; s|\.c$|.o|" | xargs rm -f || true
	make -j"$(nproc)" >make.out 2>&1 || { tail -n 30 make.out && fail "make after configure $*"; }
}

cd "$work/bare"
build "${options[@]}"
[ ! -e dmarc-intake-milter ] || fail "--disable-milter builds it"
! ldd dmarc-intake-lmtpd | grep -q libsystemd || fail "--without-systemd links it"
make -j"$(nproc)" check TESTS="$(make -s --no-print-directory print-unit-tests) tests/golden/golden.sh" \
	>check.out 2>&1 || { grep -E '^(FAIL|ERROR)' check.out || tail -n 30 check.out && fail "make check after configure ${options[*]}"; }
grep -E '^# (TOTAL|PASS)' check.out
for option in "${options[@]}"; do
	build "$option"
	srcdir=$top builddir=$PWD bash "$top/tests/golden/golden.sh" >golden.out ||
		{ cat golden.out && fail "golden after configure $option"; }
	echo "built and tried with $option"
done
