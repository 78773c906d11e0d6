"""kill -9 in the middle: the job goes on from the last published epoch and the table is exactly right."""

import pytest

import oracle
from cluster import Cluster, wait_for
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, source, transactions

ROWS = 60_000


def run_with_crash(kafka, topic, tmp_path, crash):
    """Runs the bounded job; crash(cluster, job) breaks and mends it. Then judges the table and returns the job."""
    kafka.create_topic(topic, partitions=4)
    produce_spread(kafka, topic, transactions(ROWS, seed=77), 4)
    script = "SET checkpoint_interval = '500ms';" + source(options=", stop = 'latest'") + ACTIVITY % ""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        done = crash(cluster, lambda: cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic,
                                                     TABLES=tmp_path)["id"])
    assert done["records_in"] == done["records_used"] == ROWS
    records = oracle.records_table(kafka.read(topic))
    expected = oracle.query(records, ACTIVITY_ORACLE.replace("{watermark}", "TIMESTAMPTZ 'infinity'"))
    assert oracle.same_rows(oracle.table_rows(tmp_path / "activity"), expected) is None
    return done


@pytest.mark.parametrize("failpoint", [
    "coordinator.after_captured", "coordinator.before_publish", "coordinator.after_publish", "coordinator.before_commit",
    "coordinator.after_commit"])
def test_coordinator_dies_at(kafka, topic_name, tmp_path, failpoint):
    def crash(cluster, submit):
        cluster.coordinator.kill()
        # The first: a fast job has no second checkpoint.
        cluster.coordinator.start(failpoints=f"{failpoint}=crash@1")
        cluster.coordinator.wait_until_ready()
        for worker in cluster.workers:
            worker.wait_until_ready()
        job = submit()
        cluster.coordinator.wait_until_dead()
        cluster.coordinator.start()
        cluster.coordinator.wait_until_ready()
        return cluster.finish(job)

    done = run_with_crash(kafka, topic_name, tmp_path, crash)
    assert len(done["restarts"]) >= 1


@pytest.mark.parametrize("failpoint", ["worker.before_upload", "worker.after_upload"])
def test_worker_dies_at(kafka, topic_name, tmp_path, failpoint):
    def crash(cluster, submit):
        victim = cluster.workers[1]
        victim.kill()
        victim.start(failpoints=f"{failpoint}=crash@2")
        victim.wait_until_ready()
        job = submit()
        victim.wait_until_dead()
        victim.start()
        victim.wait_until_ready()
        return cluster.finish(job)

    done = run_with_crash(kafka, topic_name, tmp_path, crash)
    assert len(done["restarts"]) >= 1


def test_everything_dies_at_once(kafka, topic_name, tmp_path):
    def crash(cluster, submit):
        cluster.coordinator.kill()
        cluster.coordinator.start(failpoints="coordinator.before_commit=crash@1")
        cluster.coordinator.wait_until_ready()
        for worker in cluster.workers:
            worker.wait_until_ready()
        job = submit()
        cluster.coordinator.wait_until_dead()
        cluster.kill()
        cluster.start()
        return cluster.finish(job)

    run_with_crash(kafka, topic_name, tmp_path, crash)


def test_only_what_came_after_the_last_epoch_is_read_again(kafka, topic_name, tmp_path):
    """Before the crash 20,000 rows are in a published epoch; after it, no task may read more than what followed."""
    kafka.create_topic(topic_name, partitions=2)
    values = transactions(30_000, seed=3)
    produce_spread(kafka, topic_name, values[:20_000], 2)
    script = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        cluster.wait_job(job, lambda j: j["records_in"] == 20_000, what="the first rows in an epoch")
        cluster.kill()
        produce_spread(kafka, topic_name, values[20_000:], 2)
        cluster.start()
        for worker in cluster.workers:
            worker.wait_until_ready()
        cluster.wait_job(job, lambda j: j["records_in"] == 30_000, what="all rows")

        def read_again():
            return sum(w.metric_sum("weir_source_records_total", job=job) for w in cluster.workers)

        wait_for(lambda: read_again() >= 10_000, 10, lambda: "the metrics to show the rows")
        assert read_again() == 10_000
        cluster.stop(job)
    records = oracle.records_table(kafka.read(topic_name))
    assert oracle.check_every_version(tmp_path / "activity", records, ACTIVITY_ORACLE) >= 2
