"""One stopped owner: everything stays bounded, others go on, and all drains when it resumes."""

import oracle
from cluster import Cluster, wait_for
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, source, transactions

SPREAD = """
CREATE TABLE spread (window_start TIMESTAMPTZ, user_id TEXT, n BIGINT) WITH (connector = 'delta', path = '${TABLES}/spread');
INSERT INTO spread SELECT window_start, userId || '-' || CAST(_offset AS TEXT), count(*)
FROM tumble(user_transactions, eventTime, INTERVAL '1 minute') GROUP BY 1, 2;
"""


def test_a_stopped_owner_holds_back_only_its_own_job(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=2)
    other_topic = kafka.create_topic(topic_name + "-other", partitions=2)
    pause_file = tmp_path / "paused"
    pause_file.write_text("")
    with Cluster(tmp_path / "cluster", workers=2, memory="768MiB", WEIR_TEST_PAUSE_FILE=str(pause_file)) as cluster:
        variables = dict(BROKERS=kafka.brokers, TABLES=tmp_path)
        stuck = cluster.submit("SET checkpoint_interval = '500ms';" + source() + SPREAD, "stuck", TOPIC=topic_name,
                               **variables)["id"]
        free = cluster.submit("SET checkpoint_interval = '500ms';" + source() + ACTIVITY % "", "free",
                              TOPIC=other_topic, **variables)["id"]
        cluster.wait_job(stuck, lambda j: j["epoch"] > 0, what="the first epoch")
        pause_file.write_text(stuck + "\n")
        # Every row is a key of its own here, so that much crosses the exchange.
        values = transactions(300_000, seed=6, per_second=5_000)
        produce_spread(kafka, topic_name, values, 2)
        produce_spread(kafka, other_topic, transactions(2_000, seed=7), 2)

        def blocked():
            return all(w.metric_sum("weir_task_blocked_seconds_total", job=stuck, vertex="0") > 1
                       for w in cluster.workers)

        wait_for(blocked, 60, lambda: "back-pressure at the sources")
        epoch = cluster.job(free)["epoch"]
        cluster.wait_job(free, lambda j: j["epoch"] >= epoch + 4 and j["records_in"] == 2_000,
                         what="the other job's barriers")
        # Kafka holds what the job does not take.
        assert cluster.job(stuck)["lag_records"] > 0
        for worker in cluster.workers:
            assert worker.metric_sum("weir_queue_bytes", job=stuck) < 8 << 20
            assert worker.resident_bytes() < 768 << 20
        pause_file.write_text("")
        cluster.wait_job(stuck, lambda j: j["records_in"] == 300_000, what="everything to drain")
        cluster.stop(stuck)
        cluster.stop(free)
    records = oracle.records_table(kafka.read(topic_name + "-other"))
    oracle.check_every_version(tmp_path / "activity", records, ACTIVITY_ORACLE)
