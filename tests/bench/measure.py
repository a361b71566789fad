# SPDX-License-Identifier: Apache-2.0
"""What the rows of the speed table share: timing side by side, and keeping results."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("builddir", TOP / "build"))
RESULTS = pathlib.Path(os.environ.get("BENCH_RESULTS", BUILD / "bench.json"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "dmarc-intake"
ORACLE = pathlib.Path(os.environ.get("ORACLE_PYTHON", CACHE / "venv" / "bin" / "python"))
QUICK = os.environ.get("BENCH_QUICK") == "1"  # does each row still run? its figures say nothing
SHORT = os.environ.get("BENCH_SHORT") == "1"  # check.py's
PAIRS = 2 if QUICK else 3 if SHORT else 7


# Linux counts as a process's most resident memory also that of the one which started it, so that must be a small one.
LAUNCHER = """
import os, sys, time
start = time.monotonic()
_, status, used = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
os.write(int(sys.argv[1]), b"%f %d %d" % (time.monotonic() - start, used.ru_maxrss, os.waitstatus_to_exitcode(status)))
"""


def run(command, folder, out="out"):
    """Wall seconds and MiB resident of a process; its output goes to a file."""
    answer, told = os.pipe()
    with open(folder / out, "wb") as f, open(folder / "err", "wb") as err:
        subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, str(told), *map(str, command)], stdout=f, stderr=err,
                       cwd=folder, pass_fds=[told], check=False)
    os.close(told)
    with os.fdopen(answer) as f:
        took, resident, code = f.read().split()
    assert code == "0", (command, code, (folder / "err").read_text(errors="replace")[-500:])
    return float(took), int(resident) / 1024


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
