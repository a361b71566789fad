# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake doctor at a private Postfix: each planted mistake is found, with
the advice that mends it, and a good installation has none."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import COMMAND, free_port, needs_postfix, wait_for
from milter import Milter, needs_milter

pytestmark = needs_postfix
RUA = "rua@test.example"


class Patient:
    """An installation as the guide has it: Postfix, its transport, the daemon."""

    def __init__(self, world, **env):
        state = world.folder / "state"
        state.mkdir(0o750)
        shutil.chown(state, "mail")
        self.intake = world.intake()
        self.intake.conf.write_text(self.intake.conf.read_text().replace(
            "[intake]\n", "[intake]\nrecipients = %s\n" % RUA, 1))
        self.intake.conf.chmod(0o640)
        self.postfix = world.postfix(self.intake.listen, **env)
        self.etc = self.postfix.folder / "etc"
        self.set("message_size_limit = 104857600")

    def set(self, line):
        subprocess.run(["postconf", "-c", self.etc, line], check=True, timeout=30)

    def examine(self, *arguments, **env):
        run = subprocess.run([COMMAND, "-c", self.intake.conf, "doctor", "--postfix", self.etc, *arguments],
                             capture_output=True, text=True, timeout=120, env={**os.environ, **env})
        assert run.stderr == ""
        # nobody keeps the clock of a container, and it is not ours to say
        findings = re.findall(r"^BAD  (.*)\n     -> (.*)$", run.stdout, re.M)
        rest = [f for f in findings if "clock" not in f[0] and "free" not in f[0]]
        assert run.returncode == (78 if findings else 0), run.stdout
        return rest, run.stdout


@pytest.fixture
def patient(world):
    return Patient(world)


def test_nothing_to_do(patient):
    findings, text = patient.examine()
    assert findings == []
    assert "ok   mail for %s comes to %s" % (RUA, patient.intake.listen) in text
    assert "ok   transport intake does not fold lines" in text
    assert "ok   dmarc-intake-lmtpd answers on " in text
    assert "ok   0 mails wait for us in the queue" in text
    assert "ok   sqlite" in text


MISTAKES = [
    ("intake/unix/lmtp_line_length_limit=998", "folds lines over 998 bytes", "lmtp_line_length_limit=0"),
    ("intake/unix/lmtp_data_done_timeout=300s", "gives up after 300 s", "raise it above [lmtp] budget"),
    ("message_size_limit=10240000", "refuses mails over 10240000 bytes", "message_size_limit=104857600 mailbox_size_limit=0"),
    ("mydestination=localhost", "mailbox_size_limit is 51200000, less than", "postconf mailbox_size_limit=0"),
    ("virtual_mailbox_base=/var/mail", "virtual_mailbox_limit is 51200000, less", "postconf virtual_mailbox_limit=0"),
    ("maximal_queue_lifetime=2d", "returns mails after 2d", "lower [intake] hold_limit"),
    ("smtpd_milters=unix:dmarc-intake/milter.sock", "everybody's mail waits", "default_action=accept"),
    ("transport_maps=", "nothing in transport_maps sends mail for " + RUA, "conf/postfix/transport"),
    ("transport_maps=inline:{ {test.example=absent:unix:x.sock} }", "master.cf has no transport absent",
     "conf/postfix/master.cf"),
    ("transport_maps=inline:{ {test.example=intake:inet:127.0.0.1:24} }", "goes to inet:127.0.0.1:24",
     "make the two the same"),
    ("default_process_limit=500", "may open 500 connections, [lmtp] connections is 100", "lower maxproc"),
]


def test_mistakes_in_postfix(patient):
    """One after the other at one Postfix, each taken back."""
    main, master = ((patient.etc / name) for name in ("main.cf", "master.cf"))
    before = main.read_text(), master.read_text()
    for setting, finding, advice in MISTAKES:
        flag = ["-P"] if setting.startswith("intake/") else []
        subprocess.run(["postconf", "-c", patient.etc, *flag, setting], check=True, timeout=30)
        findings, text = patient.examine()
        assert any(finding in what and advice in todo for what, todo in findings), (setting, text)
        main.write_text(before[0])
        master.write_text(before[1])
    assert patient.examine()[0] == []


def test_recipient_that_nothing_routes(patient):
    findings, text = patient.examine("rua@elsewhere.example", RUA)
    assert [f for f, _ in findings] == ["nothing in transport_maps sends mail for rua@elsewhere.example here"], text


def test_permissions_socket_and_database(patient):
    patient.intake.conf.chmod(0o644)
    patient.intake.state.chmod(0o755)
    patient.intake.stop()
    old = patient.intake.folder / "country.mmdb"
    old.write_bytes(b"")
    os.utime(old, (0, 0))
    findings, text = patient.examine(DMARC_INTAKE_ENRICH_IP_DB_PATH="%s, /absent.mmdb" % old)
    told = "\n".join(f for f, _ in findings)
    for what in ("intake.conf has mode 644", "has mode 755", "nobody answers on", "country.mmdb is 2", "/absent.mmdb: "):
        assert what in told, text


def test_oldest_deferred_mail(patient):
    patient.intake.stop()
    patient.postfix.send("-f", "a@reporter.example", "-t", RUA, "-m", "2")
    wait_for(lambda: "status=deferred" in patient.postfix.log())
    # postqueue may miss mails that move from one queue to another just then
    wait_for(lambda: "ok   2 mails wait for us in the queue" in patient.examine()[1])
    assert "nobody answers on" in patient.examine()[1]


def test_sink_away(patient):
    findings, text = patient.examine(DMARC_INTAKE_ELASTICSEARCH_HOSTS="127.0.0.1:1")
    assert any(what.startswith("elasticsearch: ") for what, _ in findings), text


def without_lmtp(patient):
    patient.intake.stop()
    patient.set("transport_maps =")


def in_main_cf(patient, address):
    patient.set("smtpd_milters = { %s, default_action=accept }" % address)


def in_master_cf(patient, address):
    """For the first service, which is the one that has a port."""
    master = patient.etc / "master.cf"
    master.write_text(master.read_text().replace(
        " smtpd\n", " smtpd\n  -o { smtpd_milters = { %s, default_action=accept } }\n" % address, 1))


@needs_milter
@pytest.mark.parametrize("setting", [in_main_cf, in_master_cf])
@pytest.mark.parametrize("kind", ["absolute", "below the queue", "TCP"])
def test_milter_instead_of_lmtp(patient, kind, setting):
    port, folder = free_port(), patient.postfix.folder / "queue" if kind == "below the queue" else patient.intake.folder
    milter = Milter(patient.intake.folder, folder / "m.sock", "inet:%d@127.0.0.1" % port if kind == "TCP" else None)
    address = {"absolute": milter.listen, "below the queue": "unix:m.sock", "TCP": "inet:127.0.0.1:%d" % port}[kind]
    without_lmtp(patient)
    setting(patient, address)
    milter.start()
    try:
        findings, text = patient.examine(DMARC_INTAKE_MILTER_LISTEN=milter.listen)
    finally:
        milter.stop()
    assert findings == [], text
    assert "ok   dmarc-intake-milter answers on %s\n" % milter.listen in text
    assert "--   [lmtp] listen %s is not used: the milter takes the mails\n" % patient.intake.listen in text
    assert "--   transport_maps sends no mail here: the milter takes the mails\n" in text
    findings, text = patient.examine(DMARC_INTAKE_MILTER_LISTEN=milter.listen)
    assert [what.startswith("nobody answers on " + milter.listen) for what, _ in findings] == [True], text


def test_mailbox_instead_of_lmtp(patient):
    with patient.intake.conf.open("a") as conf:
        conf.write("[imap]\nhost = 127.0.0.1\nuser = u\npassword = p\n")
    patient.intake.stop()
    assert ["nobody answers on" in what for what, _ in patient.examine()[0]] == [True], "Postfix sends mail here as well"
    without_lmtp(patient)
    findings, text = patient.examine()
    assert findings == []
    assert "is not used: mails are read out of mailboxes\n" in text
    assert "transport_maps sends no mail here: mails are read out of mailboxes\n" in text
