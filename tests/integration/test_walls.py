"""Who gets in: mutual TLS with an identity for each kind of process, tokens with roles, and what the log keeps of it."""

import hashlib
import json
import os
import re
import runpy
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import pytest

from authority import Authority
from cluster import ROOT, WEIR, Cluster, wait_for
from ports import free_ports
from test_main_job import ACTIVITY, produce_spread, source, transactions

PYTHON_CLIENT = ROOT / "clients/python"


class SecureCluster(Cluster):
    """With certificates: of its own for the coordinator, for the workers, and for the command line."""

    def __init__(self, directory, authority, workers=2, tokens=None):
        super().__init__(directory, workers=workers)
        authority.issue("coordinator", "weir-coordinator")
        authority.issue("worker", "weir-worker")
        authority.issue("client", "weir-client")
        for process in self.coordinators:
            process.environment = authority.environment("coordinator")
            if tokens:
                process.environment["WEIR_TOKENS"] = str(tokens)
        for process in self.workers:
            process.environment = authority.environment("worker")
        self.client_environment = authority.environment("client")
        tls = ssl.create_default_context(cafile=authority.certificate)
        tls.check_hostname = False
        tls.load_cert_chain(authority.directory / "client.pem", authority.directory / "client.key")
        for process in (*self.coordinators, *self.workers):
            process.http = process.http.replace("http://", "https://")
            process.tls = tls

    def as_client(self, *arguments, **environment):
        """`weir ARGUMENTS...` with this environment instead of the client's."""
        kept, self.client_environment = self.client_environment, environment
        try:
            return self.run(*arguments, timeout_s=30)
        finally:
            self.client_environment = kept


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def sha256(token):
    return hashlib.sha256(token.encode()).hexdigest()


TOKENS = {name: f"canary-{name}-3f7a" for name in ("viewer", "operator", "admin")}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, authority):
    directory = tmp_path_factory.mktemp("walls")
    tokens = directory / "tokens"
    tokens.write_text("# who may call\n" + "".join(f"{role}-1 {role} {sha256(token)}\n" for role, token in TOKENS.items()))
    with SecureCluster(directory, authority, workers=1, tokens=tokens) as cluster:
        cluster.tokens = tokens
        cluster.client_environment["WEIR_TOKEN"] = TOKENS["admin"]
        yield cluster


def test_the_doctor_sees_certificates_that_expire_soon_and_who_may_not_ask(cluster):
    def levels(token):
        done = cluster.as_client("doctor", "-o", "json", **{**cluster.client_environment, "WEIR_TOKEN": token})
        return {(f["check"], f["subject"].split(" ")[0]): f["level"] for f in json.loads(done.stdout)["findings"]}

    wait_for(lambda: ("certificate", "worker") in levels(TOKENS["operator"]), 20, lambda: "a heartbeat")
    expiring = {key: level for key, level in levels(TOKENS["operator"]).items() if key[0] == "certificate"}
    assert expiring == {("certificate", who): "warning" for who in ("this", "coordinator", "worker")}, "one day is left"
    assert levels(TOKENS["viewer"]) == {("coordinator", cluster.address): "problem"}


def test_nobody_gets_in_without_a_certificate_of_a_client(cluster, authority, tmp_path):
    stranger = Authority(tmp_path, "stranger")
    stranger.issue("client", "weir-client")
    authority.issue("other", "weir-other")
    known = cluster.client_environment
    token = {"WEIR_TOKEN": TOKENS["admin"]}
    assert cluster.run("cluster", "status").returncode == 0
    refused = {
        "plaintext": token,
        "another authority": {**stranger.environment("client"), **token, "WEIR_TLS_CA": str(authority.certificate)},
        "a server that isn't trusted": {**known, "WEIR_TLS_CA": str(stranger.certificate)},
        "a worker": {**authority.environment("worker"), **token},
        "nobody in particular": {**authority.environment("other"), **token},
    }
    for who, environment in refused.items():
        done = cluster.as_client("cluster", "status", **environment)
        assert done.returncode != 0 and not done.stdout, f"{who}: {done}"
    assert cluster.as_client("cluster", "status", **authority.environment("client"), **token).returncode == 0


def test_roles_say_what_a_token_may(cluster):
    def as_role(token, *arguments):
        return cluster.as_client(*arguments, **{**cluster.client_environment, "WEIR_TOKEN": token})

    looks, changes_jobs, changes_cluster = ("job", "list"), ("job", "stop", "no-such-job"), ("worker", "drain", "no-such-worker")
    not_found = 4
    for role, may in {"viewer": [looks], "operator": [looks, changes_jobs], "admin": [looks, changes_jobs, changes_cluster]}.items():
        for call in (looks, changes_jobs, changes_cluster):
            done = as_role(TOKENS[role], *call)
            if call in may:
                assert done.returncode in (0, not_found), f"{role} {call}: {done.stderr}"
            else:
                assert done.returncode == 3 and "needs" in done.stderr, f"{role} {call}: {done.stderr}"
    for token in ("", "wrong", TOKENS["admin"] + "x", "x" * 512):
        done = as_role(token, *looks)
        assert done.returncode == 3 and "--token-file" in done.stderr, done
    assert as_role("x" * 513, *looks).returncode == 2


def test_a_token_from_a_file(cluster, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKENS["viewer"] + "\n")
    environment = {k: v for k, v in cluster.client_environment.items() if k != "WEIR_TOKEN"}
    assert cluster.as_client("job", "list", "--token-file", file, **environment).returncode == 0
    assert cluster.as_client("job", "list", "--token-file", tmp_path / "none", **environment).returncode == 2


def test_tokens_are_read_again(cluster):
    before = cluster.tokens.read_text()
    environment = {**cluster.client_environment, "WEIR_TOKEN": "a-new-one"}
    try:
        cluster.tokens.write_text(before + f"late operator {sha256('a-new-one')}\n")
        wait_for(lambda: cluster.as_client("job", "list", **environment).returncode == 0, 15, lambda: "the new token to count")
        cluster.tokens.write_text("not three words at all\n")  # what was read before goes on counting
        wait_for(lambda: "can't be read again" in cluster.coordinator.log() or cluster.run("job", "list").returncode, 15,
                 lambda: "the coordinator to look at the file")
        assert cluster.run("job", "list").returncode == 0
    finally:
        cluster.tokens.write_text(before)
    wait_for(lambda: cluster.as_client("job", "list", **environment).returncode == 3, 15, lambda: "the token to be revoked")


def test_changes_are_on_record_and_tokens_are_not(cluster):
    cluster.run("job", "stop", "a job\nthat forges=lines")
    wait_for(lambda: re.search(r'audit .*who=admin-1 .*call=Stop .*outcome=NOT_FOUND', cluster.coordinator.log()), 10,
             lambda: cluster.coordinator.log_tail())
    done = cluster.as_client("job", "stop", "x", **{**cluster.client_environment, "WEIR_TOKEN": TOKENS["viewer"]})
    assert done.returncode == 3
    wait_for(lambda: "call refused" in cluster.coordinator.log(), 10, lambda: cluster.coordinator.log_tail())
    for process in (cluster.coordinator, *cluster.workers):
        text = process.log()
        assert not re.search(r"^that forges", text, re.MULTILINE)
        assert not any(token in text or sha256(token) in text for token in TOKENS.values())


def test_http_follows_the_same_rules(cluster, authority):
    def get(process, path, authorization=None, certificate=None):
        tls = ssl.create_default_context(cafile=authority.certificate)
        tls.check_hostname = False
        if certificate:
            tls.load_cert_chain(authority.directory / f"{certificate}.pem", authority.directory / f"{certificate}.key")
        request = urllib.request.Request(process.http + path)
        if authorization:
            request.add_header("Authorization", authorization)
        try:
            with urllib.request.urlopen(request, timeout=5, context=tls) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    worker = cluster.workers[0]
    for process in (cluster.coordinator, worker):
        assert get(process, "/healthz") == 200 and get(process, "/readyz") == 200
        assert get(process, "/metrics") == 401
        with pytest.raises(OSError):
            urllib.request.urlopen(process.http.replace("https", "http") + "/metrics", timeout=5)
    assert get(cluster.coordinator, "/metrics", f"Bearer {TOKENS['viewer']}") == 200
    assert get(cluster.coordinator, "/metrics", "Bearer wrong", certificate="client") == 401
    assert get(worker, "/metrics", certificate="client") == 200


def test_certificates_are_read_again(cluster, authority):
    authority.issue("coordinator", "weir-somebody-else")
    wait_for(lambda: cluster.run("cluster", "status").returncode != 0, 30, lambda: "the new certificate to be shown")
    (authority.directory / "coordinator.pem").write_text("neither one nor the other")
    assert cluster.coordinator.running
    authority.issue("coordinator", "weir-coordinator")
    wait_for(lambda: cluster.run("cluster", "status").returncode == 0, 30, lambda: "the next certificate to be shown")
    assert cluster.coordinator.running and cluster.workers[0].running


def serve(directory, *arguments, **environment):
    return subprocess.run([str(WEIR), *map(str, arguments)], capture_output=True, text=True, timeout=30, cwd=directory,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def test_plaintext_beyond_this_machine_is_refused(tmp_path):
    http, = free_ports(1)
    local = ("--http", f"127.0.0.1:{http}")
    refused = [
        ("--listen", ["coordinator", "--listen", "0.0.0.0:0", *local, "--data", tmp_path]),
        ("--http", ["coordinator", "--listen", "127.0.0.1:0", "--http", "0.0.0.0:0", "--data", tmp_path]),
        ("--listen", ["worker", "--coordinator", "127.0.0.1:1", "--listen", "[::]:0", *local, "--cache", tmp_path]),
        ("--coordinator", ["worker", "--coordinator", "10.0.0.1:7070", *local, "--cache", tmp_path]),
        ("--coordinator", ["job", "list", "--coordinator", "127.evil.example:7070"]),
        ("--listen", ["dev", "--listen", "0.0.0.0:0", *local, "--data", tmp_path]),
    ]
    for flag, arguments in refused:
        done = serve(tmp_path, *arguments)
        assert done.returncode == 2 and flag in done.stderr and "--insecure" in done.stderr, done


def test_certificates_that_cannot_work_are_refused_at_the_start(authority, tmp_path):
    stranger = Authority(tmp_path, "stranger")
    good = authority.issue("coordinator", "weir-coordinator")
    worker = authority.issue("worker", "weir-worker")
    expired = authority.issue("expired", "weir-coordinator", days=0)
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    start = ["coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", tmp_path / "data"]
    refused = {
        "weir-coordinator": worker,
        "isn't the key": [*good[:3], worker[3], *good[4:]],
        "would refuse it": [*good[:5], stranger.certificate],
        "expired": expired,
        "can't be read": [*good[:1], tmp_path / "none", *good[2:]],
        "holds no certificate": [*good[:1], nonsense, *good[2:]],
        "holds no private key": [*good[:3], nonsense, *good[4:]],
        "go together": good[:4],
        "one or the other": [*good, "--insecure"],
    }
    for why, flags in refused.items():
        done = serve(tmp_path, *start, *flags)
        assert done.returncode == 2 and why in done.stderr, f"{why}: {done}"


@pytest.mark.parametrize("text, why", [
    ("", "no token"), ("ann admin\n", "2 words"), (f"ann king {'0' * 64}\n", "role"), ("ann admin 00\n", "SHA-256"),
    (f"ann admin {'0' * 63}x\n", "SHA-256"), (f"a\x07 admin {'0' * 64}\n", "name"),
])
def test_a_wrong_token_file_is_refused(text, why, tmp_path):
    (tmp_path / "tokens").write_text(text)
    done = serve(tmp_path, "coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", tmp_path / "data",
                 "--tokens", tmp_path / "tokens")
    assert done.returncode == 2 and why in done.stderr, done


LEAST_JOB = """
CREATE TABLE s (a TEXT) WITH (connector = 'kafka', brokers = '127.0.0.1:9', topic = 't', format = 'json');
CREATE TABLE t (a TEXT) WITH (connector = 'delta', path = '${TABLE}');
INSERT INTO t SELECT a FROM s;
"""


def test_tables_lie_below_their_roots_only(tmp_path):
    """Refused at submit by the coordinator; a worker with roots of its own refuses what the coordinator let through."""
    lake, outside, alias = tmp_path / "lake", tmp_path / "outside", tmp_path / "lake" / "alias"
    for directory in (lake, outside):
        directory.mkdir()
    alias.symlink_to(outside)
    http, = free_ports(1)
    for roots in (["--table-root", "gs://x"], ["--table-root", lake, "--table-root", "a/../b"]):
        done = serve(tmp_path, "coordinator", "--listen", "127.0.0.1:0", "--http", f"127.0.0.1:{http}", "--data", tmp_path / "data", *roots)
        assert done.returncode == 2 and "--table-root" in done.stderr, done
    with Cluster(tmp_path / "cluster", workers=0, environment={"WEIR_TABLE_ROOT": f"{lake},s3://bucket/lake"}) as cluster:
        (tmp_path / "cluster/job.sql").write_text(LEAST_JOB)

        def submit(table, *options):
            return cluster.run("job", "submit", "job.sql", "--name", "job", "--var", f"TABLE={table}", *options)

        refused = [outside / "t", alias / "t", tmp_path, "/etc/weir", "/proc/t", "s3://bucket/lakes/t", "s3://other/lake/t", "relative"]
        for table in refused:
            done = submit(table)
            assert done.returncode == 1 and "no table may be at" in done.stderr, f"{table}: {done}"
        for table in (f"{lake}/../outside/t", "file://host/t", "http://169.254.169.254/t"):
            done = submit(table)
            assert done.returncode == 1 and "isn't a value of path" in done.stderr, f"{table}: {done}"
        assert not any(outside.iterdir()) and cluster.weir("job", "list")["jobs"] == []
        assert submit(lake / "t", "--validate").returncode == 0
    with Cluster(tmp_path / "open", workers=0) as cluster:
        (tmp_path / "open/job.sql").write_text(LEAST_JOB)
        for table in (tmp_path / "open/data", tmp_path / "open/data/jobs/x", tmp_path / "open", "/dev/shm/t"):
            done = cluster.run("job", "submit", "job.sql", "--name", "job", "--var", f"TABLE={table}")
            assert done.returncode == 1 and "no table may be at" in done.stderr, f"{table}: {done}"


def test_a_submit_whose_caller_left_makes_no_job(tmp_path):
    """The client ends while its job is about to be recorded: nobody would know of a job that began then."""
    with Cluster(tmp_path / "cluster", workers=0) as cluster:
        cluster.coordinator.kill()
        cluster.coordinator.start(failpoints="coordinator.before_submitted=delay:4000")
        cluster.coordinator.wait_until_ready()
        (tmp_path / "cluster/job.sql").write_text(LEAST_JOB)
        client = subprocess.Popen([str(WEIR), "job", "submit", "job.sql", "--name", "job", "--var", f"TABLE={tmp_path}/t"],
                                  cwd=tmp_path / "cluster", env={**os.environ, "WEIR_COORDINATOR": cluster.address},
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: (tmp_path / "t/_delta_log/00000000000000000000.json").exists(), 20, cluster.logs)
        client.kill()
        client.wait()
        wait_for(lambda: re.search(r"audit .*call=Submit .*outcome=CANCELLED", cluster.coordinator.log()), 20, cluster.logs)
        assert cluster.weir("job", "list")["jobs"] == []
        cluster.coordinator.kill()
        cluster.coordinator.start()
        cluster.coordinator.wait_until_ready()
        assert cluster.weir("job", "list")["jobs"] == []
        done = cluster.run("job", "submit", "job.sql", "--name", "job", "--var", f"TABLE={tmp_path}/t")
        assert done.returncode == 0, done


def test_a_worker_with_roots_writes_nowhere_else(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=1)
    with Cluster(tmp_path / "cluster", workers=1, WEIR_TABLE_ROOT=str(tmp_path / "lake")) as cluster:
        job = cluster.submit("SET checkpoint_interval = '500ms';" + source() + ACTIVITY % "", BROKERS=kafka.brokers, TOPIC=topic_name,
                             TABLES=str(tmp_path / "elsewhere"))["id"]
        wait_for(lambda: cluster.job(job)["state"] == "FAILED", 60, lambda: cluster.logs())
        assert "no table may be at" in cluster.job(job)["reason"]
    assert not list((tmp_path / "elsewhere").rglob("*.parquet"))


def rpc_status(authority, address, identity, server, method, payload=b""):
    """The status by which a call of `method` with the raw message `payload` ends, made with the certificate `identity`."""
    files = [(authority.directory / f"{identity}.{suffix}").read_bytes() for suffix in ("key", "pem")]
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *files)
    with grpc.secure_channel(address, credentials, options=[("grpc.ssl_target_name_override", server)]) as channel:
        try:
            list(channel.stream_stream(method)(iter([payload]), timeout=10))
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_a_service_serves_only_whom_it_is_for(cluster, authority):
    coordinator, worker = cluster.address, cluster.workers[0].address
    denied, malformed = grpc.StatusCode.PERMISSION_DENIED, b"\xff" * 1000
    for payload in (b"", malformed):
        for identity in ("client", "coordinator"):
            assert rpc_status(authority, worker, identity, "weir-worker", "/weir.v1.ExchangeService/Connect", payload) == denied
            assert rpc_status(authority, coordinator, identity, "weir-coordinator", "/weir.v1.ControlService/Session", payload) == denied
    # Reflection asks for no token, so it isn't there where tokens are.
    assert rpc_status(authority, coordinator, "client", "weir-coordinator",
                      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo") == grpc.StatusCode.UNIMPLEMENTED
    # A worker's own mistakes end its session, not the process.
    late = grpc.StatusCode.DEADLINE_EXCEEDED
    assert rpc_status(authority, coordinator, "worker", "weir-coordinator", "/weir.v1.ControlService/Session", malformed) != late
    assert rpc_status(authority, worker, "worker", "weir-worker", "/weir.v1.ExchangeService/Connect", malformed) != late
    assert cluster.coordinator.running and cluster.workers[0].running
    assert cluster.run("cluster", "status").returncode == 0


def test_a_job_over_tls(kafka, topic_name, authority, tmp_path):
    """Rows between workers, a job from Python; a third worker that shows a client's certificate never registers."""
    kafka.create_topic(topic_name, partitions=2)
    produce_spread(kafka, topic_name, transactions(2_000, seed=7), 2)
    script = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""
    with SecureCluster(tmp_path / "cluster", authority) as cluster:
        wait_for(lambda: len(cluster.worker_states()) == 2, 20, lambda: "two workers")
        impostor = cluster._make_worker(2, 1, "512MiB")
        done = serve(tmp_path, *impostor._arguments, **authority.environment("client"))
        assert done.returncode == 2 and "weir-worker" in done.stderr, done

        runpy.run_path(str(PYTHON_CLIENT / "generate"))["generate"]()
        program = ("import json, sys, weir\n"
                   "with weir.Client(sys.argv[1]) as client:\n"
                   "    print(client.submit(sys.argv[2], 'activity', variables=json.loads(sys.argv[3])).id)\n")
        variables = json.dumps({"BROKERS": kafka.brokers, "TOPIC": topic_name, "TABLES": str(tmp_path)})

        def from_python(**environment):
            return subprocess.run([sys.executable, "-c", program, cluster.address, script, variables], capture_output=True,
                                  text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(PYTHON_CLIENT), **environment})

        assert "CoordinatorUnreachableError" in from_python().stderr
        submitted = from_python(**authority.environment("client"))
        assert submitted.returncode == 0, submitted.stderr
        job = submitted.stdout.strip()
        cluster.wait_job(job, lambda j: j["records_in"] == 2_000, what="the rows in an epoch")
        assert sum(w.metric_sum("weir_exchange_sent_bytes_total") for w in cluster.workers) > 0
        cluster.stop(job)
