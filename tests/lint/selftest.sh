#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# selftest.sh - each lint is seen to fail on a planted violation, and to pass
# without it: a lint that cannot fail is none.
set -euo pipefail
lints=$(cd "$(dirname "$0")" && pwd)
top=$(mktemp -d) && trap 'rm -rf "$top"' EXIT
mkdir -p "$top"/{common/base,common/report,common/sink,common/message,lmtp,milter,imap,cli,tests,b}
spdx='/* SPDX-License-Identifier: Apache-2.0 */'
[ ! -f "$lints/../../.clang-format" ] || cp "$lints/../../.clang-format" "$top"

bad=0
# plant LINT FILE LINE: the lint must pass before and fail with it
plant() {
	printf '%s\nint x(void);\n' "$spdx" >"$top/$2"
	srcdir=$top bash "$lints/$1.sh" >/dev/null || {
		echo "$1 fails without a violation" && bad=1
	}
	printf '%s\n' "$3" >>"$top/$2"
	if srcdir=$top bash "$lints/$1.sh" >/dev/null; then
		echo "$1 does not see: $3 (in $2)" && bad=1
	fi
	rm "$top/$2"
}
while read -r lint file line; do plant "$lint" "$file" "$line"; done <<'E'
includes common/base/a.c #include "common/report/report.h"
includes common/report/a.c #include "common/sink/sink.h"
includes common/sink/a.c #include "common/message/message.h"
includes common/sink/a.c #include "common/report/xml.h"
includes common/message/a.c # include "common/report/report.h"
includes common/message/a.c #include "lmtp/reply.h"
includes lmtp/a.c #include "common/sink/sink.h"
includes lmtp/a.c #include "cli/cli.h"
includes cli/parse.c #include "common/sink/sqlite_report.h"
includes cli/a.c #include <sqlite3.h>
includes milter/a.c #include "lmtp/mail.h"
includes milter/a.c #include "common/sink/sink.h"
includes imap/a.c #include "lmtp/mail.h"
includes imap/a.c #include <curl/curl.h>
includes lmtp/a.c #include <libmilter/mfapi.h>
includes common/base/a.c #include <gmime/gmime.h>
includes common/report/a.c #include <zlib.h>
banned lmtp/a.c int y(void) { return atoi("1"); }
banned common/a.c int y(char *p) { strcpy (p, "x"); return 0; }
banned common/a.c // a comment
banned cli/a.c void y(const char *p) { printf(p); }
banned tests/a.c int y(void) { return system("x"); }
format common/a.c int  y(void);
E
# not calls: a longer name, a comment, a text
printf '%s\n/* strcpy(a) */\nint my_atoi(int x);\nconst char *t = "gets(x)";\n' "$spdx" >"$top/cli/a.c"
srcdir=$top bash "$lints/banned.sh" || bad=1

for code in 'static int n; int *f(void); int *f(void) { return &n; }' 'int shared = 3;'; do
	printf '%s\n' "$code" >"$top/b/a.c"
	(cd "$top/b" && ${CC:-cc} -fPIE -c a.c && rm -f libcommon.a && ar rc libcommon.a a.o)
	if builddir=$top/b bash "$lints/statics.sh" >/dev/null; then
		echo "statics does not see: $code" && bad=1
	fi
done
echo 'static const char *const t[] = { "a" }; const char *f(int); const char *f(int i) { return t[i]; }' >"$top/b/a.c"
(cd "$top/b" && ${CC:-cc} -fPIE -c a.c && rm -f libcommon.a && ar rc libcommon.a a.o)
builddir=$top/b bash "$lints/statics.sh" || bad=1

# hardening.sh: a program with all of it, and one for each thing that is gone
cat >"$top/b/h.c" <<'E'
#include <string.h>
int main(int n, char **v)
{
	char t[40];
	memcpy(t, v[0], (size_t)n);
	return t[v[0][0] & 7];
}
E
hardened() {
	(cd "$top/b" && ${CC:-cc} -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -pie \
		-Wl,-z,relro,-z,now,-z,noexecstack "$@" -o dmarc-intake-x h.c) &&
		builddir=$top/b bash "$lints/hardening.sh"
}
hardened || bad=1
for without in -no-pie -Wl,-z,norelro -Wl,-z,lazy -Wl,-z,execstack -fno-stack-protector \
	-U_FORTIFY_SOURCE -Wl,-rpath,/x; do
	rm -f "$top/b/dmarc-intake-x"
	if hardened "$without" >"$top/b/said"; then
		echo "hardening does not see: $without" && bad=1
	fi
	[ -x "$top/b/dmarc-intake-x" ] || { echo "$without: not built" && bad=1; }
done
exit $bad
