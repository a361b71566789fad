# SPDX-License-Identifier: Apache-2.0
"""Field for field, "parse" says what parsedmarc says of the samples.

SAMPLES is the folder of the samples, ORACLE_PYTHON the virtual environment
that parsedmarc 11.1.0 is installed in.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "oracle"))

import compare  # noqa: E402
import exceptions  # noqa: E402

ORACLE_VERSION = "11.1.0"
SAMPLES = Path(os.environ.get("SAMPLES", "/work/shared/samples"))
VENV = Path(os.environ.get("ORACLE_PYTHON", "/tmp/pdvenv"))
# the environment or the interpreter in it: both are understood
ORACLE = VENV if VENV.is_file() else VENV / "bin" / "python"
PROGRAM = Path(os.environ.get("builddir", TOP / "build")) / "dmarc-intake"


def files():
    folders = (SAMPLES / "aggregate", SAMPLES / "failure", SAMPLES / "tls")
    return sorted(f for d in folders for f in d.rglob("*") if f.is_file())


# fixtures of failure reports that parsedmarc reads, without the quirks in
# which it is wrong
FAILURES = ("network", "portal", "office", "headers", "qp", "repr", "hidden_base64", "forwarded", "date_of_mail")


@pytest.fixture(scope="module")
def oracle():
    if not ORACLE.exists():
        pytest.skip(f"no parsedmarc: {ORACLE} is not there (ORACLE_PYTHON)")
    version = subprocess.run(
        [ORACLE, "-c", "from importlib.metadata import version as v;"
         "print(v('parsedmarc'))"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout.strip()
    assert version == ORACLE_VERSION
    return str(ORACLE)


@pytest.mark.skipif(not files(), reason=f"no samples below {SAMPLES} (SAMPLES)")
@pytest.mark.parametrize("file", files(), ids=lambda f: f.name)
def test_sample(oracle, file):
    c = compare.compare(str(PROGRAM), oracle, str(file))
    assert not c.differences, "\n".join(c.differences)
    assert not list(compare.unused_exceptions([c]))


@pytest.mark.parametrize("name", FAILURES)
def test_failure_fixture(oracle, name):
    c = compare.compare(str(PROGRAM), oracle, str(TOP / "tests" / "fixtures" / f"failure_{name}.eml"))
    assert not c.differences, "\n".join(c.differences)
    assert not list(compare.unused_exceptions([c]))


def test_a_difference_is_seen():
    """The comparison itself can fail, in every way that matters."""
    base = {"a": 1, "records": [{"count": 1, "source": {"asn": 7}}]}
    for ours in (
        {"a": 2, "records": base["records"]},
        {"a": "1", "records": base["records"]},
        {"a": 1.0, "records": base["records"]},
        {"records": base["records"]},
        {"a": 1, "b": None, "records": base["records"]},
        {"a": 1, "records": []},
        {"a": 1, "records": [{"count": 2, "source": {"asn": 7}}]},
        {"records": base["records"], "a": 1},
    ):
        c = compare.Comparison("x")
        c.report("r", ours, base)
        assert c.differences, ours


def test_exceptions_are_met():
    """Only what is listed may differ, and the list says why."""
    c = compare.Comparison("x")
    theirs = {"records": [{"source": {"asn": 7, "country": "US"}}]}
    c.report("r", {"records": [{"source": {"asn": None, "country": None}}]}, theirs)
    assert not c.differences
    for fields in (exceptions.JSON_FIELDS, exceptions.CSV_FIELDS, exceptions.DOCUMENT_FIELDS):
        assert all(fields.values())
    assert all(len(value) == 5 and value[4] for value in exceptions.VALUES)
