"""Blobs in a real object store, and a cluster whose durable data is there."""

import json
import pathlib
import subprocess
import sys

import pytest

import oracle
from cluster import WEIR, Cluster, wait_for
from minio import Minio
from s3 import BlobTool
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, source, transactions

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))
from s3_server import Fault, FaultyS3  # noqa: E402

ROWS = 60_000
MIB = 1 << 20


@pytest.fixture
def bucket(minio, request):
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:60].strip("-")
    return minio.make_bucket(name)


@pytest.fixture
def tool(bucket):
    with BlobTool(bucket.environment()) as tool:
        yield tool.open(f"s3://{bucket.name}/a prefix/x=1", part_bytes=5 * MIB)


def test_gives_back_what_was_put(bucket, tool):
    for name in ("log/00000000000000000001", "späti/€ (1)+&=~'!*", "a"):
        assert tool("put", name=name, bytes=name)["code"] == "OK"
        assert tool("put", name=name, bytes="other")["code"] == "ALREADY_EXISTS"
        assert tool("get", name=name)["bytes"] == name
    assert [name for name, _ in tool("list", prefix="")["entries"]] == sorted(
        ["log/00000000000000000001", "späti/€ (1)+&=~'!*", "a"], key=str.encode)
    assert tool("put", name="empty", bytes="")["code"] == "OK"
    assert tool("get", name="empty")["bytes"] == ""
    assert tool("get", name="missing")["code"] == "NOT_FOUND"
    assert tool("delete", name="a")["code"] == tool("delete", name="a")["code"] == "OK"
    assert tool("get", name="a")["code"] == "NOT_FOUND"


def test_replaces_only_the_version_named(tool):
    assert tool("put", name="lease", bytes="1")["code"] == "OK"
    first = tool("get", name="lease")["version"]
    second = tool("swap", name="lease", bytes="2", version=first)["version"]
    assert tool("swap", name="lease", bytes="3", version=first)["code"] == "ABORTED"
    assert tool("get", name="lease") == {"code": "OK", "bytes": "2", "version": second}
    assert tool("swap", name="none", bytes="3", version=first)["code"] == "ABORTED"
    assert tool("replace", name="lease", bytes="4")["code"] == "OK"
    assert tool("replace", name="hint", bytes="1")["code"] == "OK"
    assert tool("swap", name="lease", bytes="3", version=second)["code"] == "ABORTED"


def test_one_of_sixteen_writers_wins(tool):
    for i in range(5):
        codes = tool("race", name=f"log/{i}", writers=16)["codes"]
        assert sorted(codes) == ["ALREADY_EXISTS"] * 15 + ["OK"]
        assert tool("get", name=f"log/{i}")["bytes"] == f"writer {codes.index('OK')}"


def test_one_of_sixteen_swaps_wins(tool):
    assert tool("put", name="lease", bytes="start")["code"] == "OK"
    for _ in range(5):
        version = tool("get", name="lease")["version"]
        codes = tool("race", name="lease", writers=16, version=version)["codes"]
        assert sorted(codes) == ["ABORTED"] * 15 + ["OK"]
        winner = f"writer {codes.index('OK')}"
        assert tool("get", name="lease")["bytes"] == winner
        # Equal bytes have equal versions: each round begins with others.
        assert tool("replace", name="lease", bytes=f"after {winner}")["code"] == "OK"


def test_files_large_and_small(bucket, tool, tmp_path):
    for name, size in (("small", 100), ("one-part", 5 * MIB), ("parts", 12 * MIB + 1)):
        path = tmp_path / name
        path.write_bytes(bytes(range(251)) * (size // 251) + b"x" * (size % 251))
        assert tool("put_file", name=name, path=str(path))["code"] == "OK"
        assert tool("put_file", name=name, path=str(path))["code"] == "ALREADY_EXISTS"
        assert tool("get_to_file", name=name, path=str(tmp_path / "out"))["code"] == "OK"
        assert (tmp_path / "out").read_bytes() == path.read_bytes()
        assert tool("get_to_file", name=name, path=str(tmp_path / "out"))["code"] == "ALREADY_EXISTS"
        (tmp_path / "out").unlink()
    assert tool("get_to_file", name="missing", path=str(tmp_path / "out"))["code"] == "NOT_FOUND"
    assert not (tmp_path / "out").exists()
    assert bucket.uploads() == []


def test_lists_beyond_a_page(bucket, tool):
    for i in range(1005):
        bucket.put(f"a prefix/x=1/log/{i:020}", b"x" * (i % 3))
    bucket.put("a prefix/x=1/log/", b"")  # a "folder" of some console
    bucket.put("a prefix/x=10", b"a neighbour")
    entries = tool("list", prefix="log/", after=f"log/{2:020}")["entries"]
    assert entries == [[f"log/{i:020}", i % 3] for i in range(3, 1005)]


def weir(environment, *arguments):
    return subprocess.run([str(WEIR), *arguments], capture_output=True, text=True, timeout=60, env=environment,
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("command", ["coordinator", "dev"])
@pytest.mark.parametrize("uri, change, hint", [
    ("s3://missing-bucket/p", {}, "make the bucket missing-bucket"),
    ("s3://b/p", {}, "accepted is s3://bucket/prefix"),
    ("s3://id:canary@bucket/p", {}, "credentials don't belong into a data URI"),
    ("s3://missing-bucket/p", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "is AWS_ENDPOINT_URL right"),
    ("s3://missing-bucket/p", {"AWS_SECRET_ACCESS_KEY": "canary-wrong"}, "check the credentials"),
    ("s3://missing-bucket/p", {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials"),
])
def test_servers_refuse_what_they_cannot_use(minio, tmp_path, command, uri, change, hint):
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin", **minio.bucket("any").environment(**change)}
    done = weir(environment, command, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", uri)
    assert done.returncode in (1, 2)
    assert hint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, "one sentence"
    assert "canary" not in done.stderr + done.stdout


def test_a_worker_without_rights_says_so_and_ends(bucket, tmp_path):
    with Cluster(tmp_path / "cluster", workers=1, data=f"s3://{bucket.name}/weir",
                 environment=bucket.environment()) as cluster:
        worker = cluster.workers[0]
        worker.stop()
        worker.start(AWS_SECRET_ACCESS_KEY="canary-wrong")
        worker.wait_until_dead()
        assert f"the cluster's data at s3://{bucket.name}/weir can't be used from this worker" in worker.log()
        assert "check the credentials" in worker.log()
        assert "canary" not in worker.log()


def produce(kafka, topic):
    kafka.create_topic(topic, partitions=4)
    produce_spread(kafka, topic, transactions(ROWS, seed=77), 4)


def submit(cluster, kafka, topic, tables):
    script = "SET checkpoint_interval = '500ms';" + source(options=", stop = 'latest'") + ACTIVITY % ""
    return cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic, TABLES=tables)["id"]


def judge(kafka, topic, tables, done):
    """The table of the finished job is exactly right."""
    assert done["records_in"] == done["records_used"] == ROWS
    records = oracle.records_table(kafka.read(topic))
    expected = oracle.query(records, ACTIVITY_ORACLE.replace("{watermark}", "TIMESTAMPTZ 'infinity'"))
    assert oracle.same_rows(oracle.table_rows(tables / "activity"), expected) is None


def test_a_cluster_survives_kills(kafka, bucket, topic_name, tmp_path):
    """Job log, state and checkpoints in the bucket; coordinator and worker die in the middle; the table is exactly right."""
    produce(kafka, topic_name)
    with Cluster(tmp_path / "cluster", workers=2, data=f"s3://{bucket.name}/weir",
                 environment=bucket.environment()) as cluster:
        victim = cluster.workers[1]
        for process, failpoint in ((cluster.coordinator, "coordinator.after_publish"), (victim, "worker.after_upload")):
            process.kill()
            process.start(failpoints=f"{failpoint}=crash@1")
            process.wait_until_ready()
        for worker in cluster.workers:
            worker.wait_until_ready()
        job = submit(cluster, kafka, topic_name, tmp_path)
        for process in (victim, cluster.coordinator):
            process.wait_until_dead()
            process.start()
        cluster.coordinator.wait_until_ready()  # not each at once: the coordinator may die before it lets the worker in
        done = cluster.finish(job)
        assert len(done["restarts"]) >= 2
        shown = json.dumps([cluster.weir("cluster", "status"), done]) + "".join(
            p.log() for p in [cluster.coordinator, *cluster.workers])
    judge(kafka, topic_name, tmp_path, done)
    keys = bucket.keys("weir/")
    assert "weir/VERSION" in keys
    assert any("/log/" in key for key in keys)
    assert not (tmp_path / "cluster/data").exists()
    stored = b"".join(bucket.get(key) for key in keys)
    for secret in (bucket.access_key, bucket.secret_key):
        assert secret not in shown
        assert secret.encode() not in stored


def test_a_cluster_outlasts_a_store_that_goes_away(kafka, tmp_path, topic_name):
    """MinIO is killed while a checkpoint is under way, stays away for some attempts, and comes back with its data."""
    produce(kafka, topic_name)
    with Minio.started(tmp_path / "minio") as minio:
        bucket = minio.make_bucket("data")
        with Cluster(tmp_path / "cluster", workers=2, data="s3://data/weir", environment=bucket.environment()) as cluster:
            worker = cluster.workers[1]
            worker.kill()
            worker.start(failpoints="worker.before_upload=delay:1500@1")
            worker.wait_until_ready()
            job = submit(cluster, kafka, topic_name, tmp_path)
            wait_for(lambda: "failpoint hit" in worker.log(), 60, lambda: "the first upload")
            minio.kill()
            wait_for(lambda: "slow to do it" in worker.log() + cluster.coordinator.log(), 60,
                     lambda: "somebody to miss the store")
            minio.start()
            done = cluster.finish(job)
    judge(kafka, topic_name, tmp_path, done)


def test_one_lost_answer_does_not_cost_the_lead(tmp_path):
    """A connection that dies unnoticed: the leader writes its lease again before anybody takes it for gone."""
    with FaultyS3() as store:
        with Cluster(tmp_path / "cluster", workers=0, coordinators=2, data="s3://data/weir",
                     environment=store.environment()) as cluster:
            cluster.leader()

            def lease():
                lines = store.objects["weir/leader"].body.decode().splitlines()[1:]
                return {key: int(value) for key, value in (line.split(" ", 1) for line in lines)
                        if key in ("term", "sequence")}

            for applied in (False, True):
                before = lease()
                store.plan(Fault(apply=applied, answer="hang"), "PUT", key="weir/leader")
                wait_for(lambda: lease()["term"] > before["term"] or lease()["sequence"] >= before["sequence"] + 4, 30,
                         lambda: f"the lease to be renewed: {lease()}\n{cluster.logs()}")
                assert lease()["term"] == before["term"], cluster.logs()
        store.release()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_cluster_weathers_a_storm(kafka, tmp_path, topic_name, seed):
    """A fifth of all requests is lost, answered falsely, delayed, repeated or torn."""
    produce(kafka, topic_name)
    with FaultyS3() as store:
        store.storm(seed, rate=0.2)
        with Cluster(tmp_path / "cluster", workers=2, data="s3://data/weir", environment=store.environment()) as cluster:
            done = cluster.finish(submit(cluster, kafka, topic_name, tmp_path))
            shown = "".join(p.log() for p in [cluster.coordinator, *cluster.workers])
        assert len(store.requests) > 20
    judge(kafka, topic_name, tmp_path, done)
    assert "canary" not in shown
