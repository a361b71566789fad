# SPDX-License-Identifier: Apache-2.0
"""import-config: what Python's own configparser finds in a file of parsedmarc is
in ours or named, our programs take the result, and its passwords are nobody's."""
import configparser
import os
import subprocess

import pytest
from conftest import COMMAND, FIXTURES

SAMPLES = sorted((FIXTURES / "parsedmarc").glob("*.ini"))
NOINPUT, CANTCREAT, CONFIG = 66, 73, 78


def run(*args):
    return subprocess.run([str(COMMAND), *map(str, args)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.name)
def test_each_key_is_there_or_named(sample, tmp_path):
    made = tmp_path / "intake.conf"
    done = run("import-config", "-o", made, sample)
    assert done.returncode == 0, done.stderr
    assert made.stat().st_mode & 0o777 == 0o600
    theirs = configparser.ConfigParser(interpolation=None)
    theirs.read(sample)
    ours = made.read_text()
    for section in theirs.sections():
        for key in set(theirs[section]) - set(theirs.defaults()):
            name = "[%s] %s" % (section, key)
            if key != "ssl":  # it is in the URLs of hosts
                assert "# %s, line " % name in ours or "no counterpart: %s (line " % name in done.stderr
    printed = run("-c", made, "check", "--print")
    assert printed.returncode == 0, printed.stderr
    assert run("import-config", sample).stdout.splitlines()[1:] == ours.splitlines()[1:]


def test_secrets_stay_where_they_are_meant(tmp_path):
    made = tmp_path / "intake.conf"
    made.write_text("mine")
    sample = FIXTURES / "parsedmarc" / "old.ini"
    done = run("import-config", "-o", made, sample)
    assert done.returncode == CANTCREAT and "--force" in done.stderr and made.read_text() == "mine"
    made.chmod(0o664)
    done = run("import-config", "--force", "--output", made, sample)
    assert done.returncode == 0, done.stderr
    assert made.stat().st_mode & 0o777 == 0o640 and "bm90OnJlYWw=" in made.read_text()
    assert "bm90OnJlYWw=" not in done.stderr and "HECTokenGoesHere" not in done.stderr + made.read_text()
    assert os.listdir(tmp_path) == ["intake.conf"]


def test_what_parsedmarc_would_refuse(tmp_path):
    ini = tmp_path / "p.ini"
    ini.write_text("[elasticsearch]\nuser = a\n")
    made = tmp_path / "intake.conf"
    done = run("import-config", "-o", made, ini)
    assert done.returncode == CONFIG and "hosts" in done.stderr
    ini.write_text("user = a\n")
    assert run("import-config", ini).returncode == CONFIG
    done = run("import-config", tmp_path / "none.ini")
    assert done.returncode == NOINPUT and "none.ini" in done.stderr
    ini.write_text("[general]\n")
    assert run("import-config", "-o", tmp_path / "none" / "intake.conf", ini).returncode == CANTCREAT
