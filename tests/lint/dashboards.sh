#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# dashboards.sh - conf/kibana and conf/grafana are what their script makes.
set -euo pipefail
cd "${srcdir:-$(dirname "$0")/../..}"
command -v python3 >/dev/null || { echo "no python3" && exit 77; }
python3 conf/kibana/make.py --check
