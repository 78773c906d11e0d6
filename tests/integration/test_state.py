"""State that exceeds a worker's memory: it goes to disk, the job goes on, and the table is exactly right."""

import collections
import json

import oracle
from cluster import Cluster, wait_for
from test_main_job import rfc3339

USERS = 150_000
ROUNDS = 3
SCRIPT = """
SET checkpoint_interval = '1s';
CREATE TABLE visits (userId TEXT NOT NULL, amount BIGINT, eventTime TIMESTAMPTZ NOT NULL)
WITH (connector = 'kafka', brokers = '${BROKERS}', topic = '${TOPIC}', format = 'json', event_time = 'eventTime',
      watermark = '1 minute', stop = 'latest');
CREATE TABLE by_user (user_id TEXT, visits BIGINT, amount BIGINT, largest TEXT, kinds BIGINT)
WITH (connector = 'delta', path = '${TABLES}/by_user');
INSERT INTO by_user
SELECT userId, count(*), sum(amount), max(userId), count(DISTINCT amount)
FROM tumble(visits, eventTime, INTERVAL '1 hour') GROUP BY window_start, userId;
"""


def visits():
    """Every user ROUNDS times within one hour, far apart, and one row in a later hour."""
    for i in range(USERS * ROUNDS):
        user = i * 7919 % USERS
        yield f"user-{user:07d}-of-a-longer-name", (i // USERS + user) % 5, 1_700_002_800 + i * 3000 / (USERS * ROUNDS)
    yield "last", 1, 1_700_020_000


def produce(kafka, topic):
    expected = collections.defaultdict(list)
    values = []
    for user, amount, at in visits():
        expected[user].append(amount)
        values.append(json.dumps({"userId": user, "amount": amount, "eventTime": rfc3339(at)}).encode())
    kafka.create_topic(topic, partitions=2)
    for partition in range(2):
        kafka.produce(topic, values[partition::2], partition=partition)
    return {user: (len(a), sum(a), user, len(set(a))) for user, a in expected.items()}


def test_state_beyond_the_memory_survives_a_crash(kafka, topic_name, tmp_path):
    expected = produce(kafka, topic_name)
    # The least that one slot takes: some 18 MiB of it are for state, the state is several times as much.
    with Cluster(tmp_path / "cluster", workers=1, slots=1, memory="116MiB") as cluster:
        worker = cluster.workers[0]
        job = cluster.submit(SCRIPT, "visits", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        wait_for(lambda: worker.metric_sum("weir_state_spilled_bytes_total", job=job) > 0 and cluster.job(job)["epoch"] > 0,
                 60, lambda: f"state on disk:\n{worker.log_tail()}")
        assert worker.metric_sum("weir_state_files", job=job) >= 1
        worker.kill()
        worker.start()
        worker.wait_until_ready()
        done = cluster.finish(job, timeout_s=240)
        assert len(done["restarts"]) >= 1
        assert "state exceeds its memory: the coldest panes go to disk" in worker.log()
        assert worker.metric_sum("weir_state_files", job=job) <= 128
    assert done["records_in"] == done["records_used"] == USERS * ROUNDS + 1
    rows = oracle.table_rows(tmp_path / "by_user")
    assert len(rows) == len(expected)
    assert {row[0]: tuple(row[1:]) for row in rows} == expected
