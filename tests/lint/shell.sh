#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shell.sh - shellcheck on every script of the tree.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"
command -v shellcheck >/dev/null || { echo "no shellcheck here" && exit 77; }

scripts=()
while IFS= read -r -d '' file; do
	if head -n 1 "$file" | grep -aqE '^#!.*\b(ba)?sh\b'; then scripts+=("$file"); fi
done < <(find ./*.sh .ci .githooks tests packaging -type f -not -name '*.[ch]' -print0 2>/dev/null)
shellcheck -x -P SCRIPTDIR "${scripts[@]}"
[ ${#scripts[@]} -gt 5 ] || { echo "only ${#scripts[@]} scripts found" && exit 1; }
