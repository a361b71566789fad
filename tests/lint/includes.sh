#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# includes.sh - who may include whom (HACKING.md, layers), and that each
# foreign library is named in its place only. First match decides.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"
allowed() {
	case "$1 $2" in
	cli/report*.c\ common/sink/sqlite_report.h | cli/serve*.c\ common/sink/sqlite_report.h | common/base/*\ common/base/*.h) ;;
	common/base/*\ common/*) return 1 ;;
	common/message/*\ common/message/*.h | common/sink/*\ common/sink/*.h) ;;
	common/report/*\ common/report/*.h | common/report/*\ common/message/*.h) ;;
	common/enrich/*\ common/enrich/*.h | common/enrich/*\ common/report/report.h) ;;
	common/*/*\ common/base/*.h) ;;
	common/sink/*\ common/report/report.h | common/sink/*\ common/report/document.h) ;;
	common/sink/*_again.c\ common/report/category.h) ;;
	common/*/*\ common/*) return 1 ;; # a stage knows no other
	common/*.[ch]\ common/*.h | lmtp/*\ lmtp/*.h | cli/*\ cli/*.h | milter/*\ milter/*.h | imap/*\ imap/*.h) ;;
	lmtp/*\ common/base/*.h | cli/*\ common/base/*.h | milter/*\ common/base/*.h | imap/*\ common/base/*.h) ;;
	lmtp/*\ common/*/* | cli/*\ common/*/* | milter/*\ common/*/* | imap/*\ common/*/*) return 1 ;;
	lmtp/*\ common/*.h | cli/*\ common/*.h | milter/*\ common/*.h | imap/*\ common/*.h) ;;
	*\ common/* | *\ lmtp/* | *\ imap/* | *\ cli/* | *\ milter/* | *\ tests/*) return 1 ;;
	milter/*\ libmilter/mfapi.h | cli/serve*.c\ microhttpd.h) ;;
	*\ libmilter/*) return 1 ;;
	common/message/*\ gmime/* | common/message/*\ glib*.h) ;;
	common/report/xml*.[ch]\ libxml/*) ;;
	common/sink/elastic*\ zlib.h | common/sink/elastic*\ jansson.h) ;;
	common/message/*_gzip*\ zlib.h | common/message/*_zip*\ archive*.h) ;;
	common/sink/sqlite*\ sqlite3.h | common/quarantine_why_read.c\ jansson.h) ;;
	common/report/tls*.[ch]\ jansson.h) ;;
	common/base/sha256.c\ openssl/* | common/base/suffix.c\ libpsl.h | common/base/http*\ curl/*) ;;
	common/base/curl_setup.c\ curl/* | common/base/smtp_send.c\ curl/* | common/base/imap_link.c\ curl/* | common/report/tls*\ jansson.h | cli/setup*\ jansson.h | cli/doctor_queue.c\ jansson.h) ;;
	common/enrich/resolver*.c\ ares.h | common/enrich/ip_db.c\ maxminddb.h) ;;
	common/base/cage_seccomp.c\ seccomp.h) ;;
	common/base/daemon.c\ systemd/* | common/base/listen.c\ systemd/*) ;;
	*\ gmime/* | *\ glib*.h | *\ libxml/* | *\ zlib.h | *\ archive*.h | *\ sqlite3.h | \
		*\ openssl/* | *\ libpsl.h | *\ ares.h | *\ maxminddb.h | *\ systemd/* | *\ seccomp.h | *\ jansson.h | *\ curl/*) return 1 ;;
	esac
}
bad=0
while IFS=: read -r file line name; do
	allowed "$file" "$name" && continue
	echo "$file:$line: must not include $name" && bad=1
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' common lmtp milter imap cli |
	sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]*)[>"].*/:\1/')
exit $bad
