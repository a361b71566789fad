# SPDX-License-Identifier: Apache-2.0
"""The scripts of tests/milter with miltertest, an independent milter client
(OpenDKIM's). common.lua there tells what a script's first lines may say."""
import contextlib
import re
import shutil
import subprocess

import pytest

from conftest import FIXTURES, TOP
from milter import Client, needs_milter, send_in, site  # noqa: F401

SCRIPTS = sorted(p for p in (TOP / "tests" / "milter").glob("*.lua") if p.name != "common.lua")
pytestmark = [needs_milter, pytest.mark.skipif(shutil.which("miltertest") is None, reason="no miltertest here")]


@pytest.mark.parametrize("script", [pytest.param(p, id=p.stem) for p in SCRIPTS])
def test_script(site, script):
    lines = re.findall(r"(?m)^--(\w+) ?(.*)$", script.read_text())
    milter = site.milter(**dict(value.split(" = ") for kind, value in lines if kind == "milter"))
    before, lock = 0, contextlib.nullcontext()
    if ("locked", "") in lines:
        c = Client(milter)
        send_in(milter, c)
        c.close()
        before, lock = milter.records(), contextlib.closing(milter.lock())
    with lock:
        run = subprocess.run(["miltertest", "-s", str(script), "-D", "socket=unix:%s" % milter.socket,
                              "-D", "top=%s" % script.parent, "-D", "mails=%s" % FIXTURES],
                             capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    for kind, value in lines:
        assert kind in ("milter", "locked", "records", "log")
        if kind == "records":
            assert milter.records() - before == int(value)
        elif kind == "log":
            assert value in milter.log()
    assert milter.stop() == 0, "it is well"
