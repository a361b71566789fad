#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py - has a ratio fallen since baseline.json? For who changes hot code: make bench-check.

A short run (fewer pairs) of the rows that a change of code moves and that another machine's speed does not; each is compared
with the row of the same name in baseline.json. Exit code 1 when one is more than 20 % worse. `table.py --baseline` writes
a new baseline out of the last whole run.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
ROWS = (("reading.py", "small"), ("reading.py", "large"), ("serving.py", "sqlite"), ("serving.py", "cpu"))
WORSE = 0.2


def main():
    baseline = json.loads((FOLDER / "baseline.json").read_text())
    with tempfile.TemporaryDirectory(prefix="intake-bench.") as top:
        results = pathlib.Path(top) / "bench.json"
        env = {**os.environ, "BENCH_RESULTS": str(results), "BENCH_SHORT": "1"}
        for script, row in ROWS:
            subprocess.run([sys.executable, str(FOLDER / script), row], check=True, env=env, timeout=1800)
        measured = json.loads(results.read_text())
    worse = 0
    for key in sorted(set(measured) & set(baseline)):
        now, then = measured[key]["median"], baseline[key]["median"]
        change = now / then - 1 if measured[key]["higher_is_better"] else then / now - 1
        worse += change < -WORSE
        print("%-24s %8.3g, baseline %8.3g: %+.0f %%%s" % (key, now, then, 100 * change, " WORSE" if change < -WORSE else ""))
    print("%d of %d ratios are more than %.0f %% worse" % (worse, len(set(measured) & set(baseline)), 100 * WORSE))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
