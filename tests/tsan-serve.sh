#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tsan-serve.sh BUILD - the live page of a ThreadSanitizer build, asked by
# eight at the same time while reports come in ("ingest", of that build too).
# Fails on a report of it, an answer that is not as it should be, or an end
# that is not clean. Exit 77: built without libmicrohttpd.
# shellcheck source=tests/tsan-common.sh
. "$(dirname "$0")/tsan-common.sh" "${1:?BUILD}"
[[ $("$build/dmarc-intake" --help) == *serve* ]] || { echo "no serve" && exit 77; }
printf '[intake]\nstate_path = %s\nlog = stderr\n[sqlite]\npath = %s\n' "$work/state" "$work/state/db" >"$work/conf"
python3 "$top/tests/bench/mailgen.py" 300 "$work/mails" 7
ingest() { timeout 300 "$build/dmarc-intake" -c "$work/conf" ingest "$@" 2>>"$work/log"; }
ingest "$work"/mails/0000*.eml "$work"/mails/0001*.eml || { rc=$? && check_log; }
"$build/dmarc-intake" -c "$work/conf" serve --listen 127.0.0.1:0 >"$work/url" 2>>"$work/log" &
pid=$!
wait_until -s "$work/url"
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
end_program
echo "exit code $rc, $(wc -l <"$work/asked") complaints of the clients"
check_log
[ ! -s "$work/asked" ] || { tail -n 20 "$work/asked" && exit 1; }
