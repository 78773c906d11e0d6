"""Tables on s3://: the whole job with its late and dead-letter tables, through kills and a store that fails as told.

deltalake reads the store itself. DuckDB, and the checks of every version, read a copy made apart from Weir's code.
"""

import contextlib
import json
import pathlib
import sys
import threading
import urllib.error

import deltalake
import pyarrow
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))
from s3_server import Fault, FaultyS3  # noqa: E402

import oracle  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402
from readers import read_duckdb  # noqa: E402
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, rfc3339, source, transactions  # noqa: E402

ROWS = 40_000
SCRIPT = "SET checkpoint_interval = '500ms';" + source(
    options=", stop = 'latest', on_bad_row = 'dead_letter', dead_letter_path = '${TABLES}/bad'") + """
CREATE TABLE activity (
  window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, event_type TEXT, event_count BIGINT, total_amount DOUBLE PRECISION
) WITH (connector = 'delta', path = '${TABLES}/activity', late_path = '${TABLES}/late');
INSERT INTO activity
SELECT window_start, window_end, eventType, count(*), sum(amount)
FROM tumble(user_transactions, eventTime, INTERVAL '5 minutes')
GROUP BY window_start, window_end, eventType;
"""
BAD = [b"[1, 2]", b'{"eventType": 5, "eventTime": "2023-11-14T22:13:20Z"}']
TABLES = ("activity", "late", "bad")


@pytest.fixture
def bucket(minio, request):
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:60].strip("-")
    return minio.make_bucket(name)


@pytest.fixture
def store():
    with FaultyS3() as server:
        yield server
        server.release()


def use(monkeypatch, environment):
    for key, value in environment.items():
        monkeypatch.setenv(key, value)


def keys_of(place):
    return list(place.objects) if isinstance(place, FaultyS3) else place.keys()


def body_of(place, key):
    return place.objects[key].body if isinstance(place, FaultyS3) else place.get(key)


def copy_of(place, directory):
    """Files that nobody needs may go meanwhile: what is needed is checked afterwards."""
    for key in keys_of(place):
        path = directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(KeyError, urllib.error.HTTPError):
            path.write_bytes(body_of(place, key))
    return directory


def read_in_place(uri, environment):
    table = deltalake.DeltaTable(uri, storage_options={**environment, "AWS_ALLOW_HTTP": "true"})
    return oracle.rows_of(pyarrow.table(table.to_pyarrow_table()))


def judge(kafka, topic, place, directory, done, tables):
    """The three tables against the records in Kafka; returns the copy's directory."""
    copied = copy_of(place, directory) / tables
    messages = kafka.read(topic)
    assert done["records_in"] == len(messages)
    assert done["records_used"] + done["late_rows"] + done["bad_rows"] + done["filtered_rows"] == len(messages)
    letters = read_duckdb(copied / "bad").to_pylist()
    assert sorted(letter["payload"] for letter in letters) == sorted(BAD)
    late = {(row["_partition"], row["_offset"]) for row in read_duckdb(copied / "late").to_pylist()}
    assert len(late) == done["late_rows"]
    records = oracle.records_table([m for m in messages
                                    if m.value() not in BAD and (m.partition(), m.offset()) not in late])
    expected = oracle.query(records, ACTIVITY_ORACLE.replace("{watermark}", "TIMESTAMPTZ 'infinity'"))
    assert oracle.same_rows(oracle.rows_of(read_duckdb(copied / "activity")), expected) is None
    assert oracle.check_every_version(copied / "activity", records, ACTIVITY_ORACLE) >= 1
    for name in TABLES:
        check_files_are_there(copied / name)
    return copied


def wait_until_all_files_are_named(place, tables):
    """A job that ended looks once more for what fenced generations left."""
    for name in TABLES:
        wait_for(lambda n=name: not unnamed_files(place, f"{tables}/{n}"), 20,
                 lambda n=name: f"the log to name {unnamed_files(place, f'{tables}/{n}')}")


def check_files_are_there(table):
    """No version is missing, and no data file that the log names."""
    versions = sorted(int(path.stem) for path in (table / "_delta_log").glob("*.json"))
    assert versions == list(range(len(versions)))
    logs = [path.read_bytes() for path in (table / "_delta_log").glob("*.json")]
    assert named_files(logs) <= {path.name for path in table.glob("*.parquet")}


def named_files(logs):
    actions = [json.loads(line) for log in logs for line in log.splitlines()]
    return {action["add"]["path"] for action in actions if "add" in action}


def unnamed_files(place, table):
    """Data files in a table's directory that its log doesn't name. Files may go while it looks."""
    keys = keys_of(place)
    logs = [body_of(place, key) for key in keys if key.startswith(f"{table}/_delta_log/") and key.endswith(".json")]
    return {key.rsplit("/", 1)[1] for key in keys if key.startswith(f"{table}/") and key.endswith(".parquet")
            and "/_delta_log/" not in key} - named_files(logs)


def produce(kafka, topic):
    kafka.create_topic(topic, partitions=3)
    produce_spread(kafka, topic, transactions(ROWS, seed=5), 3)
    late = [json.dumps({"eventType": "view", "amount": 1.0, "eventTime": rfc3339(1_700_000_000 + i)}).encode()
            for i in range(20)]
    for partition in range(3):
        kafka.produce(topic, late if partition == 0 else BAD if partition == 1 else [], partition=partition)


def submit(cluster, kafka, topic, tables):
    return cluster.submit(SCRIPT, "activity", BROKERS=kafka.brokers, TOPIC=topic, TABLES=tables)["id"]


def test_job_with_all_its_tables(kafka, topic_name, tmp_path, bucket, monkeypatch):
    use(monkeypatch, bucket.environment())
    produce(kafka, topic_name)
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = submit(cluster, kafka, topic_name, f"s3://{bucket.name}/lake")
        done = cluster.finish(job, timeout_s=240)
        assert list((tmp_path / "cluster").glob("cache-*/**/*.parquet")) == [], "uploaded files leave the scratch"
    copied = judge(kafka, topic_name, bucket, tmp_path / "copy", done, "lake")
    wait_until_all_files_are_named(bucket, "lake")
    in_place = read_in_place(f"s3://{bucket.name}/lake/activity", bucket.environment())
    assert oracle.same_rows(in_place, oracle.table_rows(copied / "activity")) is None


@pytest.mark.parametrize("failpoint", ["coordinator.before_commit", "lake.after_log_put", "coordinator.after_commit"])
def test_coordinator_dies_at(kafka, topic_name, tmp_path, bucket, monkeypatch, failpoint):
    use(monkeypatch, bucket.environment())
    produce(kafka, topic_name)
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        cluster.coordinator.kill()
        cluster.coordinator.start(failpoints=f"{failpoint}=crash@3")
        cluster.coordinator.wait_until_ready()
        for worker in cluster.workers:
            worker.wait_until_ready()
        with contextlib.suppress(Exception):  # tables are made at submit: it may die there
            submit(cluster, kafka, topic_name, f"s3://{bucket.name}/lake")
        cluster.coordinator.wait_until_dead()
        cluster.coordinator.start()
        cluster.coordinator.wait_until_ready()
        jobs = cluster.weir("job", "list")["jobs"]
        job = jobs[0]["id"] if jobs else submit(cluster, kafka, topic_name, f"s3://{bucket.name}/lake")
        done = cluster.finish(job, timeout_s=240)
    judge(kafka, topic_name, bucket, tmp_path / "copy", done, "lake")
    wait_until_all_files_are_named(bucket, "lake")


@pytest.mark.parametrize("failpoint", ["lake.before_data_file_close", "lake.after_data_file_close"])
def test_worker_dies_at(kafka, topic_name, tmp_path, bucket, monkeypatch, failpoint):
    use(monkeypatch, bucket.environment())
    produce(kafka, topic_name)
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        victim = cluster.workers[1]
        victim.kill()
        victim.start(failpoints=f"{failpoint}=crash@1")
        victim.wait_until_ready()
        job = submit(cluster, kafka, topic_name, f"s3://{bucket.name}/lake")
        victim.wait_until_dead()
        victim.start()
        done = cluster.finish(job, timeout_s=240)
    assert len(done["restarts"]) >= 1
    # What the dead worker had uploaded may be left when the job ends at once; it is in no table.
    judge(kafka, topic_name, bucket, tmp_path / "copy", done, "lake")


def test_files_left_behind_are_deleted(kafka, topic_name, tmp_path, bucket, monkeypatch):
    """A worker dies between an upload and its report; once the next generation's epochs are in the table, the file goes.
    """
    use(monkeypatch, bucket.environment())
    kafka.create_topic(topic_name, partitions=2)
    values = transactions(30_000, seed=8)
    produce_spread(kafka, topic_name, values[:15_000], 2)
    script = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        victim = cluster.workers[1]
        victim.kill()
        victim.start(failpoints="lake.after_data_file_close=crash@2")
        victim.wait_until_ready()
        job = cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic_name,
                             TABLES=f"s3://{bucket.name}/lake")["id"]
        cluster.wait_job(job, lambda j: j["records_in"] > 0, what="the first rows")
        produce_spread(kafka, topic_name, values[15_000:20_000], 2)
        victim.wait_until_dead()
        left = unnamed_files(bucket, "lake/activity")
        victim.start()
        victim.wait_until_ready()
        cluster.wait_job(job, lambda j: j["records_in"] == 20_000, what="the second rows")
        produce_spread(kafka, topic_name, values[20_000:], 2)
        cluster.wait_job(job, lambda j: j["records_in"] == 30_000, what="all rows")
        wait_for(lambda: not left & {key.rpartition("/")[2] for key in bucket.keys()}, 60,
                 lambda: f"{left} to be deleted\n{cluster.logs()}")
        cluster.stop(job)
        assert "abandoned data files removed" in cluster.coordinator.log()
    assert left, "the worker died with an uploaded file that nobody knew of"
    copied = copy_of(bucket, tmp_path / "copy") / "lake/activity"
    assert unnamed_files(bucket, "lake/activity") == set()
    records = oracle.records_table(kafka.read(topic_name))
    assert oracle.check_every_version(copied, records, ACTIVITY_ORACLE) >= 1


DROPPED = Fault(answer="drop")                        # applied, the answer lost
LATE = Fault(apply="later", answer="drop")            # arrives again, long after
BUSY = Fault(apply=False, answer=(503, "SlowDown"))


@pytest.mark.parametrize("name, fault, times", [
    ("lost", DROPPED, 1), ("lost-often", DROPPED, 12), ("late", LATE, 3), ("busy", BUSY, 30)])
def test_commits_through_a_store_that_fails(kafka, topic_name, tmp_path, store, monkeypatch, name, fault, times):
    """iceberg #2317, delta-rs #268, hudi #14373: lost and late answers to the PUT of a commit, and storms of 503."""
    use(monkeypatch, store.environment())
    produce(kafka, topic_name)
    store.plan(fault, "PUT", key=".json", times=times, skip=3)
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = submit(cluster, kafka, topic_name, "s3://data/lake")
        with delivering(store):
            done = cluster.finish(job, timeout_s=240)
    assert all(status in (200, 412) for status in store.deliver())
    judge(kafka, topic_name, store, tmp_path / "copy", done, "lake")
    wait_until_all_files_are_named(store, "lake")


@contextlib.contextmanager
def delivering(store):
    """Requests that were held back arrive a little later, each beside newer ones."""
    over = threading.Event()

    def deliver():
        while not over.wait(0.7):
            store.deliver()

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_uploads_through_a_store_that_fails(kafka, topic_name, tmp_path, store, monkeypatch):
    use(monkeypatch, store.environment())
    produce(kafka, topic_name)
    for fault in (DROPPED, BUSY, LATE):
        store.plan(fault, "PUT", key=".parquet", times=3, skip=2)
    with Cluster(tmp_path / "cluster", workers=2) as cluster:
        job = submit(cluster, kafka, topic_name, "s3://data/lake")
        with delivering(store):
            done = cluster.finish(job, timeout_s=240)
    store.deliver()
    judge(kafka, topic_name, store, tmp_path / "copy", done, "lake")
    wait_until_all_files_are_named(store, "lake")


def test_a_store_that_is_full_for_longer_than_errors_are_counted(kafka, topic_name, tmp_path, store, monkeypatch):
    use(monkeypatch, store.environment())
    produce(kafka, topic_name)
    store.plan(Fault(apply=False, answer=(507, "XMinioStorageFull")), "PUT", key=".parquet", times=10_000)
    with Cluster(tmp_path / "cluster", workers=1) as cluster:
        job = submit(cluster, kafka, topic_name, "s3://data/lake")
        first = cluster.job(job)["generation"]
        waiting = cluster.wait_job(job, lambda j: j["generation"] >= max(first, 1) + 5, what="the fifth restart")
        assert any("until this passes" in warning and "507" in warning for warning in waiting["warnings"]), waiting
        store.calm()
        done = cluster.finish(job)
    judge(kafka, topic_name, store, tmp_path / "copy", done, "lake")
    wait_until_all_files_are_named(store, "lake")


def test_what_cannot_be_written_is_refused_at_submit(kafka, topic_name, tmp_path, bucket, monkeypatch):
    use(monkeypatch, bucket.environment())
    kafka.create_topic(topic_name, partitions=1)
    with Cluster(tmp_path / "cluster", workers=1) as cluster:
        script = tmp_path / "job.sql"
        script.write_text(SCRIPT)

        def refusal(tables, *options):
            done = cluster.run("job", "submit", script, *options, "--var", f"BROKERS={kafka.brokers}", "--var",
                               f"TOPIC={topic_name}", "--var", f"TABLES={tables}")
            assert done.returncode == 1, done.stderr
            return done.stderr

        assert "no-such-bucket" in refusal("s3://no-such-bucket/lake")
        assert "write s3://" in refusal("s3a://data/lake")
        assert "'..' segment" in refusal(f"s3://{bucket.name}/a/../lake")
        assert "takes no user" in (said := refusal(f"s3://me:hunter2@{bucket.name}/lake")) and "hunter2" not in said
        assert bucket.keys() == [], "nothing is made for a job that is refused"
        cluster.coordinator.kill()
        cluster.coordinator.start(AWS_SECRET_ACCESS_KEY="canary-wrong-secret")
        cluster.coordinator.wait_until_ready()
        for worker in cluster.workers:
            worker.wait_until_ready()
        said = refusal(f"s3://{bucket.name}/lake")
        assert "canary" not in said and "credentials" in said, said
        assert bucket.keys() == []
