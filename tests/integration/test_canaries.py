"""Secrets that are planted where the product reads them, and looked for in everything that it writes."""

import base64
import pathlib
import re
import urllib.request

import pytest

from authority import Authority
from cluster import wait_for
from ports import free_ports
from test_main_job import ACTIVITY, source
from test_walls import SecureCluster, sha256

CANARIES = {name: f"canary-{name}-{number}-Xq7/+Zt" for number, name in enumerate(
    ["sasl-password", "key-password", "file-secret", "s3-secret", "s3-session", "token", "url-password"])}
SASL = """, "security.protocol" = 'SASL_SSL', "sasl.mechanism" = 'SCRAM-SHA-512', "sasl.username" = 'weir',
    "sasl.password" = '${env:WEIR_SECRET_SASL}', "ssl.key.password" = '${env:WEIR_SECRET_KEY}', "client.id" = '${file:client}'"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def spellings(secret):
    """As it is, and as something may have written it: base64 at any offset, JSON, an URL, hexadecimal."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), secret.replace("/", "\\/").encode(), secret.replace("/", "%2F").replace("+", "%2B").encode()}
    for shift in range(3):
        inner = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0:-4]
        found.add(inner)
    return found


def leaks(text, secrets):
    return {name for name, secret in secrets.items() if any(spelling in text for spelling in spellings(secret))}


def everything_below(directory):
    for path in pathlib.Path(directory).rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def private_keys(authority):
    """A line of each key: whoever has it has most of the key."""
    keys = {}
    for path in authority.directory.glob("*.key"):
        lines = re.findall(r"^[A-Za-z0-9+/=]{40,}$", path.read_text(), re.MULTILINE)
        keys.update({f"{path.name} line {i}": line for i, line in enumerate(lines)})
    return keys


def test_the_search_finds_what_is_there(tmp_path):
    for name, secret in CANARIES.items():
        for spelling in spellings(secret):
            (tmp_path / "log").write_bytes(b"before " + spelling + b" after")
            found = set().union(*(leaks(text, CANARIES) for _, text in everything_below(tmp_path)))
            assert found == {name}
    (tmp_path / "log").write_bytes(base64.b64encode(b"x" + CANARIES["token"].encode() + b"y"))
    assert leaks((tmp_path / "log").read_bytes(), CANARIES) == {"token"}


def test_no_secret_comes_out(authority, tmp_path):
    closed, = free_ports(1)
    kept = tmp_path / "kept"  # where secrets belong
    kept.mkdir()
    (kept / "tokens").write_text(f"ann admin {sha256(CANARIES['token'])}\n")
    (kept / "client").write_text(CANARIES["file-secret"] + "\n")
    (kept / "token").write_text(CANARIES["token"] + "\n")
    environment = {"AWS_ACCESS_KEY_ID": "weir", "AWS_SECRET_ACCESS_KEY": CANARIES["s3-secret"], "AWS_SESSION_TOKEN": CANARIES["s3-session"],
                   "AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed}", "GRPC_VERBOSITY": "DEBUG"}
    said = []

    with SecureCluster(tmp_path / "cluster", authority, workers=0, tokens=kept / "tokens") as cluster:
        cluster.client_environment.pop("WEIR_TOKEN", None)

        def weir(*arguments, ok=None):
            done = cluster.run(*arguments, "--token-file", kept / "token")
            said.append((" ".join(map(str, arguments)), (done.stdout + done.stderr).encode()))
            assert ok is None or (done.returncode == 0) == ok, done
            return done

        # Without a worker nobody asks the brokers, so the job is recorded, and waits.
        script = "SET checkpoint_interval = '500ms';" + source(options=SASL) + ACTIVITY % ""
        (tmp_path / "cluster/job.sql").write_text(script)
        variables = ("--var", f"BROKERS=127.0.0.1:{closed}", "--var", "TOPIC=t")
        weir("job", "submit", "job.sql", "--name", "job", *variables, "--var", f"TABLES={tmp_path}/lake", ok=True)
        literal = source(options=SASL.replace("${env:WEIR_SECRET_SASL}", CANARIES["sasl-password"])) + ACTIVITY % ""
        (kept / "literal.sql").write_text(literal)
        refused = weir("job", "submit", kept / "literal.sql", "--name", "other", *variables, "--var", f"TABLES={tmp_path}/o", ok=False)
        assert "takes a reference to a secret" in refused.stderr
        url = f"s3://weir:{CANARIES['url-password'].replace('/', '')}@bucket/t"
        refused = weir("job", "submit", "job.sql", "--name", "other", *variables, "--var", f"TABLES={url}", ok=False)
        assert "takes no user" in refused.stderr

        # A worker that resolves the secrets, and can't reach the brokers with them.
        worker = cluster._make_worker(0, 1, "512MiB")
        worker.environment = {**authority.environment("worker"), **environment, "WEIR_SECRETS": str(kept),
                              "WEIR_SECRET_SASL": CANARIES["sasl-password"], "WEIR_SECRET_KEY": CANARIES["key-password"]}
        worker.http, worker.tls = worker.http.replace("http://", "https://"), cluster.coordinator.tls
        cluster.workers.append(worker)
        worker.start()
        worker.wait_until_ready()
        wait_for(lambda: "brokers" in weir("job", "get", "job", "-o", "json").stdout
                 and re.search(r"127\.0\.0\.1:\d+", worker.log() + cluster.coordinator.log()), 30, cluster.logs)
        wait_for(lambda: "127.0.0.1:%d" % closed in cluster.coordinator.log() + weir("job", "get", "job", "-o", "json").stdout, 30, cluster.logs)
        for output in ("text", "json"):
            for call in (("job", "list"), ("job", "get", "job"), ("job", "explain", "job"), ("cluster", "status"), ("worker", "list"),
                         ("job", "checkpoint", "job"), ("job", "get", "none")):
                weir(*call, *(("-o", "json") if output == "json" else ()))
        weir("job", "submit", "job.sql", "--name", "second", *variables, "--var", f"TABLES={tmp_path}/second", ok=False)
        weir("job", "submit", "job.sql", "--name", "third", *variables, "--var", "TABLES=s3://bucket/lake", ok=False)
        request = urllib.request.Request(cluster.coordinator.http + "/metrics", headers={"Authorization": f"Bearer {CANARIES['token']}"})
        with urllib.request.urlopen(request, timeout=5, context=cluster.coordinator.tls) as answer:
            said.append(("metrics of the coordinator", answer.read()))
        said.append(("metrics of the worker", repr(worker.metrics()).encode()))
        weir("job", "cancel", "job")
        # What ends at its start says why.
        for name, change in {"secret": {"WEIR_SECRETS": str(tmp_path / "none")}, "key": {"WEIR_TLS_KEY": str(authority.directory / "client.key")}}.items():
            other = cluster._make_worker(1, 1, "512MiB")
            other.name = name
            other.environment = {**worker.environment, **change}
            other.run([*map(str, [cluster.coordinator.binary]), *other._arguments], env={**other.environment}, cwd=tmp_path / "cluster")
            wait_for(lambda: other.log() != "", 20, cluster.logs)
            other.kill()
            said.append((f"log of {name}", other.log_bytes()))

    # The job log, the checkpoints, what processes printed and what commands said.
    said += [*everything_below(tmp_path / "cluster"), *everything_below(tmp_path / "lake")]
    assert any("/jobs/" in name for name, _ in said), "no job log was looked at"
    secrets = {**CANARIES, "url-password": CANARIES["url-password"].replace("/", ""), **private_keys(authority)}
    found = {name: leaks(text, secrets) for name, text in said}
    assert not any(found.values()), {name: what for name, what in found.items() if what}
