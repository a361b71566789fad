# SPDX-License-Identifier: Apache-2.0
"""What the rows of the speed table share: timing side by side, and keeping results."""
import json
import os
import pathlib
import statistics
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("builddir", TOP / "build"))
RESULTS = pathlib.Path(os.environ.get("BENCH_RESULTS", BUILD / "bench.json"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "dmarc-intake"
ORACLE = pathlib.Path(os.environ.get("ORACLE_PYTHON", CACHE / "venv" / "bin" / "python"))
QUICK = os.environ.get("BENCH_QUICK") == "1"  # does each row still run? its figures say nothing
SHORT = os.environ.get("BENCH_SHORT") == "1"  # check.py's
PAIRS = 2 if QUICK else 3 if SHORT else 7


def run(command, folder, out="out"):
    """Wall seconds and MiB resident of a process; its output goes to a file."""
    start = time.monotonic()
    with open(folder / out, "wb") as f, open(folder / "err", "wb") as err:
        child = subprocess.Popen([str(c) for c in command], stdout=f, stderr=err, cwd=folder)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (command, child.returncode, (folder / "err").read_text(errors="replace")[-500:])
    return time.monotonic() - start, used.ru_maxrss / 1024


def intake(*args):
    return [BUILD / "dmarc-intake", "-c", "/dev/null", *args]


def pairs(first, second, count=PAIRS):
    """[(first(), second())] in turns: what else the machine does hits both."""
    made = []
    for n in range(count):
        if n % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        made.append((a, b))
    return made


def spread(values):
    """Median, least, most."""
    return statistics.median(values), min(values), max(values)


def keep(key, work, against, goal, is_met, values, unit, note=""):
    """One row of the table: the median and the spread of values, and what was asked for."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    middle, least, most = spread(values)
    results[key] = dict(work=work, against=against, goal=goal, median=middle, least=least, most=most, runs=len(values),
                        unit=unit, is_met=bool(is_met(middle)), higher_is_better=bool(is_met(1e9)), note=note,
                        date=time.strftime("%Y-%m-%d"))
    if not QUICK:
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    print("%-22s %s, against %s: %.3g%s (%.3g to %.3g, %d runs), goal %s: %s %s"
          % (key, work, against, middle, unit, least, most, len(values), goal,
             "met" if results[key]["is_met"] else "MISSED", note), flush=True)
