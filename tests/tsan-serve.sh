#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tsan-serve.sh BUILD - the live page of a ThreadSanitizer build, asked by
# eight at the same time while reports come in ("ingest", of that build too).
# Fails on a report of it, an answer that is not as it should be, or an end
# that is not clean. Exit 77: built without libmicrohttpd.
set -euo pipefail
export DMARC_INTAKE_ENRICH_OFFLINE=yes
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:?BUILD}" && pwd)
work=$(mktemp -d)
pid=
clean_up() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
[[ $("$build/dmarc-intake" --help) == *serve* ]] || { echo "no serve" && exit 77; }
mkdir "$work/state"
printf '[intake]\nstate_path = %s\nlog = stderr\n[sqlite]\npath = %s\n' "$work/state" "$work/state/db" >"$work/conf"
# GMime's own locks are invisible (GMutex), those of the program are not
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66:suppressions=$top/tests/tsan.supp
python3 "$top/tests/bench/mailgen.py" 300 "$work/mails" 7
ingest() { timeout 300 "$build/dmarc-intake" -c "$work/conf" ingest "$@" 2>>"$work/log"; }
ingest "$work"/mails/0000*.eml "$work"/mails/0001*.eml
"$build/dmarc-intake" -c "$work/conf" serve --listen 127.0.0.1:0 >"$work/url" 2>>"$work/log" &
pid=$!
for _ in $(seq 300); do
	[ ! -s "$work/url" ] || break
	sleep 0.1
done
url=$(<"$work/url")
# pages of many filters, so that the cache is filled and emptied; -f: 200 or it fails
for n in $(seq 1 150); do
	for path in "?top=$n" "api/report?top=$n" "api/report.csv?top=$((n % 7 + 1))"; do
		printf 'url=%s%s\n' "$url" "$path"
	done
done >"$work/urls"
split -n l/8 "$work/urls" "$work/part."
ask() { for part in "$work"/part.*; do timeout 300 curl -sSf -K "$part" & done; wait; }
ask >/dev/null 2>"$work/asked" &
asking=$!
ingest "$work"/mails/0002*.eml "$top"/tests/fixtures/*.eml || true # some are broken on purpose
wait "$asking"
kill "$pid"
rc=0
wait "$pid" || rc=$?
pid=
echo "exit code $rc, $(wc -l <"$work/asked") complaints of the clients"
grep -A 40 'WARNING: ThreadSanitizer' "$work/log" | head -150 && exit 1
if [ $rc != 0 ] || [ -s "$work/asked" ]; then
	tail -n 20 "$work/log" "$work/asked"
	exit 1
fi
