# SPDX-License-Identifier: Apache-2.0
"""A mail that ends the daemon ends it once: it comes again, and is kept unread.

The crash is planted: a library in front of libxml2 makes a null pointer of one
report's name, or overflows the stack on another's; one in front of SQLite does
so where a third's is written.
"""
import concurrent.futures
import os
import signal
import sqlite3
import subprocess
from random import Random

import pytest
from conftest import COMMAND, LMTPD, Intake, preload, wait_for
from lmtp import deliver
from report import head_xml, record, record_xml

PLANT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>
static int deeper(int n) { volatile char room[4096]; room[n % 4096] = 1; return n < 0 ? 0 : deeper(n + 1) + room[0]; }
static int (*real_read)(void *, char *, int);
static int read_and_crash(void *context, char *p, int len)
{
	int n = real_read(context, p, len);
	if (n > 0 && memmem(p, n, "planted-null", 12) != NULL)
		*(volatile int *)0 = 1;
	return n > 0 && memmem(p, n, "planted-stack", 13) != NULL ? deeper(1) : n;
}
void *xmlCreateIOParserCtxt(void *sax, void *data, int (*read)(void *, char *, int), int (*close)(void *), void *context,
    int encoding)
{
	void *(*real)(void *, void *, int (*)(void *, char *, int), int (*)(void *), void *, int) =
	    dlsym(RTLD_NEXT, "xmlCreateIOParserCtxt");
	real_read = read;
	return real(sax, data, read_and_crash, close, context, encoding);
}
int sqlite3_bind_text(void *statement, int i, const char *text, int length, void (*destroy)(void *))
{
	int (*real)(void *, int, const char *, int, void (*)(void *)) = dlsym(RTLD_NEXT, "sqlite3_bind_text");
	if (text != NULL && strncmp(text, "planted-sql", 11) == 0)
		*(volatile int *)0 = 1;
	return real(statement, i, text, length, destroy);
}
int sem_init(void *sem, int is_shared, unsigned value) /* of who goes to stand in line for the transaction */
{
	int (*real)(void *, int, unsigned) = dlsym(RTLD_NEXT, "sem_init");
	return write(2, "in line\n", 8) == 8 ? real(sem, is_shared, value) : -1;
}
"""


def mail(name):
    xml = head_xml("%s.example" % name, "d.test.example", name) + \
        record_xml(record(Random(1), "d.test.example")) + "</feedback>\n"
    return ("From: a@%s.example\r\nTo: reports@test.example\r\nMessage-ID: <%s@r.example>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/xml\r\n\r\n%s" % (name, name, xml)).encode()


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Daemons that are started from now on have the crash in them."""
    monkeypatch.setenv("LD_PRELOAD", preload(tmp_path, PLANT, LMTPD))


@pytest.mark.parametrize("name", ["planted-null", "planted-stack"])
def test_once_and_never_again(tmp_path, planted, monkeypatch, name):
    intake = Intake(tmp_path).start()
    try:
        assert deliver(intake.listen, mail("before"))[0].startswith("250")
        assert deliver(intake.listen, mail(name)) == [""]  # no reply: the sender has it still
        assert intake.process.wait(20) == -signal.SIGSEGV
        intake.start()
        # the MTA comes again, with the neighbours
        names = [name] + ["neighbour-%d" % n for n in range(9)]
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            replies = list(pool.map(lambda n: deliver(intake.listen, mail(n))[0], names))
        assert all(r.startswith("250") for r in replies), intake.log()
        assert [r[0] for r in intake.records()] == ["before"] + names[1:]
        assert intake.kept() == [mail(name)]
        assert "crashed on this mail" in intake.log()
        # once the fault is out of the program, the mail is read
        monkeypatch.delenv("LD_PRELOAD")
        intake.stop()
        subprocess.run([str(COMMAND), "-c", str(intake.conf), "replay", "--kept"], check=True, timeout=60,
                       capture_output=True, env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"})
        assert sorted(r[0] for r in intake.records()) == sorted(["before"] + names)
        wait_for(lambda: intake.kept() == [])
    finally:
        intake.stop()


def test_who_writes_for_others_is_not_blamed(tmp_path, planted):
    """Mails of a moment share a transaction, which one of their threads writes."""
    intake = Intake(tmp_path).start()
    names = ["a", "b", "c", "planted-sql", "d", "e"]
    try:
        assert deliver(intake.listen, mail("before"))[0].startswith("250")
        told = intake.log().count("in line\n")
        db = sqlite3.connect(intake.database, isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            replies = []
            for name in names:  # the first of them leads
                replies.append(pool.submit(deliver, intake.listen, mail(name)))
                wait_for(lambda: intake.log().count("in line\n") == told + len(replies))
            db.close()
            assert all(r.result() == [""] for r in replies)
        assert intake.process.wait(20) == -signal.SIGSEGV
        intake.start()
        assert all(deliver(intake.listen, mail(n))[0].startswith("250") for n in names)
        assert intake.kept() == [mail("planted-sql")]
        assert sorted(r[0] for r in intake.records()) == sorted(["before"] + [n for n in names if n != "planted-sql"])
    finally:
        intake.stop()
