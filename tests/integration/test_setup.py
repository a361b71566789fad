# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake setup elasticsearch, on a real OpenSearch and a real
Elasticsearch with TLS and users; what its users may do, and how documents of
parsedmarc and ours live in the same indexes.

OPENSEARCH_VERSION and ELASTICSEARCH_VERSION name others than 3.6 and 8.19.
"""
import http.server
import json
import os
import pathlib
import smtplib
import ssl
import stat
import subprocess
import threading
import urllib.error
import urllib.request
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import mailgen
import pytest
from cluster import Cluster, needs_java, server_folder
from conftest import COMMAND, FIXTURES, LMTPD, TOP, Intake, free_port, wait_for
from lmtp import deliver

pytestmark = needs_java

GOLDEN = TOP / "tests" / "golden"
BODIES = TOP / "conf" / "elasticsearch"
SECTION = "[elasticsearch]"
KINDS = ("dmarc_aggregate", "dmarc_failure", "smtp_tls")

# what the dashboards of parsedmarc group by, sum, and filter on
DASHBOARD = """spf_aligned dkim_aligned passed_dmarc date_begin message_count org_name.keyword source_base_domain.keyword
 header_from.keyword source_name.keyword source_type.keyword source_asn source_as_name.keyword source_as_domain.keyword
 disposition.keyword source_country.keyword source_ip_address.keyword source_reverse_dns.keyword envelope_from.keyword
 spf_results_combined.keyword dkim_results_combined.keyword dkim_results.selector.keyword dkim_results.domain.keyword
 dkim_results.result.keyword spf_results.scope.keyword spf_results.domain.keyword spf_results.result.keyword
 arrival_date sample.headers.from.keyword sample.headers.subject.keyword sample.headers.reply-to.keyword
 authentication_results.keyword policies.successful_session_count policies.failed_session_count
 policies_combined.keyword policies.failure_details.failed_session_count failure_details_combined.keyword
 org_extra_contact_info.keyword published_policy.adkim.keyword published_policy.aspf.keyword
 published_policy.domain.keyword published_policy.fo.keyword published_policy.p.keyword published_policy.sp.keyword
 published_policy.pct delivery_results.keyword auth_failure.keyword domain.keyword sample.subject.keyword
 sample.headers.to.keyword sample.headers.received.keyword""".split()


@pytest.fixture(scope="module")
def clusters():
    """Both are started at once, and each is waited for when it is needed."""
    with server_folder() as base:
        both = {product: Cluster(product, base / product, free_port(), os.environ.get(product.upper() + "_VERSION")).start()
                for product in ("opensearch", "elasticsearch")}
        yield both
        for cluster in both.values():
            cluster.stop()


@pytest.fixture(scope="module", params=("opensearch", "elasticsearch"))
def cluster(request, clusters):
    return clusters[request.param].wait()


class Setup:
    """A configuration with a prefix of its own, and the program on it."""

    def __init__(self, cluster, folder, prefix="", conf="", hosts=None):
        self.cluster, self.folder, self.prefix = cluster, folder, prefix
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state").mkdir(exist_ok=True)
        self.conf = folder / "intake.conf"
        self.password_file = folder / "elasticsearch.password"
        self.admin_file = folder / "admin"
        self.admin_file.write_text(cluster.password + "\n")
        self.write(conf, hosts)

    def write(self, conf="", hosts=None):
        prefix = "index_prefix = %s\n" % self.prefix if self.prefix else ""
        self.conf.write_text("[intake]\nstate_path = %s\nlog = stderr\n[lmtp]\nlisten = unix:%s\n%s\n%scert_path = %s\n"
                             "hosts = %s\n%s" % (self.folder / "state", self.folder / "lmtp.sock", SECTION, prefix,
                                                self.cluster.ca, hosts or self.cluster.url, conf))

    def use_password(self, more=""):
        """What setup says: the new user in the configuration."""
        self.write("user = %sdmarc-intake\npassword_file = %s\n%s" % (self.prefix, self.password_file, more))

    def name(self, text):
        return self.prefix + text

    def run(self, *options, admin=True):
        login = ["--admin-user", self.cluster.user, "--admin-password-file", str(self.admin_file)] if admin else []
        return subprocess.run([str(COMMAND), "-c", str(self.conf), "setup", "elasticsearch", *login, *options],
                              env={**os.environ, "INTAKE_TEMPLATES": str(BODIES)}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=90)

    def ok(self, *options):
        run = self.run(*options)
        assert run.returncode == 0, run.stderr + run.stdout
        return run.stdout

    def done(self, *options):
        """{("created", "role x"), ...}"""
        found = set()
        for line in self.ok(*options).splitlines():
            word, _, rest = line.partition(" ")
            if word in ("created", "changed", "unchanged", "left", "skipped", "warning"):
                found.add((word, rest.strip()))
        return found

    def password(self, viewer=False):
        path = str(self.password_file) + (".viewer" if viewer else "")
        return pathlib.Path(path).read_text().strip()

    def ingest(self, *files):
        return subprocess.run([str(COMMAND), "-c", str(self.conf), "ingest", *map(str, files)], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=120)


@pytest.fixture(scope="module")
def installed(cluster, tmp_path_factory):
    """The form without prefix, installed: most tests look at what it made."""
    setup = Setup(cluster, tmp_path_factory.mktemp(cluster.product))
    setup.first = setup.done()
    setup.use_password()
    setup.ingest_login = {"user": "dmarc-intake", "password": setup.password()}
    setup.viewer_login = {"user": "dmarc-intake-viewer", "password": setup.password(viewer=True)}
    return setup


def all_documents():
    """(index, id, document) of every fixture; tests/golden has them too."""
    run = subprocess.run([str(COMMAND), "-c", "/dev/null", "parse", "--format", "ndjson", str(FIXTURES)],
                         capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    lines = run.stdout.decode().splitlines()
    for path in sorted(GOLDEN.glob("*.ndjson")):
        lines += path.read_text().splitlines()
    documents = {}
    for line in lines:
        document = json.loads(line)
        if "_index" in document:
            documents[document.pop("_index"), document.pop("_id")] = document
    return [(*key, document) for key, document in documents.items()]


# --- what setup does ---------------------------------------------------------

def test_first_run_creates_and_second_changes_nothing(installed):
    made = {what.split(" with ")[0] for did, what in installed.first if did == "created"}
    assert made == {"template dmarc-intake-" + kind for kind in KINDS} | {
        "role dmarc-intake-ingest", "role dmarc-intake-reclassify", "role dmarc-intake-viewer",
        "user dmarc-intake", "user dmarc-intake-viewer"}
    again = {(did, what) for did, what in installed.done() if did != "warning"}
    assert again == {("unchanged", what) for what in made}


def test_password_file_is_for_the_group_only(installed):
    mode = stat.S_IMODE(installed.password_file.stat().st_mode)
    assert mode == 0o640
    assert len(installed.password()) == 32
    assert installed.password() != installed.password(viewer=True)


def test_what_was_changed_by_hand_is_put_right(installed):
    cluster = installed.cluster
    path = "/_index_template/dmarc-intake-smtp_tls"
    template = cluster.ok("GET", path)["index_templates"][0]["index_template"]
    template = {k: template[k] for k in ("index_patterns", "priority", "_meta", "template")}
    template["template"]["settings"]["index"]["translog"]["durability"] = "async"
    cluster.ok("PUT", path, template)
    assert ("changed", "template dmarc-intake-smtp_tls: for indexes made from now on") in installed.done()
    template = cluster.ok("GET", path)["index_templates"][0]["index_template"]
    assert template["template"]["settings"]["index"]["translog"]["durability"] == "request"


def test_shards_and_replicas_of_the_configuration(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="many_", conf="number_of_shards = 2\nnumber_of_replicas = 1\n")
    setup.ok("--force")
    template = cluster.ok("GET", "/_index_template/dmarc-intake-many_smtp_tls")["index_templates"][0]["index_template"]
    assert template["index_patterns"] == ["many_smtp_tls-*"]
    settings = template["template"]["settings"]["index"]
    assert (settings["number_of_shards"], settings["number_of_replicas"]) == ("2", "1")
    setup.write("number_of_shards = 1\nnumber_of_replicas = 1\n")
    assert ("changed", "template dmarc-intake-many_smtp_tls: for indexes made from now on") in setup.done()


def test_passwords(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="pw_")
    said = setup.ok("--force")
    assert "user = pw_dmarc-intake\n" in said
    assert "password_file = %s\n" % setup.password_file in said
    setup.use_password()
    old = setup.password()
    said = setup.ok("--new-passwords")
    assert "password_file" not in said  # they are in the configuration
    assert ("changed   user pw_dmarc-intake: a new password is in %s\n" % setup.password_file) in said
    assert setup.password() != old
    assert cluster.ask("GET", "/", user="pw_dmarc-intake", password=old)[0] == 401
    assert cluster.ask("GET", "/", user="pw_dmarc-intake", password=setup.password())[0] == 200
    setup.password_file.write_text("something-else\n")
    assert any(did == "warning" and "refuses the password" in what for did, what in setup.done("--force"))
    setup.password_file.unlink()
    setup.write()
    assert any(did == "left" and "--new-passwords" in what for did, what in setup.done("--force"))
    assert not setup.password_file.exists()


def test_password_that_is_in_the_file_is_taken(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="own_")
    setup.password_file.write_text("a-Password-of-the-Administrator-7\n")
    setup.ok("--force")
    assert cluster.ask("GET", "/", user="own_dmarc-intake", password="a-Password-of-the-Administrator-7")[0] == 200


def test_another_form_needs_force_while_indexes_are_there(installed, tmp_path):
    cluster = installed.cluster
    cluster.ok("PUT", "/smtp_tls-2019-01")
    other = Setup(cluster, tmp_path / "x", prefix="forced_")
    run = other.run()
    assert run.returncode == 78, run.stderr + run.stdout
    assert "--force" in run.stderr and "smtp_tls-2019-01" in run.stderr
    assert cluster.ask("GET", "/_index_template/dmarc-intake-forced_smtp_tls")[0] == 404
    other.ok("--force")
    other.ok()  # agreed to once
    # the same names, another period
    cluster.ok("PUT", "/forced_dmarc_aggregate-2019-01")
    other.ok()
    daily = Setup(cluster, tmp_path / "x", prefix="forced_", conf="monthly_indexes = no\n")
    run = daily.run()
    assert run.returncode == 78 and "forced_dmarc_aggregate-2019-01" in run.stderr, run.stderr + run.stdout
    daily.ok("--force")
    assert all(did != "changed" for did, what in daily.done())


def test_template_of_somebody_else_is_not_replaced(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="theirs_")
    path = "/_index_template/dmarc-intake-theirs_dmarc_aggregate"
    cluster.ok("PUT", path, {"index_patterns": ["theirs_x-*"]})
    for name in ("dmarc_aggregate-2019-01", "smtp_tls-2019-01", "forced_dmarc_aggregate-2019-01"):
        cluster.ask("DELETE", "/" + name)
    run = setup.run()
    assert run.returncode == 78 and "not dmarc-intake's" in run.stderr, run.stderr + run.stdout
    cluster.ok("DELETE", path)


def test_login_that_is_refused(cluster, tmp_path):
    setup = Setup(cluster, tmp_path)
    setup.admin_file.write_text("wrong\n")
    run = setup.run()
    assert run.returncode == 78 and "wrong name or password" in run.stderr
    assert not setup.password_file.exists()


def test_login_that_may_not(installed, tmp_path):
    run = installed.run(admin=False)  # as the ingest user
    assert run.returncode == 78 and "(403)" in run.stderr, run.stderr + run.stdout
    assert "dmarc-intake" in run.stderr


def test_wrong_ca(cluster, clusters, tmp_path):
    setup = Setup(cluster, tmp_path)
    other = next(c for c in clusters.values() if c is not cluster)
    setup.conf.write_text(setup.conf.read_text().replace(str(cluster.ca), str(other.wait().ca)))
    run = setup.run()
    assert run.returncode == 75 and "certificate" in run.stderr, run.stderr


def test_server_away(cluster, tmp_path):
    port = free_port()
    setup = Setup(cluster, tmp_path, hosts="https://127.0.0.1:%d" % port)
    run = setup.run()
    assert run.returncode == 75 and str(port) in run.stderr


# --- a recorder between the program and the server ---------------------------

class Recorder:
    """Passes requests on, notes them, and has a policy store of its own: the
    servers of the tests come without ILM and ISM."""

    def __init__(self, cluster, has_policies=False):
        recorder, self.seen, self.stored = self, [], {}
        context = ssl.create_default_context(cafile=str(cluster.ca))
        keeps = ("/_ilm/policy/", "/_plugins/_ism/policies/", "/_index_template/") if has_policies else ()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one piece

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def keep(self, path, body):
                name = path.rsplit("/", 1)[1]
                if body is not None:
                    recorder.stored[path] = json.loads(body)
                    return self.answer(200, b'{"acknowledged":true}')
                if path not in recorder.stored:
                    return self.answer(404, b'{"error":{"reason":"not there"}}')
                have = recorder.stored[path]
                if "/_ilm/" in path:
                    have = {name: {"version": 1, "modified_date": "2026-01-01", **have}}
                elif "/_ism/" in path:
                    have = {"_id": name, "_version": 3, "_seq_no": 7, "_primary_term": 2,
                            "policy": {"policy_id": name, "schema_version": 21, "error_notification": None,
                                       **have["policy"]}}
                else:
                    have = {"index_templates": [{"name": name, "index_template": have}]}
                return self.answer(200, json.dumps(have).encode())

            def handle_one(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else None
                recorder.seen.append((self.command, self.path))
                path = self.path.split("?")[0]
                if path.startswith(keeps) and not path.endswith("*") if keeps else False:
                    return self.keep(path, body)
                headers = {k: v for k, v in self.headers.items() if k in ("Authorization", "Content-Type")}
                request = urllib.request.Request(cluster.url + self.path, body, headers, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=60, context=context) as r:
                        return self.answer(r.status, r.read())
                except urllib.error.HTTPError as e:
                    return self.answer(e.code, e.read())

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_dry_run_sends_only_gets(cluster, tmp_path):
    with Recorder(cluster) as recorder:
        setup = Setup(cluster, tmp_path, prefix="dry_", hosts=recorder.url)
        said = setup.ok("--dry-run", "--force", "--retention", "30", "--new-passwords")
        assert "would create template dmarc-intake-dry_dmarc_aggregate" in said
        assert "would create user dry_dmarc-intake " in said
        assert recorder.seen and {method for method, _ in recorder.seen} == {"GET"}
    assert not setup.password_file.exists()
    assert cluster.ask("GET", "/_index_template/dmarc-intake-dry_smtp_tls")[0] == 404


def test_retention_where_the_server_has_none(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="kept_")
    assert any(did == "skipped" and what.startswith("retention: no index ") for did, what in
               setup.done("--force", "--dry-run", "--retention", "30"))


def test_retention(cluster, tmp_path):
    is_elastic = cluster.product == "elasticsearch"
    policy = "/_ilm/policy/ret_dmarc-intake" if is_elastic else "/_plugins/_ism/policies/ret_dmarc-intake"
    template = "/_index_template/dmarc-intake-ret_dmarc_aggregate"

    def lifecycle():
        return recorder.stored[template]["template"]["settings"]["index"].get("lifecycle")

    with Recorder(cluster, has_policies=True) as recorder:
        setup = Setup(cluster, tmp_path, prefix="ret_", hosts=recorder.url)
        told = "policy ret_dmarc-intake: an index is deleted 431 days after it was made"
        assert ("created", told) in setup.done("--force", "--retention", "400")
        body = recorder.stored[policy]["policy"]
        if is_elastic:
            assert body["phases"]["delete"] == {"min_age": "431d", "actions": {"delete": {}}}
            assert lifecycle() == {"name": "ret_dmarc-intake"}
        else:
            assert body["states"][0]["transitions"][0]["conditions"] == {"min_index_age": "431d"}
            assert body["ism_template"][0]["index_patterns"] == ["ret_%s-*" % kind for kind in KINDS]
            assert lifecycle() is None
        assert ("unchanged", "policy ret_dmarc-intake") in setup.done("--force", "--retention", "400")
        # not asked for: it stays as it is
        before = len([m for m, _ in recorder.seen if m == "PUT"])
        assert not any("policy" in what for _, what in setup.done("--force"))
        assert len([m for m, _ in recorder.seen if m == "PUT"]) == before
        assert any(did == "changed" and "61 days" in what for did, what in setup.done("--force", "--retention", "30"))
        if not is_elastic:
            assert ("PUT", policy + "?if_seq_no=7&if_primary_term=2") in recorder.seen
        setup.done("--force", "--retention", "0")
        assert lifecycle() is None
        if not is_elastic:
            assert recorder.stored[policy]["policy"]["ism_template"] == []


# --- what the users may do ---------------------------------------------------

def refused(answer):
    return answer[0] == 403


def test_ingest_user(installed):
    cluster, login = installed.cluster, installed.ingest_login
    cluster.ok("PUT", "/other/_doc/1?refresh=true", {"secret": 1})
    mine = {"_index": "dmarc_aggregate-2025-01", "_id": "a"}
    results = cluster.bulk([{"index": mine}, {"org_name": "r.example"}, {"index": {"_index": "other"}}, {"x": 1},
                            {"index": {"_index": "dmarc_failure-2025-01", "_id": "f"}}, {"domain": "d"},
                            {"index": {"_index": "smtp_tls-2025-01", "_id": "t"}}, {"org_name": "o"},
                            {"index": mine}, {"org_name": "r.example"}], **login)
    assert [status for status, _ in results] == [201, 403, 201, 201, 200]
    assert [status for status, _ in cluster.bulk([{"delete": mine}], **login)] == [403]
    for method, path, body in (
            ("GET", "/other/_doc/1", None), ("POST", "/other/_search", {}), ("GET", "/dmarc_aggregate-2025-01/_doc/a", None),
            ("POST", "/dmarc_aggregate-2025-01/_search", {}), ("DELETE", "/dmarc_aggregate-2025-01/_doc/a", None),
            ("DELETE", "/dmarc_aggregate-2025-01", None), ("DELETE", "/other", None),
            ("PUT", "/_index_template/x", {"index_patterns": ["x-*"]}),
            ("PUT", "/_cluster/settings", {"transient": {"cluster.max_shards_per_node": 9000}})):
        assert refused(cluster.ask(method, path, body, **login)), (method, path)
    assert cluster.ask("GET", "/", **login)[0] == 200
    assert cluster.ask("GET", "/dmarc_aggregate-2025-01/_settings/index.translog.durability", **login)[0] == 200
    assert cluster.count("dmarc_aggregate-2025-01") == 1


def test_viewer(installed):
    cluster, login = installed.cluster, installed.viewer_login
    cluster.ok("PUT", "/other/_doc/1?refresh=true", {"secret": 1})
    cluster.bulk([{"index": {"_index": "dmarc_failure-2025-02", "_id": "f"}}, {"domain": "d.example"}],
                 **installed.ingest_login)
    cluster.ok("POST", "/dmarc_*/_refresh")
    for pattern in ("dmarc_failure-2025-02", "dmarc_f*", "dmarc_forensic*"):  # the last is the alias
        found = cluster.ok("POST", "/%s/_search" % pattern, {"query": {"match": {"domain": "d.example"}}}, **login)
        assert [hit["_id"] for hit in found["hits"]["hits"]] == ["f"], pattern
    cluster.ok("GET", "/dmarc_aggregate*,dmarc_f*,smtp_tls*/_field_caps?fields=*", **login)
    cluster.ok("GET", "/dmarc_failure-2025-02/_mapping", **login)
    for method, path, body in (
            ("GET", "/other/_doc/1", None), ("POST", "/other/_search", {}),
            ("PUT", "/dmarc_failure-2025-02/_doc/g", {}), ("DELETE", "/dmarc_failure-2025-02/_doc/f", None),
            ("DELETE", "/dmarc_failure-2025-02", None), ("POST", "/dmarc_failure-2025-02/_update/f", {"doc": {"a": 1}})):
        assert refused(cluster.ask(method, path, body, **login)), (method, path)


def test_reclassify_role(installed):
    cluster = installed.cluster
    login = {"user": "reclassifier", "password": "some-Long-Password-9"}
    if cluster.product == "elasticsearch":
        cluster.ok("PUT", "/_security/user/reclassifier", {"password": login["password"], "roles": ["dmarc-intake-reclassify"]})
    else:
        cluster.ok("PUT", "/_plugins/_security/api/internalusers/reclassifier",
                   {"password": login["password"], "opendistro_security_roles": ["dmarc-intake-reclassify"]})
    cluster.bulk([{"index": {"_index": "dmarc_aggregate-2025-03", "_id": "a"}}, {"source_name": "old"}],
                 **installed.ingest_login)
    cluster.ok("POST", "/dmarc_aggregate-2025-03/_update/a?retry_on_conflict=1", {"doc": {"source_name": "new"}}, **login)
    assert cluster.bulk([{"update": {"_index": "dmarc_aggregate-2025-03", "_id": "a"}}, {"doc": {"source_type": "x"}}],
                        **login)[0][0] == 200
    cluster.ok("POST", "/dmarc_aggregate-2025-03/_refresh")
    found = cluster.ok("POST", "/dmarc_aggregate*/_search?scroll=1m", {"query": {"term": {"_id": "a"}}, "size": 5}, **login)
    assert {"source_name": "new", "source_type": "x"} in [hit["_source"] for hit in found["hits"]["hits"]]
    for method, path, body in (("DELETE", "/dmarc_aggregate-2025-03/_doc/a", None), ("DELETE", "/dmarc_aggregate-2025-03", None),
                               ("PUT", "/other/_doc/2", {})):
        assert refused(cluster.ask(method, path, body, **login)), (method, path)


def test_reading_is_allowed_for_skip_saved_by_parsedmarc(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="skip_", conf="skip_saved_by_parsedmarc = yes\n")
    setup.ok("--force")
    login = {"user": "skip_dmarc-intake", "password": setup.password()}
    cluster.ok("PUT", "/skip_dmarc_aggregate-2025-01/_doc/1?refresh=true", {"org_name": "r"})
    found = cluster.ok("POST", "/skip_dmarc_aggregate*/_search", {}, **login)
    assert found["hits"]["total"]["value"] == 1
    assert refused(cluster.ask("DELETE", "/skip_dmarc_aggregate-2025-01/_doc/1", **login))
    # the look-up of the sink, before it stores
    setup.use_password("skip_saved_by_parsedmarc = yes\n")
    run = setup.ingest(FIXTURES / "draft.xml")
    assert run.returncode == 0 and "1 records stored" in run.stdout, run.stderr + run.stdout
    setup.write()
    assert ("changed", "role skip_dmarc-intake-ingest") in setup.done()
    assert refused(cluster.ask("POST", "/skip_dmarc_aggregate-2025-01/_search", {}, **login))


# --- the mappings ------------------------------------------------------------

def test_every_golden_document_is_taken(installed):
    documents = all_documents()
    assert len(documents) > 100
    assert {index.rsplit("-", 2)[0] for index, _, _ in documents} >= set(KINDS)
    lines = []
    for index, id_, document in documents:
        lines += [{"index": {"_index": index, "_id": id_}}, document]
    results = installed.cluster.bulk(lines, **installed.ingest_login)
    assert {status for status, _ in results} <= {200, 201}, [r for r in results if r[0] > 201]
    cluster = installed.cluster
    cluster.ok("POST", "/dmarc_aggregate-*/_refresh")
    inside = cluster.count("dmarc_aggregate-*", {"term": {"source_ip_address.ip": "0.0.0.0/0"}})
    assert inside > 50
    # each field of them is mapped: nothing that a dashboard may ask for is lost
    for kind in KINDS:
        mine = [document for index, _, document in documents if index.startswith(kind)]
        if mine:
            check_fields(cluster.ok("GET", "/%s-*/_field_caps?fields=*" % kind)["fields"], mine)


def field_names(value, before=""):
    """Each field with the type of its value, or of its first one."""
    for key, inner in value.items():
        items = inner if isinstance(inner, list) else [inner]
        if not isinstance(items[0], dict):
            yield before + key, type(items[0])
            continue
        for item in items:
            yield from field_names(item, before + key + ".")


def check_fields(caps, documents):
    for name, kind in {field for document in documents for field in field_names(document)}:
        if name.startswith("sample.headers."):  # those that dashboards use are told apart from the rest
            continue
        assert name in caps, name
        assert kind is not str or "date" in caps[name] or name + ".keyword" in caps, name


LONG = "x" * 40000
HOSTILE = {
    "texts of 40,000 characters": {"org_name": LONG, "report_id": LONG, "dkim_results_combined": [LONG],
                                   "dkim_results": [{"domain": LONG, "human_result": LONG}],
                                   "sample": {"headers": {"from": LONG, "x-" + "y" * 300: LONG}}, "intake": {"message_id": LONG}},
    "wide characters": {"dkim_results_combined": ["\U0001f4e7" * 8191], "authentication_results": "\u4e2d" * 8191},
    "no address": {"source_ip_address": "not an address"},
    "no times": {"date_begin": "yesterday", "date_end": "", "date_range": ["a", "9999999-99-99"], "arrival_date": "Mon, 99"},
    "no numbers": {"message_count": "many", "source_asn": "AS64500", "published_policy": {"pct": "100%"}},
    "huge numbers": {"message_count": 10 ** 30, "source_asn": -1e300},
    "a number for a text": {"report_id": 5, "np": 1.5, "version": True, "errors": [1, "a", False]},
    "unknown fields": {"new_%d" % i: {"deep": [i, "a", {"b": None}]} for i in range(2000)},
    "unknown field, another type": {"new_1": "text", "new_2": [1, 2]},
    "empty": {"org_name": "", "errors": [], "published_policy": {}, "dkim_results": [{}], "source_ip_address": None},
    "control characters": {"org_name": "a\u0000b\u001f\u2028\ufffe"},
    "deep": {"new_0": json.loads("[" * 15 + "]" * 15)},
    "headers": {"sample": {"headers": {"x-%d" % i: ["a", "b"] for i in range(1500)}}},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_document_is_taken(installed, case):
    cluster = installed.cluster
    for kind in KINDS:
        results = cluster.bulk([{"index": {"_index": kind + "-2024-12", "_id": case.replace(" ", "-")}}, HOSTILE[case]],
                               **installed.ingest_login)
        assert results[0][0] in (200, 201), (kind, results)
    mapping = cluster.ok("GET", "/dmarc_failure-2024-12/_mapping")["dmarc_failure-2024-12"]["mappings"]["properties"]
    shipped = json.loads((BODIES / "dmarc_failure.json").read_text())["template"]["mappings"]["properties"]
    assert set(mapping) == set(shipped), "nothing may be added"


# --- beside parsedmarc -------------------------------------------------------

def parsedmarc():
    oracle = pathlib.Path(os.environ.get("ORACLE_PYTHON", "/tmp/pdvenv"))
    places = [pathlib.Path(os.environ.get("PARSEDMARC", "/nowhere")), oracle / "bin" / "parsedmarc",
              oracle.parent / "parsedmarc"]
    for place in places:
        if place.is_file():
            return place
    pytest.skip("no parsedmarc (PARSEDMARC, ORACLE_PYTHON)")


def run_parsedmarc(cluster, folder, files, more=""):
    program = parsedmarc()
    ini = folder / "parsedmarc.ini"
    ini.write_text("[general]\nsave_aggregate = True\nsave_failure = True\nsave_smtp_tls = True\noffline = True\n"
                   "always_use_local_files = True\nwarnings = True\n[%s]\nhosts = %s\nuser = %s\npassword = %s\n"
                   "cert_path = %s\n%s" % (cluster.product, cluster.url, cluster.user, cluster.password, cluster.ca, more))
    run = subprocess.run([str(program), "-c", str(ini), *map(str, files)], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stderr + run.stdout


BOTH_READ = [FIXTURES / name for name in ("rfc9990.xml", "draft.xml", "span_3_days.xml", "records_50.xml.gz",
                                          "report_id_address.xml", "upper_case.xml", "gzip_nested.eml", "zip_single_part.eml")]

FAILURE = """From: reporter@r.example
To: ruf@d.example
Subject: failure
Date: Mon, 02 Feb 2026 10:00:00 +0000
Message-ID: <f1@r.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

A failure.
--b
Content-Type: message/feedback-report

Feedback-Type: auth-failure
User-Agent: Test/1.0
Version: 1
Original-Mail-From: <a@d.example>
Arrival-Date: Mon, 02 Feb 2026 09:59:00 +0000
Source-IP: 192.0.2.7
Reported-Domain: d.example
Authentication-Results: mx.r.example; dmarc=fail
Auth-Failure: dmarc
Delivery-Result: reject

--b
Content-Type: message/rfc822

From: Somebody <a@d.example>
To: b@r.example
Reply-To: c@d.example
Received: from x by y; Mon, 02 Feb 2026 09:59:00 +0000
Subject: an example
Date: Mon, 02 Feb 2026 09:58:00 +0000
Message-ID: <s1@d.example>

text
--b--
"""

TLS = {"organization-name": "r.example", "contact-info": "tls@r.example", "report-id": "tls-1",
       "date-range": {"start-datetime": "2026-02-02T00:00:00Z", "end-datetime": "2026-02-02T23:59:59Z"},
       "policies": [{"policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: enforce"],
                                "policy-domain": "d.example", "mx-host": ["*.d.example"]},
                     "summary": {"total-successful-session-count": 5, "total-failure-session-count": 3},
                     "failure-details": [{"result-type": "certificate-expired", "sending-mta-ip": "192.0.2.1",
                                          "receiving-ip": "192.0.2.2", "receiving-mx-hostname": "mx.d.example",
                                          "failed-session-count": 3}]}]}


def conflicts(cluster, indexes):
    """{field: types} of what is not of one type in all of the indexes."""
    fields = cluster.ok("GET", "/%s/_field_caps?fields=*" % indexes)["fields"]
    return fields, {name: sorted(types) for name, types in fields.items() if len(set(types) - {"unmapped"}) > 1}


def test_reports_are_found_as_saved_by_parsedmarc(installed, tmp_path):
    cluster = installed.cluster
    before = installed.ingest(*BOTH_READ)
    assert before.returncode == 0, before.stderr + before.stdout
    indexes, count = cluster.indexes("dmarc_aggregate*"), cluster.count("dmarc_aggregate*")
    said = run_parsedmarc(cluster, tmp_path, BOTH_READ)
    assert cluster.count("dmarc_aggregate*") == count, said
    assert cluster.indexes("dmarc_aggregate*") == indexes
    assert said.lower().count("already") >= len(BOTH_READ) - 1, said
    # and what we have not, it stores, into an index of our template
    run_parsedmarc(cluster, tmp_path, [FIXTURES / "latin1.xml"], "monthly_indexes = True\n")
    theirs = {"bool": {"must_not": {"exists": {"field": "intake.transport"}}, "must": {"exists": {"field": "org_name"}}}}
    assert cluster.count("dmarc_aggregate-*", theirs) > 0


def test_documents_of_parsedmarc_come_first(cluster, tmp_path):
    """Its indexes are there, dynamically mapped; then setup, then ours."""
    (tmp_path / "failure.eml").write_text(FAILURE)
    (tmp_path / "tls.json").write_text(json.dumps(TLS))
    files = [FIXTURES / "rfc9990.xml", FIXTURES / "records_50.xml.gz", tmp_path / "failure.eml", tmp_path / "tls.json"]
    run_parsedmarc(cluster, tmp_path, files, "monthly_indexes = True\nindex_prefix = was_\n")
    old = cluster.indexes("was_*")
    assert {name.rsplit("-", 2)[0] for name in old} == {"was_" + kind for kind in KINDS}
    setup = Setup(cluster, tmp_path / "setup", prefix="was_")
    said = setup.done("--force")
    for name in old:
        assert sum(did == "warning" and name in what for did, what in said) == 1, name
    setup.use_password()
    # ours into the same indexes, and into new ones of the template
    run = setup.ingest(*sorted(FIXTURES.glob("*.xml")), *BOTH_READ)
    assert run.returncode in (0, 65), run.stderr + run.stdout  # 65: some of them are no reports
    assert "unreadable" in run.stdout and setup.cluster.count("was_dmarc_aggregate*", {"exists": {"field": "intake.position"}}) > 70
    login = {"user": "was_dmarc-intake", "password": setup.password()}
    lines = []
    cluster.ok("POST", "/was_*/_refresh")  # what parsedmarc wrote may be a moment old
    for kind in ("dmarc_failure", "smtp_tls"):
        name = next(index for index in old if kind in index)
        source = cluster.ok("POST", "/%s/_search" % name, {})["hits"]["hits"][0]["_source"]
        source["intake"] = {"transport": "lmtp", "received": "2026-02-02T10:00:00+00:00", "message_id": "1@x",
                            "envelope_from": "", "envelope_recipient": "a@b"}
        for index in (name, "was_%s-2027-01" % kind):
            lines += [{"index": {"_index": index, "_id": "ours"}}, source]
    assert {status for status, _ in cluster.bulk(lines, **login)} == {201}
    cluster.ok("POST", "/was_*/_refresh")
    for pattern in ("was_dmarc_aggregate*", "was_dmarc_f*", "was_smtp_tls*"):
        fields, differing = conflicts(cluster, pattern)
        assert not set(differing) & set(DASHBOARD), differing
        assert not differing, differing
        for name in set(DASHBOARD) & set(fields):
            kinds = [kind for kind in fields[name] if kind != "unmapped"]
            assert all(fields[name][kind]["aggregatable"] for kind in kinds), name
    # in the old and in the new index of failures: what the dashboard groups by
    groups = cluster.ok("POST", "/was_dmarc_f*/_search", {"size": 0, "aggs": {
        name: {"terms": {"field": "sample.headers.%s.keyword" % name}} for name in ("from", "subject", "reply-to", "to", "received")}})
    for name, group in groups["aggregations"].items():
        assert sum(bucket["doc_count"] for bucket in group["buckets"]) == 3, (name, group)


def test_field_of_another_type_is_told(cluster, tmp_path):
    """Mapped by its first document, an index refuses what comes later."""
    setup = Setup(cluster, tmp_path, prefix="typed_")
    cluster.ok("PUT", "/typed_smtp_tls-2026-01/_doc/1?refresh=true",
               {"report_id": "2026-01-01", "policies": [{"policy_type": "sts"}], "contact_info": {"a": 1}})
    said = [what for did, what in setup.done("--force") if did == "warning"]
    assert len(said) == 3, said
    assert any("typed_smtp_tls-" in what and "report_id is date there, not text" in what for what in said)
    assert any("contact_info is object there, not text" in what for what in said)
    cluster.ok("PUT", "/typed_smtp_tls-2026-02/_doc/1?refresh=true", {"report_id": "x", "contact_info": "y"})
    said = [what for did, what in setup.done() if did == "warning"]
    assert any(what.startswith("index typed_smtp_tls-2026-01: the field report_id is date") for what in said), said
    cluster.ok("DELETE", "/typed_smtp_tls-2026-01")
    assert not any(did == "warning" for did, _ in setup.done())


def test_documents_of_parsedmarc_come_into_our_indexes(installed, tmp_path):
    """The template is there first; parsedmarc's own failure and TLS reports."""
    cluster = installed.cluster
    (tmp_path / "failure.eml").write_text(FAILURE)
    (tmp_path / "tls.json").write_text(json.dumps(TLS))
    run_parsedmarc(cluster, tmp_path, [tmp_path / "failure.eml", tmp_path / "tls.json"])
    cluster.ok("POST", "/dmarc_*,smtp_tls*/_refresh")
    by = {"size": 0, "aggs": {"from": {"terms": {"field": "sample.headers.from.keyword"}}}}
    found = cluster.ok("POST", "/dmarc_failure-2026-02-02/_search", by)
    assert [b["key"] for b in found["aggregations"]["from"]["buckets"]] == ["Somebody <a@d.example>"]
    by = {"query": {"term": {"policies.failure_details.sending_mta_ip.ip": "192.0.2.0/24"}},
          "aggs": {"failed": {"sum": {"field": "policies.failure_details.failed_session_count"}}}}
    found = cluster.ok("POST", "/smtp_tls-2026-02-02/_search", by)
    assert found["aggregations"]["failed"]["value"] == 3
    durability = cluster.ok("GET", "/smtp_tls-2026-02-02/_settings?flat_settings=true")
    assert durability["smtp_tls-2026-02-02"]["settings"]["index.translog.durability"] == "request"


def test_dashboard_fields_are_in_the_templates(installed):
    cluster = installed.cluster
    for kind in KINDS:
        cluster.ok("PUT", "/%s-2024-11" % kind)
    fields = cluster.ok("GET", "/dmarc_aggregate-2024-11,dmarc_failure-2024-11,smtp_tls-2024-11/_field_caps?fields=*")["fields"]
    for name in DASHBOARD:
        assert name in fields, name
        assert all(kind["aggregatable"] for kind in fields[name].values()), name


# --- through the programs, as the user that setup made -----------------------

class Daemon:
    def __init__(self, setup):
        self.setup, self.log_file = setup, setup.folder / "daemon.log"

    def is_ready(self):
        assert self.process.poll() is None, self.log()
        return "ready on " in self.log()

    def __enter__(self):
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen([str(LMTPD), "-c", str(self.setup.conf)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_for(self.is_ready)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def deliver(self, mail):
        """The reply to the final dot."""
        with smtplib.LMTP(str(self.setup.folder / "lmtp.sock"), local_hostname="mx.test.example", timeout=120) as lmtp:
            lmtp.docmd("LHLO", "mx.test.example")
            lmtp.mail("noreply@r.example")
            lmtp.rcpt("reports@test.example")
            return lmtp.data(mail)


def fresh_mail():
    """One that came just now: an old one would be kept as waiting."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Date"] = "noreply@r.example", "reports@test.example", formatdate()
    mail["Subject"], mail["Message-ID"] = "Report Domain: test.example", make_msgid(domain="r.example")
    mail.add_attachment((FIXTURES / "draft.xml").read_bytes(), "application", "xml", filename="r.xml")
    return mail.as_bytes()


def test_ingest_through_the_daemon(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="live_")
    setup.ok("--force")
    setup.use_password()
    with Daemon(setup) as daemon:
        for _ in range(2):
            code, text = daemon.deliver((FIXTURES / "gzip_multipart.eml").read_bytes())
            assert code == 250, (text, daemon.log())
    first = cluster.count("live_dmarc_aggregate-*")
    assert first > 0
    run = setup.ingest(FIXTURES / "gzip_multipart.eml", FIXTURES / "records_50.xml.gz")
    assert run.returncode == 0, run.stderr
    assert "50 records stored, %d duplicates" % first in run.stdout
    assert cluster.count("live_dmarc_aggregate-*") == first + 50
    assert not any(did == "warning" for did, what in setup.done()), "each is of the template"


def test_wrong_password_is_told(cluster, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="live_")
    setup.password_file.write_text("wrong\n")
    setup.use_password("timeout = 5\n")
    with Daemon(setup) as daemon:
        code, _ = daemon.deliver(fresh_mail())
        assert code == 451
        assert "401" in daemon.log() and "password" in daemon.log(), daemon.log()


def test_wrong_ca_is_told(cluster, clusters, tmp_path):
    setup = Setup(cluster, tmp_path, prefix="live_")
    other = next(c for c in clusters.values() if c is not cluster).wait()
    setup.password_file.write_text("wrong\n")
    setup.use_password("timeout = 5\n")
    setup.conf.write_text(setup.conf.read_text().replace(str(cluster.ca), str(other.ca)))
    with Daemon(setup) as daemon:
        code, _ = daemon.deliver(fresh_mail())
        assert code == 451
        assert "certificate" in daemon.log() and "password" not in daemon.log(), daemon.log()


# --- without security --------------------------------------------------------

def check_without_security(cluster, tmp_path):
    setup = Setup(cluster, tmp_path)
    setup.conf.write_text("".join(line for line in setup.conf.read_text().splitlines(True) if "cert_path" not in line))
    run = setup.run("--retention", "90", admin=False)
    assert run.returncode == 0, run.stderr + run.stdout
    assert "skipped   roles and users: this server has no security" in run.stdout
    assert run.stdout.count("created   template") == 3
    assert not setup.password_file.exists()
    assert setup.run(admin=False).stdout.count("unchanged template") == 3
    run = setup.ingest(FIXTURES / "records_50.xml.gz")
    assert run.returncode == 0, run.stderr
    assert cluster.count("dmarc_aggregate-*") == 50


def test_server_without_security(tmp_path):
    """Elasticsearch 7.17, the oldest that is told to work."""
    with server_folder() as base:
        cluster = Cluster("elasticsearch", base / "server", free_port(), version="7.17.29", has_security=False)
        try:
            check_without_security(cluster.start().wait(), tmp_path)
        finally:
            cluster.stop()


# --- README: from parsedmarc in ten minutes ------------------------------------

def test_moving_over(cluster, tmp_path, monkeypatch):
    """Step by step as README has it: at no moment is a report missing or there twice."""
    paths, expected = mailgen.write(8, tmp_path / "mails", seed=11)
    ini = tmp_path / "parsedmarc.ini"
    ini.write_text("[general]\nsave_aggregate = True\noffline = True\nalways_use_local_files = True\n[%s]\nhosts = %s\n"
                   "user = %s\npassword = %s\ncert_path = %s\nindex_prefix = mv_\n"
                   % (cluster.product, cluster.url, cluster.user, cluster.password, cluster.ca))

    def by_parsedmarc(mails):
        run = subprocess.run([str(parsedmarc()), "-c", str(ini), *mails], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, timeout=120)
        assert run.returncode == 0, run.stderr

    def stored():
        """{report_id: documents}"""
        cluster.ok("POST", "/mv_*/_refresh")
        terms = {"terms": {"field": "report_id.keyword", "size": 1000}}
        answer = cluster.ok("POST", "/mv_dmarc_aggregate*/_search", {"size": 0, "aggs": {"r": terms}})
        return {b["key"]: b["doc_count"] for b in answer["aggregations"]["r"]["buckets"]}

    by_parsedmarc(paths[:4])  # the site as it is
    theirs = stored()
    assert len(theirs) == 4

    # 1. the configuration
    intake = Intake(tmp_path / "intake")
    intake.conf.unlink()
    run = subprocess.run([str(COMMAND), "import-config", "-o", str(intake.conf), str(ini)], capture_output=True,
                         text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert run.returncode == 0, run.stderr
    monkeypatch.setenv("DMARC_INTAKE_INTAKE_STATE_PATH", str(intake.state))
    monkeypatch.setenv("DMARC_INTAKE_INTAKE_LOG", "stderr")
    monkeypatch.setenv("DMARC_INTAKE_LMTP_LISTEN", intake.listen)
    # 2. the cluster
    setup = Setup(cluster, tmp_path / "setup", prefix="mv_")
    setup.conf = intake.conf
    # --force: other tests have left indexes of another prefix on the same server
    setup.ok("--force", "--password-file", str(tmp_path / "password"))
    # 3. both run: the MTA gives us mails old and new, and parsedmarc reads them too
    intake.start()
    try:
        for path in paths[2:]:
            assert deliver(intake.listen, pathlib.Path(path).read_bytes())[0].startswith("250"), intake.log()
    finally:
        intake.stop()
    assert stored() == {**theirs, **{r: n for r, n in expected.items() if r not in theirs}}
    whole = stored()
    by_parsedmarc(paths)
    assert stored() == whole
    # 4. parsedmarc is gone; what its mailbox still holds is ours
    run = subprocess.run([str(COMMAND), "-c", str(intake.conf), "ingest", str(tmp_path / "mails")], text=True,
                         capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert run.returncode == 0 and " 0 records stored" in run.stdout, run.stdout + run.stderr
    assert stored() == whole and set(whole) == set(expected)
    assert {name.count("-") for name in cluster.indexes("mv_dmarc_aggregate*")} == {3}  # daily, as before
