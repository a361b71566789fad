#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# schema.sh - doc/record-schema.md names every field of each kind of document
# with its type, and no field that there is none of; the templates for
# Elasticsearch and the tables of SQLite have the same ones.
set -euo pipefail
top=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
build=${builddir:-$top/build}
command -v python3 >/dev/null || { echo "no python3 here" && exit 77; }
[ -x "$build/dmarc-intake" ] || { echo "$build/dmarc-intake is not built" && exit 77; }
python3 "$top/tests/lint/schema.py" "$top" "$build"
