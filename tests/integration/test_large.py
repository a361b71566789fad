# SPDX-License-Identifier: Apache-2.0
"""The largest reports there are, from a file and from a pipe: memory does not
grow with them, and a record takes as long as in a small report. FULL=1 asks
for it: it takes a minute and 1.5 GB of temporary space."""
import os
import subprocess
import sys
import zlib

import pytest
from conftest import COMMAND
from report import head_xml, record, record_xml, seeded
from test_bombs import RUN

pytestmark = pytest.mark.skipif(not os.environ.get("FULL"), reason="FULL=1 asks for it")

LARGE, SMALL = 900000, 10000


def pieces(count):
    """A report in pieces: 1,000 different records over and over."""
    rng = seeded("large")
    block = "".join(record_xml(record(rng, "test.example")) for _ in range(1000)).encode()
    yield head_xml(org="large.example", domain="test.example", report_id="large-%d" % count).encode()
    for _ in range(count // 1000):
        yield block
    yield b"</feedback>\n"


def write_plain(path, count):
    with open(path, "wb") as f:
        for piece in pieces(count):
            f.write(piece)


def write_gzip(path, count):
    z = zlib.compressobj(1, zlib.DEFLATED, 31)
    with open(path, "wb") as f:
        for piece in pieces(count):
            f.write(z.compress(piece))
        f.write(z.flush())


def parse(path, tmp_path, stdin=None):
    """Seconds of processor time, MiB and records of one run."""
    out, err = tmp_path / "out", tmp_path / "err"
    launcher = RUN.replace("os.devnull", "sys.argv[0]").replace(
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))", "sys.argv[0] = %r" % str(out))
    run = subprocess.run([sys.executable, "-S", "-c", launcher, str(err), str(COMMAND), "parse", "--format", "ndjson",
                          "-" if stdin else str(path)], stdin=stdin, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    code, seconds, kib = run.stdout.split()
    assert code == "0", err.read_text()
    with open(out, "rb") as f:
        records = sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))
    out.unlink()
    return float(seconds), int(kib) / 1024, records


@pytest.mark.parametrize("kind", ["file", "pipe", "gzip"])
def test_large(tmp_path, kind):
    write = write_gzip if kind == "gzip" else write_plain
    small = tmp_path / "small"
    write(small, SMALL)
    seconds = [parse(small, tmp_path)[0] for _ in range(5)]
    per_record_small = sorted(seconds)[2] / SMALL
    large = tmp_path / "large"
    write(large, LARGE)
    try:
        if kind == "pipe":
            with open(large, "rb") as f, subprocess.Popen(["cat"], stdin=f, stdout=subprocess.PIPE) as cat:
                used, mib, records = parse(large, tmp_path, cat.stdout)
        else:
            used, mib, records = parse(large, tmp_path)
        size = large.stat().st_size
    finally:
        large.unlink()
    print("%s: %d bytes, %.2f s, %.1f MiB, %.2f us a record (%.2f us in a small report)"
          % (kind, size, used, mib, used / LARGE * 1e6, per_record_small * 1e6))
    assert records == LARGE
    assert mib < 64
    assert used / LARGE <= per_record_small * 1.2
