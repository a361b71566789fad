#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh - install what the tests need, build, and run all of them.
#   ./check.sh         what every change must pass
#   ./check.sh --full  and make distcheck, the fresh machine, the benchmark, the slow analyser
# One stage can be named instead: ./check.sh build analysis asan tsan valgrind options package integration faults
# The last line counts everything: "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")"
top=$PWD
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dmarc-intake
logs=$top/build/check
venv=$cache/venv
passed=0 failed=0 skipped=0
times=()
MAKEFLAGS="-j$(nproc)"
export MAKEFLAGS
unset builddir srcdir

count() { # passed failed skipped
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# one NAME COMMAND...: a check that passes, fails, or is skipped (77)
one() {
	local name=$1 rc=0
	shift
	"$@" >"$logs/$name.log" 2>&1 || rc=$?
	case $rc in
	0) count 1 0 0 && echo "PASS: $name" ;;
	77) count 0 0 1 && echo "SKIP: $name: $(tail -n 1 "$logs/$name.log")" ;;
	*) count 0 1 0 && echo "FAIL: $name (build/check/$name.log)" && tail -n 40 "$logs/$name.log" ;;
	esac
	return 0
}

# count what automake noted beside each test of this build
count_trs() {
	local result
	while read -r result; do
		case $result in
		PASS | XFAIL) count 1 0 0 ;;
		SKIP) count 0 0 1 ;;
		*) count 0 1 0 ;;
		esac
	done < <(find "$1" -name '*.trs' -exec sed -n 's/^:test-result: *//p' {} +)
}

# build FOLDER CONFIGURE-OPTION...
build() {
	local folder=$1
	shift
	mkdir -p "$folder"
	(cd "$folder" && { [ -f Makefile ] || ../configure --enable-werror "$@"; } && make && make check TESTS=) \
		>"$logs/$folder.log" 2>&1 || {
		count 0 1 0
		echo "FAIL: $folder does not build (build/check/$folder.log)"
		grep -E 'error|warning|undefined' "$logs/$folder.log" | head -30 || tail -n 30 "$logs/$folder.log"
		return 1
	}
}

make_check() { # FOLDER [MAKE-ARGUMENT...]
	local folder=$1
	shift
	find "$folder" -name '*.trs' -delete
	make -C "$folder" -k check "$@" >"$logs/$folder-check.log" 2>&1 || true
	grep -E '^(PASS|FAIL|SKIP|XPASS|ERROR):' "$logs/$folder-check.log" | grep -v '^PASS' || true
	find "$folder" -name '*.trs' -exec grep -l '^:test-result: *\(FAIL\|ERROR\)' {} + |
		while read -r trs; do echo "--- $trs" && grep -vE '^\[( RUN|  +OK)' "${trs%.trs}.log" | tail -n 40; done
	count_trs "$folder"
}

stage_install() {
	local packages
	mapfile -t packages < <(cat tests/build-packages tests/check-packages)
	tests/install-packages "${packages[@]}"
	[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
	cmp -s tests/requirements.txt "$venv/requirements.txt" || {
		"$venv/bin/pip" -q --disable-pip-version-check install -r tests/requirements.txt
		cp tests/requirements.txt "$venv"
	}
	autoreconf -fi >"$logs/autoreconf.log" 2>&1 || { cat "$logs/autoreconf.log" && return 1; }
}

stage_build() {
	build build || return 0
	make_check build
}

stage_analysis() {
	local tool
	build build || return 0
	for tool in ${1:-gcc tidy cppcheck clang}; do
		one "analysis-$tool" env builddir="$top/build" tests/analysis.sh "$tool"
	done
}
stage_analysis_deep() { stage_analysis clang-deep; }

stage_asan() {
	build build-asan --enable-sanitizers || return 0
	make_check build-asan
}

# unit tests, and clients at each server, under ThreadSanitizer
stage_tsan() {
	build build-tsan --enable-tsan || return 0
	make_check build-tsan "TESTS=$(make -s --no-print-directory -C build-tsan print-unit-tests)"
	one tsan-load-lmtp tests/tsan-load.sh build-tsan lmtp
	one tsan-load-milter tests/tsan-load.sh build-tsan milter
	one tsan-serve tests/tsan-serve.sh build-tsan
}

stage_valgrind() {
	local programs
	build build || return 0
	programs=$(make -s --no-print-directory -C build print-unit-tests)
	# shellcheck disable=SC2086
	(cd build && ../tests/valgrind.sh $programs) >"$logs/valgrind.log" 2>&1 || grep -v '^PASS' "$logs/valgrind.log"
	count "$(grep -c '^PASS' "$logs/valgrind.log")" "$(grep -c '^FAIL' "$logs/valgrind.log")" 0
}

stage_integration() {
	local xml=$logs/pytest.xml n
	build build || return 0
	rm -f "$xml"
	[ -n "${SAMPLES:-}" ] || [ ! -d ../shared/samples ] || export SAMPLES=$top/../shared/samples
	ORACLE_PYTHON=$venv/bin/python builddir=$top/build timeout 1800 "$venv/bin/python" -m pytest \
		-q -p no:cacheprovider --junit-xml="$xml" tests/integration </dev/null || true
	if [ -s "$xml" ]; then
		read -r -a n < <("$venv/bin/python" tests/junit_count.py "$xml")
		count "${n[@]}"
	else
		echo "FAIL: pytest left no result" && count 0 1 0
	fi
}

# a storm of three minutes with a new seed
stage_faults() {
	build build || return 0
	one faults env builddir="$top/build" ORACLE_PYTHON="$venv/bin/python" timeout 600 tests/faults/run 180
	grep -E '^(seed|skipped|[0-9]+ mails)' "$logs/faults.log" || true
}

stage_options() { one options tests/options.sh; }
stage_package() {
	build build || return 0
	one deb env builddir="$top/build" tests/package/deb.sh
	one rpm env builddir="$top/build" tests/package/rpm.sh
}
stage_distcheck() { one distcheck make -C build distcheck; }
stage_fresh() { one fresh tests/fresh.sh; }
stage_bench_quick() { build build && one bench-quick env ORACLE_PYTHON="$venv/bin/python" make -C build bench-quick; }
stage_bench() { one bench make -C build bench; }

stages=(build analysis asan tsan valgrind options package integration faults)
case ${1:-} in
--full) stages+=(distcheck fresh bench_quick bench analysis_deep) ;;
--*) sed -n '3,7p' "$0" >&2 && exit 2 ;;
?*) stages=("$@") ;;
esac
mkdir -p "$logs"
for stage in install "${stages[@]}"; do
	declare -F "stage_$stage" >/dev/null || { echo "no stage $stage" >&2 && exit 2; }
	begin=$SECONDS
	echo "== $stage"
	"stage_$stage" || { echo "FAIL: stage $stage" && count 0 1 0; }
	times+=("$stage $((SECONDS - begin)) s")
	[ "$stage" != install ] || [ "$failed" = 0 ] || break
done
printf '== time\n'
printf '%s\n' "${times[@]}" "all $SECONDS s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
