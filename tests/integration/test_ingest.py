# SPDX-License-Identifier: Apache-2.0
"""ingest behaves as the IMAP reader does: killed at any moment, it goes on and
stores each record once; in a Maildir each mail ends in its right folder."""
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import mailgen
import pytest
from conftest import COMMAND, FIXTURES, preload

MAILS = 500
KILLS = 10
RIGHT = {  # what a file is, and where "move" takes it
    "aggregate": ("gzip_multipart.eml", ".Archive.Aggregate/cur/1:2,S"),
    "failure": ("failure_headers.eml", ".Archive.Failure/cur/1:2,S"),
    "tls": ("tls_gzip.eml", ".Archive.SMTP-TLS/cur/1:2,S"),
    "unreadable": ("truncated_gzip.eml", ".Archive.Invalid/new/1"),
    "human": ("human.eml", "new/1"),
    "a part of it": ("one_of_two_cut.eml", ".Archive.Invalid/new/1"),
}


def maildir(path):
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    return path


def mails_in(path):
    return sorted(str(p.relative_to(path)) for sub in ("new", "cur") for p in path.glob("**/%s/*" % sub))


class Ingest:
    def __init__(self, folder, extra=""):
        self.state = folder / "state"
        self.state.mkdir()
        self.conf = folder / "intake.conf"
        self.conf.write_text("[intake]\nstate_path = %s\n%s" % (self.state, extra))

    def run(self, *args):
        return subprocess.run([str(COMMAND), "-c", str(self.conf), "ingest", *map(str, args)], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=300)

    def run_and_kill(self, seconds, *args):
        """True when it was killed in the middle."""
        with subprocess.Popen([str(COMMAND), "-c", str(self.conf), "ingest", *map(str, args)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.kill()
            return process.wait(30) == -signal.SIGKILL

    def records(self):
        with sqlite3.connect(self.state / "dmarc-intake.db") as db:
            return dict(db.execute(
                "SELECT r.report_id, count(*) FROM aggregate_record AS c JOIN aggregate_report AS r"
                " ON r.id = c.report_id WHERE r.complete GROUP BY r.report_id"))


@pytest.mark.parametrize("what", RIGHT)
def test_mail_goes_to_its_folder(what, tmp_path):
    file, place = RIGHT[what]
    md = maildir(tmp_path / "md")
    shutil.copy(FIXTURES / file, md / "new" / "1")
    ingest = Ingest(tmp_path, "[maildir]\nmark = move\npath = %s\n" % md)
    ingest.run()
    assert mails_in(md) == [place]
    assert next(md.glob(place)).read_bytes() == (FIXTURES / file).read_bytes()


NFS = """#include <errno.h>
int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	(void)a, (void)from, (void)b, (void)to, (void)flags;
	errno = EINVAL;
	return -1;
}
"""


def test_a_file_system_that_has_no_such_rename(tmp_path, monkeypatch):
    """As NFS has none that replaces nothing. One of the mails is there twice, as after a crash between the two steps."""
    library = preload(tmp_path, NFS, COMMAND)
    box = maildir(tmp_path / "Maildir")
    report, taken = (FIXTURES / "gzip_multipart.eml").read_bytes(), b"another mail"
    archive = maildir(box / ".Archive.Aggregate") / "cur"
    for name in ("1", "2", "3"):
        (box / "new" / name).write_bytes(report)
    os.link(box / "new" / "2", archive / "2:2,S")
    (archive / "3:2,S").write_bytes(taken)
    ingest = Ingest(tmp_path, "[maildir]\nmark = move\n")
    monkeypatch.setenv("LD_PRELOAD", library)
    run = ingest.run(box)
    assert run.returncode == 73 and "File exists" in run.stderr, run.stderr
    assert mails_in(box) == [".Archive.Aggregate/cur/%d:2,S" % n for n in (1, 2, 3)] + ["new/3"]
    assert (archive / "3:2,S").read_bytes() == taken


def test_nothing_is_touched_unless_it_is_said(tmp_path):
    md = maildir(tmp_path / "md")
    for n, (file, _) in enumerate(RIGHT.values()):
        shutil.copy(FIXTURES / file, md / "new" / str(n))
    before = sorted(os.walk(tmp_path / "md"))
    Ingest(tmp_path).run(md)
    assert sorted(os.walk(tmp_path / "md")) == before


def test_too_large_is_unreadable(tmp_path):
    md = maildir(tmp_path / "md")
    (md / "new" / "1").write_bytes((FIXTURES / "gzip_multipart.eml").read_bytes() + b"\n" * 100000)
    ingest = Ingest(tmp_path, "[maildir]\nmark = delete\n[limits]\nmessage = 50000\n")
    done = ingest.run(md)
    assert done.returncode == os.EX_DATAERR and "larger than 50000 bytes" in done.stderr
    assert mails_in(md) == [".Archive.Invalid/new/1"]


def test_a_folder_that_is_not_ours_to_change(tmp_path):
    """The records are stored, the mail stays, and it is told."""
    md = maildir(tmp_path / "md")
    shutil.copy(FIXTURES / "gzip_multipart.eml", md / "new" / "1")
    (md / ".Archive.Aggregate").write_text("in the way")
    ingest = Ingest(tmp_path, "[maildir]\nmark = move\n")
    done = ingest.run(md)
    assert done.returncode == os.EX_CANTCREAT and "new/1: folder " in done.stderr
    assert ingest.records() and mails_in(md) == ["new/1"]


def sources(kind, folder, count):
    """count mails in a mbox, a Maildir or a folder; what they hold."""
    paths, expected = mailgen.write(count, folder / "made", seed=7)
    if kind == "folder":
        return folder / "made", expected
    if kind == "mbox":
        with open(folder / "mbox", "wb") as out:
            for path in paths:
                with open(path, "rb") as f:
                    out.write(b"From r@r.example Thu Jan  1 00:00:00 2026\n" + f.read() + b"\n")
        return folder / "mbox", expected
    md = maildir(folder / "md")
    for n, path in enumerate(paths):
        os.rename(path, md / ("new/%d" % n if n % 2 else "cur/%d:2,F" % n))
    shutil.copy(FIXTURES / "human.eml", md / "new" / "human")
    return md, expected


@pytest.mark.parametrize("kind", ["mbox", "folder", "maildir"])
def test_killed_again_and_again(kind, tmp_path):
    source, expected = sources(kind, tmp_path, MAILS)
    ingest = Ingest(tmp_path, "[maildir]\nmark = move\n")
    rng, killed = random.Random(3), 0
    for _ in range(KILLS):
        killed += ingest.run_and_kill(rng.uniform(0.02, 0.15), source)
    assert killed > 0
    done = ingest.run(source)
    assert ingest.records() == expected, done.stderr
    if kind == "maildir":
        left = mails_in(source)
        assert [p for p in left if not p.startswith(".")] == ["new/human"]
        assert len(left) == MAILS + 1
        assert all(p.startswith(".Archive.Aggregate/cur/") for p in left if p != "new/human")


def test_jobs_change_nothing(tmp_path):
    """One after the other or many together: the same records, the same counts."""
    source, expected = sources("mbox", tmp_path, 200)
    counts = set()
    for jobs in (1, 16):
        (tmp_path / str(jobs)).mkdir()
        ingest = Ingest(tmp_path / str(jobs))
        done = ingest.run("-j", jobs, source)
        assert done.returncode == 0, done.stderr
        counts.add(done.stdout)
        assert ingest.records() == expected
    assert len(counts) == 1
    for jobs in ("0", "65", "x"):
        assert ingest.run("--jobs", jobs, source).returncode == os.EX_USAGE
