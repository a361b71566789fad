#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# format.sh - the form that .clang-format describes. Names every file that
# differs; clang-format -i FILE mends it.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"
command -v clang-format >/dev/null || { echo "no clang-format here" && exit 77; }

bad=0
while read -r file; do
	clang-format --dry-run -Werror "$file" 2>/dev/null && continue
	echo "$file: clang-format -i would change it" && bad=1
done < <(find common lmtp milter imap cli tests -name '*.[ch]')
exit $bad
