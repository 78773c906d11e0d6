"""`weir table`: what a scheduler waits for is there when the wait is over, in directories and on s3://, without a coordinator."""

import datetime
import json
import os
import subprocess

import pytest

import oracle
from cluster import WEIR, Cluster
from readers import read_duckdb
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, rfc3339, source, transactions

START_S = 1_700_000_000
ROWS = 9_000  # 15 minutes of event time
SCRIPT = "SET checkpoint_interval = '500ms';" + source(watermark="20 seconds") + ACTIVITY % ""


def table(*arguments, **environment):
    """`weir table ARGUMENTS...` where no cluster is known."""
    env = {**os.environ, "WEIR_COORDINATOR": "127.0.0.1:1", **environment}
    return subprocess.Popen([str(WEIR), "table", *map(str, arguments)], env=env, stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process, timeout_s=90):
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, out, err


def submit(cluster, kafka, topic, tables, options=""):
    script = SCRIPT.replace("format = 'json'", f"format = 'json'{options}")
    return cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic, TABLES=tables)["id"]


def test_the_sensor_returns_once_all_windows_up_to_the_time_are_there(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=2)
    values = transactions(ROWS, seed=5, start_s=START_S)
    produce_spread(kafka, topic_name, values[:3_000], 2)
    path = tmp_path / "activity"
    until = rfc3339(START_S + 600)
    with Cluster(tmp_path / "cluster", workers=1) as cluster:
        assert finished(table("show", path))[0] == 4, "no table yet"
        job = submit(cluster, kafka, topic_name, tmp_path)
        cluster.wait_job(job, lambda j: j["records_in"] == 3_000, what="the first rows")
        code, out, err = finished(table("freshness", path, "--wait-until", until, "--timeout", "0s"))
        assert (code, out) == (6, "") and "job activity is at 2023-11-14T22:1" in err, err
        sensor = table("freshness", path, "--wait-until", until, "--timeout", "60s")
        produce_spread(kafka, topic_name, values[3_000:], 2)
        code, out, err = finished(sensor)
        assert code == 0, err
        assert datetime.datetime.fromisoformat(out.strip()).timestamp() >= START_S + 600
        rows = oracle.rows_of(read_duckdb(path))
        records = oracle.records_table(kafka.read(topic_name))
        due = oracle.query(records, ACTIVITY_ORACLE.replace("{watermark}", f"TIMESTAMPTZ '{until}'"))
        assert len(due) >= 5
        assert oracle.same_rows([row for row in rows if row[1].timestamp() <= START_S + 600], due) is None
        cluster.stop(job)
    code, out, err = finished(table("show", path, "-o", "json"))
    assert code == 0, err
    shown = json.loads(out)
    assert shown["rows"] == len(oracle.rows_of(read_duckdb(path))) and shown["files"] >= 1
    assert shown["bytes"] == sum(f.stat().st_size for f in path.glob("*.parquet"))
    assert shown["jobs"] == [{"name": "activity", "id": job, **{k: shown["commits"][0][k] for k in (
        "generation", "epoch", "watermark", "version")}}]
    infos = oracle.commit_infos(path)
    assert {c["version"]: c["epoch"] for c in shown["commits"][:3]} == {
        v: infos[v]["weir"]["epoch"] for v in sorted(infos)[-3:]}


def test_tables_on_s3(kafka, topic_name, tmp_path, minio, monkeypatch):
    bucket = minio.make_bucket("table-commands")
    for key, value in bucket.environment().items():
        monkeypatch.setenv(key, value)
    kafka.create_topic(topic_name, partitions=2)
    produce_spread(kafka, topic_name, transactions(3_000, seed=6), 2)
    path = f"s3://{bucket.name}/lake/activity"
    with Cluster(tmp_path / "cluster", workers=1) as cluster:
        cluster.finish(submit(cluster, kafka, topic_name, f"s3://{bucket.name}/lake", ", stop = 'latest'"))
    code, out, err = finished(table("freshness", path, "--wait-until", "2030-01-01T00:00:00Z", "--timeout", "10s"))
    assert (code, out) == (0, "infinity\n"), err
    code, out, err = finished(table("show", path, "-o", "json"))
    shown = json.loads(out)
    assert code == 0 and shown["watermark"] == "infinity" and shown["rows"] > 0 and shown["watermark_lag_seconds"] is None
    assert finished(table("show", f"s3://{bucket.name}/lake"))[0] == 4
    code, _, err = finished(table("show", path, AWS_SECRET_ACCESS_KEY="wrong"))
    assert code in (1, 3) and path in err and "wrong" not in err


@pytest.mark.parametrize("arguments", [("show",), ("show", "gs://x/y"), ("freshness", ".", "--wait-until", "noon")])
def test_wrong_arguments_are_usage(arguments):
    assert finished(table(*arguments))[0] == 2
