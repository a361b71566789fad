# SPDX-License-Identifier: Apache-2.0
"""The command: sources, formats, exit codes (sysexits.h), and that a failure
leaves nothing half done."""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile

import mailgen
import pytest
from conftest import COMMAND, FIXTURES, LMTPD, preload, wait_for

OK, USAGE, DATAERR, NOINPUT, CANTCREAT, IOERR, TEMPFAIL, CONFIG = 0, 64, 65, 66, 73, 74, 75, 78

REPORT = FIXTURES / "gzip_multipart.eml"
OTHER_REPORT = FIXTURES / "rfc9990.xml"
HUMAN = FIXTURES / "human.eml"


def run(*args, conf="/dev/null", **options):
    env = {k: v for k, v in os.environ.items() if not k.startswith("DMARC_INTAKE_")}
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(COMMAND), "-c", str(conf), *map(str, args)], env=env,
                          capture_output=True, timeout=60, **options)


def documents(*paths, **options):
    """intake's own fields left out: they tell of the delivery."""
    done = run("parse", "--format", "ndjson", *paths, **options)
    assert done.returncode == OK, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        line.pop("intake")
    return lines


def mbox_of(*paths):
    return b"".join(b"From r@r.example Thu Jan  1 00:00:00 2026\n" + p.read_bytes().rstrip(b"\n") + b"\n\n"
                    for p in paths)


@pytest.fixture
def conf(tmp_path):
    # so that a run as root stays root: the folder's owner is who runs
    path = tmp_path / "intake.conf"
    path.write_text("[intake]\nstate_path = %s\n[sqlite]\npath = %s\n[ndjson]\npath = %s\n[lmtp]\nlisten = unix:%s\n"
                    % (tmp_path / "state", tmp_path / "state/intake.db", tmp_path / "state/records",
                       tmp_path / "lmtp.sock"))
    (tmp_path / "state").mkdir()
    return path


def test_every_container_gives_the_same_documents(tmp_path):
    expected = documents(REPORT)
    assert expected
    md = tmp_path / "maildir"
    for name in ("cur", "new", "tmp"):
        (md / name).mkdir(parents=True)
    shutil.copy(REPORT, md / "new" / "1")
    shutil.copy(HUMAN, md / "tmp" / "2")
    (tmp_path / "box").write_bytes(mbox_of(REPORT))
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    shutil.copy(REPORT, deep)
    assert documents(md) == expected
    assert documents(tmp_path / "box") == expected
    assert documents(tmp_path / "a") == expected
    with open(REPORT, "rb") as f:
        assert documents("-", stdin=f) == expected
    assert documents(REPORT, OTHER_REPORT, REPORT) == expected + documents(OTHER_REPORT) + expected


def test_what_cannot_be_read_is_named_and_the_rest_is_done(tmp_path):
    box = tmp_path / "box"
    box.write_bytes(mbox_of(REPORT, HUMAN, FIXTURES / "truncated_gzip.eml"))
    done = run("parse", "--format", "json", box, OTHER_REPORT)
    assert done.returncode == DATAERR
    assert len(json.loads(done.stdout)["aggregate_reports"]) == 2
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 2
    assert lines[0] == "%s#2: not a report" % box
    assert lines[1].startswith("%s#3: " % box)


@pytest.mark.parametrize("args, code, said", [
    ([], USAGE, "usage"),
    (["prase", REPORT], USAGE, 'did you mean "parse"'),
    (["xyzzyx"], USAGE, 'no command "xyzzyx"'),
    (["parse"], USAGE, "parse: no input is named\nusage"),
    (["parse", "--format", "xml", REPORT], USAGE, "parse: --format: cannot read xml\nusage"),
    (["parse", "--nonsense"], USAGE, "usage"),
    (["ingest"], USAGE, "ingest: no input is named, and [maildir] path is not set\nusage"),
    (["ingest", "--jobs", "65", REPORT], USAGE, "ingest: --jobs: must be 1 to 64 and is 65\nusage"),
    (["replay", "zzzz"], USAGE, "replay: zzzz: no name of the quarantine (digits and a to f)\nusage"),
    (["report", "--list", "days"], USAGE, "report: --list needs --format csv\nusage"),
    (["check", "x"], USAGE, "usage"),
    (["parse", "/nonexistent"], NOINPUT, "/nonexistent: cannot be opened"),
    (["parse", "-o", "/nonexistent/x", REPORT], CANTCREAT, "/nonexistent/x"),
    (["parse", "-o", "/dev/full", REPORT], IOERR, "No space left"),
    (["parse", HUMAN], DATAERR, "not a report"),
])
def test_exit_code(args, code, said):
    done = run(*args)
    assert done.returncode == code
    assert said in done.stderr.decode()


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["help"], ["parse", "--help"], ["ingest", "-h"],
                                  ["report", "--help"], ["check", "--help"]])
def test_help_needs_no_configuration(args):
    done = run(*args, conf="/nonexistent/conf")
    assert done.returncode == OK and done.stdout and not done.stderr


def test_a_broken_configuration_is_78(tmp_path):
    conf = tmp_path / "conf"
    conf.write_text("[intake]\nnonsense = 1\n")
    for args in (["parse", REPORT], ["ingest", REPORT], ["check"]):
        done = run(*args, conf=conf)
        assert done.returncode == CONFIG
        assert "nonsense" in done.stderr.decode()


def test_output_has_its_name_only_when_whole(tmp_path):
    out = tmp_path / "out"
    assert run("parse", "--format", "csv", "-o", out, REPORT).returncode == OK
    first = out.read_bytes()
    assert first.startswith(b"xml_schema,org_name,")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    done = run("parse", "--format", "json", "-o", out, REPORT, preexec_fn=limit)
    assert done.returncode == IOERR, done.stderr
    assert out.read_bytes() == first
    assert os.listdir(tmp_path) == ["out"]
    assert run("parse", "--format", "ndjson", "-o", out, REPORT).returncode == OK
    assert json.loads(out.read_bytes().splitlines()[0])["_id"]


def test_a_signal_leaves_nothing(tmp_path):
    process = subprocess.Popen([str(COMMAND), "-c", "/dev/null", "parse", "-o", str(tmp_path / "out"), "-"],
                               stdin=subprocess.PIPE)
    try:
        wait_for(lambda: os.listdir(tmp_path))
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait(20)
        process.stdin.close()
    assert os.listdir(tmp_path) == []


def test_a_signal_leaves_nothing_as_early_as_it_may(tmp_path):
    """It comes when the file is there and its mode is not set yet."""
    library = preload(tmp_path, "#include <signal.h>\nint fchmod(void) { return raise(SIGTERM); }\n", COMMAND)
    folder = tmp_path / "folder"
    folder.mkdir()
    done = subprocess.run([COMMAND, "-c", "/dev/null", "parse", "-o", folder / "out", REPORT], capture_output=True,
                          timeout=60, env={**os.environ, "LD_PRELOAD": library})
    assert done.returncode == -signal.SIGTERM, done
    assert os.listdir(folder) == []


def test_strangers_text_cannot_steer_the_terminal(tmp_path):
    text = OTHER_REPORT.read_text()
    evil = tmp_path / "evil.xml"
    name = text[text.index("<org_name>") + 10:text.index("</org_name>")]
    evil.write_text(text.replace("<org_name>%s<" % name, "<org_name>a b \u009b31m\u202e<"))
    done = run("parse", "--format", "summary", evil)
    assert done.returncode == OK
    assert "\u009b" not in done.stdout.decode()
    assert "a b \\x" in done.stdout.decode()


def test_ingest_counts_and_stores_once(conf, tmp_path):
    done = run("ingest", REPORT, HUMAN, FIXTURES / "truncated_gzip.eml", conf=conf)
    assert done.returncode == DATAERR, done.stderr
    records = len(documents(REPORT))
    assert done.stdout.decode() == ("3 mails, 1 reports, %d records stored, 0 duplicates, "
                                    "1 not reports, 1 unreadable\n" % records)
    lines = (tmp_path / "state/records").read_bytes().splitlines()
    assert len(lines) == records
    assert json.loads(lines[0])["_index"].startswith("dmarc_aggregate-")


def test_a_copy_is_a_duplicate(conf):
    conf.write_text("\n".join(line for line in conf.read_text().split("\n[ndjson]")[0].splitlines()) + "\n")
    records = len(documents(REPORT))
    first, second = run("ingest", REPORT, conf=conf), run("ingest", REPORT, conf=conf)
    assert first.returncode == second.returncode == OK
    assert b"%d records stored, 0 duplicates" % records in first.stdout
    assert b"0 records stored, %d duplicates" % records in second.stdout


def test_a_sink_that_is_away_stops_it(conf, tmp_path):
    conf.write_text(conf.read_text().replace("state/records", "state/none/records"))
    done = run("ingest", "-j", "1", REPORT, OTHER_REPORT, conf=conf)
    assert done.returncode == TEMPFAIL
    assert "none/records" in done.stderr.decode()
    assert done.stdout.startswith(b"1 mails, 0 reports, 0 records stored")


def test_check(conf, tmp_path):
    done = run("check", conf=conf)
    assert done.returncode == OK, done.stdout + done.stderr
    for what in ("configuration", "temporary files", "quarantine", "sqlite", "ndjson", "lmtp socket"):
        assert "%s" % what in done.stdout.decode()
    conf.write_text(conf.read_text().replace("state/records", "state/none/records"))
    done = run("check", conf=conf)
    assert done.returncode == TEMPFAIL
    assert "ndjson: " in done.stdout.decode()
    done = run("check", "--print", conf=conf)
    assert done.returncode == OK
    assert "path = %s" % (tmp_path / "state/intake.db") in done.stdout.decode()


@pytest.mark.parametrize("socket_name,keys,said", [
    ("absent/lmtp.sock", "", "the folder is missing; make it first"),
    ("lmtp.sock", "socket_owner = nosuch\n", "no user nosuch"),
    ("lmtp.sock", "socket_group = nosuch\n", "no group nosuch"),
    ("intake.conf", "", "exists and is no socket"),
])
def test_check_refuses_the_socket_that_the_daemon_refuses(conf, socket_name, keys, said):
    conf.write_text(conf.read_text().replace("lmtp.sock", socket_name) + keys)
    for words in ([COMMAND, "-c", conf, "check"], [LMTPD, "-c", conf]):
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == CONFIG and said in done.stdout + done.stderr, words


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_group_of_thousands(conf, tmp_path):
    """All of them stand in its one line."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, timeout=60).returncode != 0:
        pytest.skip("no namespace of mounts for us")
    groups = tmp_path / "group"
    groups.write_text("crowd:x:64999:%s\n" % ",".join("member%d" % n for n in range(5000)))
    conf.write_text(conf.read_text() + "socket_group = crowd\n")
    done = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/group && exec "$2" -c "$3" check',
                           "sh", groups, COMMAND, conf], capture_output=True, text=True, timeout=60)
    assert done.returncode == OK, done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_check_asks_whether_the_owner_may_make_the_socket(conf, tmp_path):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        state = os.path.join(folder, "state")
        os.mkdir(state)
        shutil.chown(state, "nobody")
        conf.write_text(conf.read_text().replace(str(tmp_path / "state"), state)
                        .replace(str(tmp_path / "lmtp.sock"), os.path.join(folder, "lmtp.sock")))
        done = run("check", conf=conf)
        assert done.returncode == CONFIG and b"lmtp.sock: Permission denied" in done.stdout
        shutil.chown(folder, "nobody")
        assert run("check", conf=conf).returncode == OK


def test_check_leaves_the_socket_alone(conf, tmp_path):
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()
        assert run("check", conf=conf).returncode == OK
        assert path.is_socket(), "somebody listens"
    assert run("check", conf=conf).returncode == OK
    assert path.is_socket(), "nobody does any more, and the daemon may remove it"


def test_check_where_a_mailbox_is_read(conf, tmp_path):
    """Nobody need have meant the default, so it is no error."""
    conf.write_text(conf.read_text().replace(str(tmp_path / "lmtp.sock"), "/var/spool/postfix/absent/lmtp.sock")
                    + "[imap]\nhost = 127.0.0.1\nuser = u\npassword = p\n")
    done = run("check", conf=conf)
    assert done.returncode == OK and b"ok, but" in done.stdout and b"the folder is missing" in done.stdout


def test_order_is_that_of_the_input(tmp_path):
    """Mails are read on all processors, but printed and complained about one after the other."""
    mails, expected, broken = [], [], []
    for n, (report_id, _, mail) in enumerate(mailgen.mixed(300, 41)):
        if n % 20 == 7:
            mail = mail[:len(mail) * 2 // 3] + "\n"
            broken.append(n + 1)
        else:
            expected.append(report_id)
        mails.append("From r@r.example Thu Jan  1 00:00:00 2026\n" + mail + "\n")
    (tmp_path / "mbox").write_text("".join(mails))
    (tmp_path / "conf").write_text("[enrich]\noffline = yes\n")
    for _ in range(3):
        done = run("parse", "--format", "json", tmp_path / "mbox", conf=tmp_path / "conf")
        assert done.returncode == DATAERR
        assert [r["report_metadata"]["report_id"] for r in json.loads(done.stdout)["aggregate_reports"]] == expected
        numbers = [int(line.split(b": ")[0].rsplit(b"#", 1)[1]) for line in done.stderr.splitlines() if b"mbox#" in line]
        assert numbers == broken
