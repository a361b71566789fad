#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# banned.sh - calls that have no place here, in code (not in comments and
# texts), and the form that no compiler checks.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"

names='strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|alloca'
names+='|system|popen|strncpy|strncat|asctime|ctime|localtime|localtime_r|mktime'
names+='|gmtime|getpwnam|getpwuid|getgrnam|getgrgid|strerror|inet_ntoa|gethostbyname'
names+='|tmpnam|mktemp|tempnam|vfork|setlocale|xmlReadMemory|xmlParseMemory'
# localtime and its kin look at TZ; getpwnam, strerror and theirs share a buffer

# what is left of a file without comments, strings and characters
code() {
	sed -E 's/\\"//g; s/"[^"]*"/""/g; s/'\''[^'\'']*'\''/0/g' "$1" |
		sed -E 's#/\*[^*]*\*+([^/*][^*]*\*+)*/##g; \#/\*#,\#\*/#s/.*//'
}

bad=0
while read -r file; do
	if code "$file" | grep -nE "(^|[^A-Za-z0-9_.>])($names)[[:space:]]*\(" |
		sed "s#^#$file:#"; then bad=1; fi
	if code "$file" | grep -nE '(^|[[:space:];{}])//' | sed "s#^#$file: a // comment:#"; then
		bad=1
	fi
	# a format from outside
	if code "$file" | grep -nE '\b(printf|syslog)\([[:space:]]*[a-z_>.-]+\)' | sed "s#^#$file:#"; then bad=1; fi
	case $file in tests/*) continue ;; esac
	if [ "$(head -n 1 "$file")" != '/* SPDX-License-Identifier: Apache-2.0 */' ]; then
		echo "$file:1: no SPDX line" && bad=1
	fi
done < <(find common lmtp milter imap cli tests -name '*.[ch]')
exit $bad
