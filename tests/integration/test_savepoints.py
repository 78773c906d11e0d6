"""Savepoints, and jobs that go on from another one's checkpoint: nothing is skipped, nothing repeated, whoever dies when."""

import json

import pytest

import oracle
from cluster import Cluster, wait_for
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, source, transactions

PART = 12_000  # rows of each part of the stream
PARTITIONS = 2
SCRIPT = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""


class Stream:
    """The topic in parts, and the jobs on it."""

    def __init__(self, kafka, topic, tmp_path, cluster, seed=5):
        self.kafka, self.topic, self.tables, self.cluster = kafka, topic, tmp_path, cluster
        kafka.create_topic(topic, partitions=PARTITIONS)
        self.values = transactions(4 * PART, seed=seed)
        self.produced = 0

    def produce(self, parts=1):
        begin, self.produced = self.produced, self.produced + parts * PART
        produce_spread(self.kafka, self.topic, self.values[begin:self.produced], PARTITIONS)

    def options(self):
        return [part for key, value in (("BROKERS", self.kafka.brokers), ("TOPIC", self.topic), ("TABLES", self.tables))
                for part in ("--var", f"{key}={value}")]

    def submit(self, name, *options, script=SCRIPT):
        """The finished command."""
        path = self.cluster.directory / f"{name}.sql"
        path.write_text(script)
        return self.cluster.run("job", "submit", path, "--name", name, *options, *self.options(), "-o", "json")

    def start(self, name, *options, script=SCRIPT):
        done = self.submit(name, *options, script=script)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["id"]

    def wait_read(self, job):
        return self.cluster.wait_job(job, lambda j: j["records_in"] == self.produced and j["state"] == "RUNNING",
                                     what=f"{self.produced} rows in an epoch")

    def run_past_savepoint(self):
        """A job that took a savepoint after the first part and read another part since; its id, the savepoint's epoch."""
        self.produce()
        job = self.start("first")
        self.wait_read(job)
        epoch = savepoint(self.cluster, job)
        self.produce()
        self.wait_read(job)
        return job, epoch

    def judge(self):
        """Every version of the table, and the last one against everything below its watermark."""
        records = oracle.records_table(self.kafka.read(self.topic))
        return oracle.check_every_version(self.tables / "activity", records, ACTIVITY_ORACLE)


@pytest.fixture
def stream(kafka, topic_name, tmp_path):
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        yield Stream(kafka, topic_name, tmp_path, cluster)


def savepoint(cluster, job):
    taken = cluster.weir("job", "checkpoint", job, "--savepoint")
    assert taken["savepoint"]
    return taken["epoch"]


def kept(cluster, job):
    return [c["epoch"] for c in cluster.weir("job", "checkpoint", job, "--list")["checkpoints"] if c["savepoint"]]


def state_files(cluster, job):
    return {p for p in (cluster.directory / "data/jobs" / job / "state").rglob("*") if p.is_file()}


def test_a_stopped_job_goes_on_under_another_name_with_other_parallelism(stream):
    cluster = stream.cluster
    stream.produce()
    first = stream.start("first")
    stream.wait_read(first)
    stopped = cluster.stop(first)
    stream.produce()
    second = stream.start("second", "--from", "first", script="SET parallelism = 1;" + SCRIPT)
    went_on = stream.wait_read(second)
    assert (went_on["from_job"], went_on["from_epoch"]) == (first, stopped["epoch"])
    assert went_on["lineage"] != stopped["lineage"] and went_on["parallelism"] == 1
    assert went_on["records_used"] == 2 * PART, "counters came along"

    def read():
        return sum(w.metric_sum("weir_source_records_total", job=second) for w in cluster.workers)

    wait_for(lambda: read() >= PART, 10, lambda: "the metrics to show the rows")
    assert read() == PART, "rows before the checkpoint are not read again"
    cluster.stop(second)
    assert stream.judge() >= 3


def test_row1_an_older_savepoint_onto_a_table_with_later_epochs(stream):
    """Peers, row 1. Refused with the reason; with --restore-tables rows are neither skipped nor repeated."""
    cluster = stream.cluster
    first, epoch = stream.run_past_savepoint()
    cluster.stop(first)
    assert kept(cluster, first) == [epoch]
    refused = stream.submit("second", "--from", f"first@{epoch}")
    assert refused.returncode == 5, refused.stderr
    assert f"later epochs than {epoch}" in refused.stderr and "--restore-tables" in refused.stderr
    assert str(stream.tables / "activity") in refused.stderr
    assert [j["name"] for j in cluster.weir("job", "list")["jobs"]] == ["first"], "nothing was made"
    before = set(oracle.table_rows(stream.tables / "activity"))
    second = stream.start("second", "--from", f"first@{epoch}", "--restore-tables")
    stream.wait_read(second)
    cluster.stop(second)
    assert set(oracle.table_rows(stream.tables / "activity")) >= before, "the same rows again"
    assert stream.judge() >= 3
    restores = [i for i in oracle.commit_infos(stream.tables / "activity").values() if i["operation"] == "RESTORE"]
    assert len(restores) == 1 and restores[0]["weir"]["restore"]["files_removed"] > 0
    # And once more, from the same savepoint: what the second job wrote goes as well.
    stream.produce()
    third = stream.start("third", "--from", f"{first}@{epoch}", "--restore-tables")
    stream.wait_read(third)
    cluster.stop(third)
    assert stream.judge() >= 4
    assert len(oracle.table_rows(stream.tables / "activity")) > len(before)


@pytest.mark.parametrize("failpoint", [
    "coordinator.after_submitted", "coordinator.before_import", "coordinator.after_import_state",
    "coordinator.after_import_table", "coordinator.before_first_manifest", "coordinator.after_first_manifest",
    "lake.before_log_put", "lake.after_log_put"])
def test_coordinator_dies_while_a_job_goes_on_at(stream, failpoint):
    """The start is made again, to the same end."""
    cluster = stream.cluster
    first, epoch = stream.run_past_savepoint()
    cluster.stop(first)
    cluster.coordinator.kill()
    cluster.coordinator.start(failpoints=f"{failpoint}=crash@1")
    cluster.coordinator.wait_until_ready()
    for worker in cluster.workers:
        worker.wait_until_ready()
    stream.submit("second", "--from", f"first@{epoch}", "--restore-tables")  # its answer may be lost
    cluster.coordinator.wait_until_dead()
    cluster.coordinator.start()
    cluster.coordinator.wait_until_ready()
    second = stream.wait_read("second")["id"]
    cluster.stop(second)
    assert stream.judge() >= 3
    restores = [i for i in oracle.commit_infos(stream.tables / "activity").values() if i["operation"] == "RESTORE"]
    assert len(restores) == 1


def test_savepoints_outlive_retention_and_are_dropped_on_request(stream):
    cluster = stream.cluster
    job, epoch = stream.run_past_savepoint()
    wait_for(lambda: cluster.job(job)["epoch"] > epoch + 10, 60, lambda: "more epochs")
    assert kept(cluster, job) == [epoch]
    again = cluster.run("job", "checkpoint", job, "--drop", epoch + 1)
    assert again.returncode == 4, again.stderr
    cluster.stop(job)
    # The files are copied: the new job doesn't mind what becomes of the old one's.
    fork = stream.start("fork", "--from", f"first@{epoch}", "--restore-tables")
    stream.wait_read(fork)
    dropped = cluster.weir("job", "checkpoint", job, "--drop", epoch)
    assert not dropped["savepoint"] and kept(cluster, job) == []
    cluster.kill()
    for path in state_files(cluster, job):
        path.unlink()
    cluster.start()
    stream.produce()
    stream.wait_read(fork)
    cluster.stop(fork)
    stream.judge()


def test_row18_a_changed_query_is_refused_not_started_empty(stream):
    """Peers, row 18 (FLINK-27572): state that would be lost, or start empty, is named."""
    cluster = stream.cluster
    stream.produce()
    job = stream.start("first")
    stream.wait_read(job)
    cluster.stop(job)
    changed = stream.submit("second", "--from", "first", script=SCRIPT.replace("5 minutes", "10 minutes"))
    assert changed.returncode == 5 and "would start empty" in changed.stderr
    other = SCRIPT.replace("user_transactions", "renamed")
    assert "no positions of" in stream.submit("second", "--from", "first", script=other).stderr
    missing = stream.submit("second", "--from", "nobody")
    assert missing.returncode == 4


def test_coordinator_dies_before_the_record_of_the_end(stream):
    """Everything is committed, only the last record is missing: the next coordinator writes it."""
    cluster = stream.cluster
    stream.produce()
    cluster.coordinator.kill()
    cluster.coordinator.start(failpoints="coordinator.before_ended_record=crash@1")
    cluster.coordinator.wait_until_ready()
    job = stream.start("first")
    stream.wait_read(job)
    cluster.run("job", "stop", job, timeout_s=60)
    cluster.coordinator.wait_until_dead()
    cluster.coordinator.start()
    cluster.coordinator.wait_until_ready()
    for worker in cluster.workers:
        worker.wait_until_ready()
    # The stop was never recorded, so the job goes on from its last checkpoint, and is stopped again.
    stream.wait_read(job)
    cluster.stop(job)
    stream.judge()
