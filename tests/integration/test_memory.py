"""P3: --memory is a number. Loads that press on each part of a worker's memory, and the resident set that it ever had.

bench/memory.py runs the same with more, and makes the table of docs/memory.md.
"""

import pyarrow.compute
import pytest

import memory_load as load
from cluster import Cluster
from readers import read_deltalake

pytestmark = pytest.mark.xdist_group("memory")  # the topics are large

MIB = 1 << 20
BOUND = 1.1  # of --memory: P3


@pytest.fixture(scope="module")
def topics(kafka):
    """64 partitions each: narrow rows of many users, rows of one hot user, rows of 2.5 KB."""
    return {
        "narrow": load.fill(kafka, "memory-narrow", 64, load.records(400_000, users=60_000, value_bytes=0)),
        "hot": load.fill(kafka, "memory-hot", 64, load.records(200_000, users=60_000, value_bytes=0, hot=True)),
        "wide": load.fill(kafka, "memory-wide", 64, load.records(50_000, users=1_000, value_bytes=100)),
    }


def peak_after(tmp_path, kafka, topic, rows, script, memory, workers=1, **environment):
    """Runs the bounded job to its end; the largest resident set that a worker had."""
    with Cluster(tmp_path / "cluster", workers=workers, slots=2, memory=f"{memory // MIB}MiB", **environment) as cluster:
        job = cluster.submit(script, "load", BROKERS=kafka.brokers, TOPIC=f"memory-{topic}", TABLES=tmp_path)
        done = cluster.finish(job["id"], timeout_s=240)
        assert done["records_in"] == rows
        for worker in cluster.workers:
            assert worker.metric_sum("weir_memory_budget_bytes") == memory, "the parts add up to the number"
        return max(load.peak_bytes(worker) for worker in cluster.workers)


# A peer's state backend grew without bound with keys and partitions (FLINK-14484), another's allocator kept an arena per
# processor of the host (FLINK-39924).
@pytest.mark.parametrize("topic", ["narrow", "hot"])
def test_many_keys_and_a_hot_one_stay_within_memory(kafka, topics, tmp_path, topic):
    peak = peak_after(tmp_path, kafka, topic, topics[topic], load.by_user(), 256 * MIB)
    assert peak <= BOUND * 256 * MIB
    assert pyarrow.compute.sum(read_deltalake(tmp_path / "by_user")["n"]).as_py() == topics[topic]


def test_a_key_for_every_row_between_workers_stays_within_memory(kafka, topics, tmp_path):
    peak = peak_after(tmp_path, kafka, "narrow", topics["narrow"], load.distinct_keys(), 256 * MIB, workers=2)
    assert peak <= BOUND * 256 * MIB
    assert read_deltalake(tmp_path / "per_row").num_rows == topics["narrow"]


# Each of 16 open files held a page and a dictionary per column: 1.2 GB at --memory 256MiB.
def test_many_wide_tables_stay_within_memory(kafka, topics, tmp_path):
    peak = peak_after(tmp_path, kafka, "wide", topics["wide"], load.copies(8), 256 * MIB)
    assert peak <= BOUND * 256 * MIB
    for table in range(8):
        assert read_deltalake(tmp_path / f"copy{table}").num_rows == topics["wide"]


def test_a_slow_sink_holds_back_kafka_and_not_memory(kafka, topics, tmp_path):
    peak = peak_after(tmp_path, kafka, "wide", topics["wide"], load.copies(2), 256 * MIB,
                      failpoints="lake.before_data_file_write=delay:25")
    assert peak <= BOUND * 256 * MIB
    assert read_deltalake(tmp_path / "copy1").num_rows == topics["wide"]


def test_too_little_memory_is_refused_with_what_would_do(tmp_path):
    with Cluster(tmp_path / "cluster", workers=0) as cluster:
        refused = cluster.run("worker", "--coordinator", cluster.address, "--slots", "4", "--memory", "100MiB",
                              "--cache", tmp_path / "cache")
        assert refused.returncode == 2
        assert "--memory 100MiB is too little" in refused.stderr and "needs at least" in refused.stderr
        least = refused.stderr.split("needs at least ")[1].split("MiB")[0]
        assert 100 < int(least) < 512


def test_more_partitions_than_memory_are_refused_with_what_would_do(kafka, tmp_path):
    kafka.create_topic("memory-partitions", partitions=1_200)
    with Cluster(tmp_path / "cluster", workers=1, slots=1, memory="160MiB") as cluster:
        endless = load.by_user().replace(", stop = 'latest'", "")
        job = cluster.submit(endless, "many", BROKERS=kafka.brokers, TOPIC="memory-partitions", TABLES=tmp_path)
        assert cluster.run("job", "wait", job["id"], "--timeout", "60s").returncode == 7
        reason = cluster.job(job["id"])["reason"]
        assert "1200 partitions" in reason and "--memory" in reason, reason
        assert cluster.workers[0].running
