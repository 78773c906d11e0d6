"""`weir doctor`: what is well, and each thing that is broken on purpose, with what to do about it."""

import json

import pytest

from cluster import Cluster, wait_for
from test_main_job import ACTIVITY, source

SCRIPT = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""


def examine(cluster):
    """{(check, word of the subject): finding}; the exit code says whether there is a problem."""
    done = cluster.run("doctor", "-o", "json")
    findings = json.loads(done.stdout)["findings"]
    assert done.returncode == (1 if any(f["level"] == "problem" for f in findings) else 0), done.stderr
    assert all((f["fix"] == "") == (f["level"] == "ok") for f in findings)
    return {(f["check"], f["subject"].split(" ")[0].rstrip(",")): f for f in findings}


def levels(findings):
    return {key: finding["level"] for key, finding in findings.items()}


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path / "cluster", workers=1) as running:
        yield running


def test_finds_what_is_broken(cluster, kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=3)
    job = cluster.submit(SCRIPT, "activity", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path / "lake")["id"]
    cluster.wait_job(job, lambda j: j["state"] == "RUNNING" and j["epoch"] > 0, what="the job to run")
    wait_for(lambda: ("clock", "worker") in examine(cluster), 20, lambda: "a heartbeat")
    well = examine(cluster)
    assert {key: level for key, level in levels(well).items() if key[0] not in ("files", "disk")} == {
        ("coordinator", cluster.address): "ok", ("version", "this"): "ok", ("clock", "this"): "ok",
        ("version", "worker"): "ok", ("clock", "worker"): "ok", ("memory", "worker"): "ok", ("certificate", "worker"): "ok",
        ("certificate", "coordinator"): "ok", ("store", "coordinator"): "ok", ("topic", "job"): "ok", ("table", "job"): "ok"}
    assert well["topic", "job"]["message"].startswith("3 partitions")
    assert not list((tmp_path / "cluster/data/doctor").glob("*")), "the store is left as it was"

    (worker,) = cluster.workers
    worker.kill()
    offset = tmp_path / "offset"
    offset.write_text(str(600_000_000))
    worker.wrapper = ("prlimit", "--nofile=512")
    worker.start(WEIR_TEST_CLOCK_OFFSET_FILE=str(offset))
    worker.wait_until_ready()
    kafka.delete_topic(topic_name)
    lake = tmp_path / "lake"
    lake.rename(tmp_path / "elsewhere")
    lake.write_text("a file")
    wait_for(lambda: levels(examine(cluster)).get(("clock", "worker")) == "problem", 20, lambda: "a heartbeat")
    broken = examine(cluster)
    assert {key for key, level in levels(broken).items() if level == "problem"} >= {
        ("clock", "worker"), ("files", "worker"), ("topic", "job"), ("table", "job")}
    assert "ahead of the coordinator's clock" in broken["clock", "worker"]["message"]
    assert "make the topic" in broken["topic", "job"]["fix"]
    text = cluster.run("doctor")
    assert text.returncode == 1 and "\n         fix: start it with `ulimit -n 65536`" in text.stdout
    assert text.stdout.startswith("problem") and "problems, " in text.stderr

    worker.kill()
    wait_for(lambda: ("workers", "cluster") in examine(cluster), 20, lambda: "the worker to be missed")
    cluster.coordinator.kill()
    gone = examine(cluster)
    assert levels(gone) == {("coordinator", cluster.address): "problem"}
    assert "start `weir coordinator`" in gone["coordinator", cluster.address]["fix"]
