"""The user-activity job over the real broker, two workers and one coordinator; judged by DuckDB and Spark."""

import gzip
import json
import os
import pathlib
import random

import pytest

import oracle
from cluster import Cluster, wait_for
from readers import read_duckdb, read_spark

# A public data set that stays outside the repository; WEIR_TEST_DATA names its folder.
RETAIL = pathlib.Path(os.environ.get(
    "WEIR_TEST_DATA", pathlib.Path(__file__).resolve().parents[3] / "shared/data")) / "online_retail.jsonl.gz"

SOURCE = """
CREATE TABLE user_transactions (
  userId TEXT, eventType TEXT NOT NULL, amount DOUBLE PRECISION, eventTime TIMESTAMPTZ NOT NULL{more}
) WITH (connector = 'kafka', brokers = '${{BROKERS}}', topic = '${{TOPIC}}', format = 'json',
        event_time = 'eventTime', watermark = '{watermark}'{options});
"""

ACTIVITY = """
CREATE TABLE activity (
  window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, event_type TEXT, event_count BIGINT, total_amount DOUBLE PRECISION
) WITH (connector = 'delta', path = '${TABLES}/activity'%s);
INSERT INTO activity
SELECT window_start, window_end, eventType, count(*), sum(amount)
FROM tumble(user_transactions, eventTime, INTERVAL '5 minutes')
GROUP BY window_start, window_end, eventType;
"""

# The same query for DuckDB, over closed windows of the records given.
ACTIVITY_ORACLE = """
WITH rows AS (
  SELECT value->>'eventType' AS event_type, CAST(value->>'amount' AS DOUBLE) AS amount,
         time_bucket(INTERVAL '5 minutes', CAST(value->>'eventTime' AS TIMESTAMPTZ)) AS window_start
  FROM records)
SELECT window_start, window_start + INTERVAL '5 minutes' AS window_end, event_type, count(*), sum(amount)
FROM rows WHERE window_start + INTERVAL '5 minutes' <= {watermark} GROUP BY window_start, event_type
"""


def source(watermark="1 minute", options="", more=""):
    return SOURCE.format(watermark=watermark, options=options, more=more)


def transactions(count, seed, start_s=1_700_000_000, per_second=10, disorder_s=20):
    """Values of a seeded stream: event times out of order by at most disorder_s."""
    rng = random.Random(seed)
    values = []
    for i in range(count):
        t = start_s + i / per_second - rng.uniform(0, disorder_s)
        values.append(json.dumps({
            "userId": f"u{rng.randrange(500)}", "eventType": rng.choice(["view", "click", "cart", "purchase", "return"]),
            "amount": round(rng.uniform(-50, 500), 2), "eventTime": rfc3339(t)}).encode())
    return values


def rfc3339(seconds):
    import datetime
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="microseconds").replace(
        "+00:00", "Z")


def produce_spread(kafka, topic, values, partitions, **options):
    for partition in range(partitions):
        kafka.produce(topic, values[partition::partitions], partition=partition, **options)


@pytest.fixture
def retail_lines():
    if not RETAIL.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the data set {RETAIL} is absent")
        pytest.skip(f"the data set {RETAIL} is absent")
    with gzip.open(RETAIL) as file:
        return file.read().splitlines()


@pytest.mark.xdist_group("spark")  # one JVM
def test_real_transactions_match_duckdb(kafka, topic_name, tmp_path, retail_lines):
    kafka.create_topic(topic_name, partitions=4)
    produce_spread(kafka, topic_name, retail_lines, 4)
    script = source("1 hour", ", stop = 'latest'", ", country TEXT, quantity BIGINT") + """
CREATE TABLE hourly (window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, event_type TEXT, event_count BIGINT,
                     total_amount DOUBLE PRECISION, users BIGINT)
WITH (connector = 'delta', path = '${TABLES}/hourly');
CREATE TABLE daily (day TIMESTAMPTZ, country TEXT, event_count BIGINT, quantity BIGINT, smallest DOUBLE PRECISION,
                    largest DOUBLE PRECISION)
WITH (connector = 'delta', path = '${TABLES}/daily');
INSERT INTO hourly
SELECT window_start, window_end, eventType, count(*), sum(amount), count(DISTINCT userId)
FROM tumble(user_transactions, eventTime, INTERVAL '1 hour') GROUP BY window_start, window_end, eventType;
INSERT INTO daily
SELECT window_start, country, count(*), sum(quantity), min(amount), max(amount)
FROM tumble(user_transactions, eventTime, INTERVAL '1 day') GROUP BY window_start, country;
"""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit(script, "retail", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
        done = cluster.finish(job["id"])
    assert done["records_in"] == len(retail_lines)
    assert [i["records_used"] for i in done["inserts"]] == [len(retail_lines)] * 2
    records = oracle.records_table(kafka.read(topic_name))
    rows = """WITH rows AS (SELECT value->>'eventType' AS event_type, value->>'country' AS country,
                     value->>'userId' AS user_id, CAST(value->>'amount' AS DOUBLE) AS amount,
                     CAST(value->>'quantity' AS BIGINT) AS quantity,
                     CAST(value->>'eventTime' AS TIMESTAMPTZ) AS t FROM records)"""
    expected = oracle.query(records, rows + """
        SELECT date_trunc('hour', t), date_trunc('hour', t) + INTERVAL '1 hour', event_type, count(*), sum(amount),
               count(DISTINCT user_id) FROM rows GROUP BY ALL""")
    assert oracle.same_rows(oracle.table_rows(tmp_path / "hourly"), expected) is None
    expected = oracle.query(records, rows + """
        SELECT date_trunc('day', t), country, count(*), CAST(sum(quantity) AS BIGINT), min(amount), max(amount)
        FROM rows GROUP BY ALL""")
    assert oracle.same_rows(oracle.table_rows(tmp_path / "daily"), expected) is None
    # The second vote.
    spark_rows = [tuple(r) for r in read_spark(tmp_path / "daily")]
    assert sorted((r[1], r[2], r[3]) for r in spark_rows) == sorted((r[1], r[2], r[3]) for r in expected)


def test_bounded_job_ends_by_itself_and_every_version_is_exact(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=3)
    produce_spread(kafka, topic_name, transactions(30_000, seed=1), 3, compression_type="zstd")
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit("SET checkpoint_interval = '500ms';" + source(options=", stop = 'latest'") + ACTIVITY % "",
                             "activity", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
        done = cluster.finish(job["id"])
    assert done["records_in"] == done["records_used"] == 30_000
    assert (done["late_rows"], done["bad_rows"], done["filtered_rows"]) == (0, 0, 0)
    assert done["sinks"][0]["table_version"] >= 1
    records = oracle.records_table(kafka.read(topic_name))
    expected = oracle.query(records, ACTIVITY_ORACLE.replace("{watermark}", "TIMESTAMPTZ 'infinity'"))
    assert oracle.same_rows(oracle.table_rows(tmp_path / "activity"), expected) is None
    assert oracle.same_rows(oracle.rows_of(read_duckdb(tmp_path / "activity")), expected) is None
    assert oracle.check_every_version(tmp_path / "activity", records, ACTIVITY_ORACLE) >= 1


def test_late_and_bad_rows_add_up(kafka, topic_name, tmp_path):
    """Rows in = used + late + bad + filtered; late and bad ones are in their side tables, byte for byte."""
    kafka.create_topic(topic_name, partitions=1)
    script = "SET checkpoint_interval = '500ms';" + source(
        "10 seconds", ", on_bad_row = 'dead_letter', dead_letter_path = '${TABLES}/bad'") + """
CREATE TABLE activity (window_start TIMESTAMPTZ, event_type TEXT, event_count BIGINT)
WITH (connector = 'delta', path = '${TABLES}/activity', late_path = '${TABLES}/late');
INSERT INTO activity SELECT window_start, eventType, count(*)
FROM tumble(user_transactions, eventTime, INTERVAL '1 minute') WHERE amount IS NULL OR amount >= 0
GROUP BY window_start, eventType;
"""
    base = 1_700_000_000
    good = [json.dumps({"userId": "u", "eventType": "view", "amount": 1, "eventTime": rfc3339(base + i)}).encode()
            for i in range(600)]
    filtered = [json.dumps({"eventType": "view", "amount": -1, "eventTime": rfc3339(base + 599)}).encode()] * 7
    bad = [b'{"eventType": "view", "eventTime": "2023-11-14T', b"[1, 2]", b"", b'{"eventTime": "2023-11-14T22:13:20Z"}',
           b'{"eventType": 5, "eventTime": "2023-11-14T22:13:20Z"}', b'{"eventType": "x", "eventTime": "yesterday"}',
           b'{"eventType": "x", "eventTime": "2023-11-14T22:13:20Z", "amount": "much"}',
           b'{"eventType": "x", "eventTime": null}', b"\xff\xfe\x00", b'{"eventType": "x"} {"eventType": "y"}']
    late = [json.dumps({"userId": f"late{i}", "eventType": "view", "amount": 2, "eventTime": rfc3339(base + i)}).encode()
            for i in range(11)]
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit(script, "accounts", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        kafka.produce(topic_name, good + filtered + [None])
        first = len(good) + len(filtered) + 1
        cluster.wait_job(job, lambda j: j["records_in"] == first, what="the first rows")
        # By now the watermark is ten minutes behind nothing: rows of the first minutes are late.
        kafka.produce(topic_name, bad + late)
        total = first + len(bad) + len(late)
        cluster.wait_job(job, lambda j: j["records_in"] == total, what="all rows")
        done = cluster.stop(job)
        assert done["bad_rows"] == len(bad)
        assert done["late_rows"] == len(late)
        assert done["filtered_rows"] == len(filtered) + 1
        assert done["records_used"] == len(good)
        reasons = done["inserts"][0]["bad_by_reason"]
        assert sum(reasons.values()) == len(bad) and {"syntax", "wrong_type", "missing_not_null"} <= set(reasons)
        assert done["state"] == "STOPPED"
    messages = {m.offset(): m.value() for m in kafka.read(topic_name)}
    letters = read_duckdb(tmp_path / "bad").to_pylist()
    assert sorted(letter["payload"] for letter in letters) == sorted(bad)
    for letter in letters:
        assert messages[letter["offset"]] == letter["payload"] and letter["topic"] == topic_name
        assert letter["error"] and letter["received_at"] is not None
    late_rows = read_duckdb(tmp_path / "late").to_pylist()
    assert sorted(row["userId"] for row in late_rows) == sorted(f"late{i}" for i in range(11))
    for row in late_rows:
        assert messages[row["_offset"]] in late and row["_delay_ms"] > 0
    assert {row["eventTime"].timestamp() for row in late_rows} == {base + i for i in range(11)}


def test_query_without_windows_carries_lineage_columns(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=2)
    values = transactions(5_000, seed=5)
    produce_spread(kafka, topic_name, values, 2, key=b"k")
    script = source(options=", stop = 'latest'") + """
CREATE TABLE purchases (user_id TEXT, cents BIGINT, label TEXT, p INTEGER, o BIGINT, k TEXT, t TIMESTAMPTZ)
WITH (connector = 'delta', path = '${TABLES}/purchases');
CREATE VIEW bought AS SELECT *, _partition, _offset, _key FROM user_transactions WHERE eventType = 'purchase';
INSERT INTO purchases SELECT userId, CAST(round(amount * 100) AS BIGINT),
  CASE WHEN amount < 0 THEN 'refund' ELSE upper(eventType) END, _partition, _offset, md5(_key), eventTime FROM bought;
"""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit(script, "purchases", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
        done = cluster.finish(job["id"])
    records = oracle.records_table(kafka.read(topic_name))
    expected = oracle.query(records, """
        SELECT value->>'userId', CAST(round(CAST(value->>'amount' AS DOUBLE) * 100) AS BIGINT),
               CASE WHEN CAST(value->>'amount' AS DOUBLE) < 0 THEN 'refund' ELSE 'PURCHASE' END, partition, "offset",
               md5('k'), CAST(value->>'eventTime' AS TIMESTAMPTZ)
        FROM records WHERE value->>'eventType' = 'purchase'""")
    assert oracle.same_rows(oracle.table_rows(tmp_path / "purchases"), expected) is None
    assert done["records_in"] == 5_000
    assert done["records_used"] == len(expected)
    assert done["filtered_rows"] == 5_000 - len(expected)


def test_both_workers_decode_own_keys_and_exchange_little(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=4)
    produce_spread(kafka, topic_name, transactions(40_000, seed=9), 4)
    script = "SET checkpoint_interval = '1s';" + source() + """
CREATE TABLE by_user (window_start TIMESTAMPTZ, user_id TEXT, n BIGINT)
WITH (connector = 'delta', path = '${TABLES}/by_user');
INSERT INTO by_user SELECT window_start, userId, count(*)
FROM tumble(user_transactions, eventTime, INTERVAL '1 hour') GROUP BY window_start, userId;
"""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit(script, "by_user", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        cluster.wait_job(job, lambda j: j["records_in"] == 40_000, what="all rows")

        def counted():
            return sum(w.metric_sum("weir_source_records_total", job=job) for w in cluster.workers) == 40_000

        wait_for(counted, 10, lambda: "the metrics to show all rows")
        sent = 0
        for worker in cluster.workers:
            assert worker.metric_sum("weir_source_records_total", job=job) > 0
            assert worker.metric_sum("weir_state_keys", job=job) > 0
            assert worker.metric_sum("weir_exchange_sent_bytes_total") > 0
            assert worker.metric_sum("weir_exchange_received_bytes_total") > 0
            sent += worker.metric_sum("weir_exchange_rows_sent_total", job=job)
        job_now = cluster.job(job)
        # 500 users, at most 3 open hours, two source tasks; one flush an epoch, and one when a task goes idle.
        epochs = job_now["epoch"]
        assert sent <= 500 * 3 * 2 * (epochs + 2), f"{sent} rows crossed edges in {epochs} epochs"
        assert sent < 40_000 / 2
        cluster.weir("job", "cancel", job)


def test_hopping_windows_and_every_aggregate_match_duckdb(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=3)
    produce_spread(kafka, topic_name, transactions(20_000, seed=11), 3, compression_type="lz4")
    script = "SET checkpoint_interval = '500ms';" + source(options=", stop = 'latest'") + """
CREATE TABLE hops (window_start TIMESTAMPTZ, kind TEXT, n BIGINT, users BIGINT, total DOUBLE PRECISION,
  mean DOUBLE PRECISION, smallest DOUBLE PRECISION, largest DOUBLE PRECISION, spread DOUBLE PRECISION,
  variance DOUBLE PRECISION, refunds BIGINT, every_one BOOLEAN, at_least_one BOOLEAN, first_user TEXT)
WITH (connector = 'delta', path = '${TABLES}/hops');
INSERT INTO hops
SELECT window_start, upper(eventType), count(*), count(DISTINCT userId), sum(amount), avg(amount), min(amount),
       max(amount), stddev_samp(amount), var_samp(amount), count(*) FILTER (WHERE amount < 0), bool_and(amount > -50),
       bool_or(amount > 499), min(userId)
FROM hop(user_transactions, eventTime, INTERVAL '2 minutes', INTERVAL '5 minutes')
GROUP BY 1, 2 HAVING count(*) > 100;
"""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit(script, "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
        done = cluster.finish(job["id"])
    assert done["records_used"] == 20_000 and done["filtered_rows"] == 0
    records = oracle.records_table(kafka.read(topic_name))
    # Windows start at multiples of 2 minutes: one of 5 minutes holds rows of two or three starts.
    expected = oracle.query(records, """
        WITH rows AS (SELECT upper(value->>'eventType') AS kind, value->>'userId' AS u,
                             CAST(value->>'amount' AS DOUBLE) AS a, CAST(value->>'eventTime' AS TIMESTAMPTZ) AS t
                      FROM records),
             hops AS (SELECT *, unnest([time_bucket(INTERVAL '2 minutes', t) - INTERVAL (2 * i) MINUTE
                                        FOR i IN [0, 1, 2]]) AS s FROM rows)
        SELECT s, kind, count(*), count(DISTINCT u), sum(a), avg(a), min(a), max(a), stddev_samp(a), var_samp(a),
               count(*) FILTER (a < 0), bool_and(a > -50), bool_or(a > 499), min(u)
        FROM hops WHERE t < s + INTERVAL '5 minutes' GROUP BY s, kind HAVING count(*) > 100""")
    assert oracle.same_rows(oracle.table_rows(tmp_path / "hops"), expected) is None


def test_new_partitions_are_noticed_and_read_from_their_start(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=1)
    kafka.produce(topic_name, transactions(1_000, seed=1))
    script = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = cluster.submit(script, "growing", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        cluster.wait_job(job, lambda j: j["records_in"] == 1_000, what="the first partition")
        kafka.add_partitions(topic_name, 3)
        kafka.produce(topic_name, transactions(500, seed=2, start_s=1_700_000_080), partition=2)
        cluster.wait_job(job, lambda j: j["records_in"] == 1_500, what="the new partition's rows")
        done = cluster.stop(job)
        assert done["records_used"] + done["late_rows"] == 1_500
    records = oracle.records_table(kafka.read(topic_name))
    (sources,) = [i["weir"]["sources"] for i in list(oracle.commit_infos(tmp_path / "activity").values())[-1:]]
    (at,) = sources.values()
    assert {p: int(v["next_offset"]) for p, v in at["partitions"].items()} == {"0": 1_000, "1": 0, "2": 500}
    assert records.num_rows == 1_500


def test_watch_shows_a_line_per_second(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=1)
    kafka.produce(topic_name, transactions(1_000, seed=1))
    with Cluster(tmp_path / "cluster", workers=1) as cluster:
        job = cluster.submit("SET checkpoint_interval = '500ms';" + source(options=", stop = 'latest'") + ACTIVITY % "",
                             "watched", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        watched = cluster.run("job", "watch", job)
        assert watched.returncode == 0, watched.stderr
        last = watched.stdout.strip().splitlines()[-1]
        for words in ("FINISHED", "rows/s", "lag 0", "watermark", "epoch", "version", "late 0", "bad 0"):
            assert words in last, watched.stdout
