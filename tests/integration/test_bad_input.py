"""What a user can get wrong ends in one clear sentence, the right exit code, and nothing half made."""

import subprocess

import pyarrow
import pytest
from deltalake import write_deltalake

from cluster import WEIR, Cluster, Process, wait_for
from ports import free_ports
from test_main_job import ACTIVITY, source, transactions

pytestmark = pytest.mark.xdist_group("bad_input")  # one cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster"), workers=1) as running:
        yield running


def refused(cluster, script, code, *said, name="refused", **variables):
    """Submits and expects this exit code, one message with all of `said` on stderr, nothing on stdout, no job."""
    path = cluster.directory / f"{name}.sql"
    path.write_text(script)
    options = [part for key, value in variables.items() for part in ("--var", f"{key}={value}")]
    done = cluster.run("job", "submit", path, "--name", name, *options)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == ""
    for words in said:
        assert words in done.stderr, f"{words!r} is not in {done.stderr!r}"
    assert name not in {job["name"] for job in cluster.weir("job", "list")["jobs"]}
    return done.stderr


def main_job(kafka, topic, tables, script=None, **options):
    return dict(script=script or source() + ACTIVITY % "", BROKERS=kafka.brokers, TOPIC=topic, TABLES=tables, **options)


def test_broken_sql_names_line_and_column(cluster, tmp_path):
    message = refused(cluster, "SELECT 1;\nINSERT INTO x SELEC 1;", 1, "line 2")
    assert len(message.strip().splitlines()) <= 4


@pytest.mark.parametrize("old, new, said", [
    ("sum(amount)", "sum(amont)", ["amont", "amount", "line"]),
    ("sum(amount)", "sum(eventType)", ["sum", "text"]),
    ("event_count BIGINT", "event_count BOOLEAN", ["event_count", "boolean"]),
    ("connector = 'delta'", "conector = 'delta'", ["conector", "did you mean connector?", "line 9"]),
    ("watermark = '1 minute'", "watermrk = '1 minute'", ["watermrk", "watermark"]),
    ("INTERVAL '5 minutes'", "INTERVAL '1 month'", ["month"]),
    ("GROUP BY window_start, window_end, eventType", "GROUP BY window_start, window_end", ["eventtype"]),
    ("'${TABLES}/activity'", "'${TABLE}/activity'", ["TABLE"]),
])
def test_what_does_not_bind_is_refused(cluster, kafka, topic_name, tmp_path, old, new, said):
    kafka.create_topic(topic_name)
    script = source() + ACTIVITY % ""
    assert old in script
    arguments = main_job(kafka, topic_name, tmp_path, script.replace(old, new))
    message = refused(cluster, arguments.pop("script"), 1, **arguments)
    for words in said:
        assert words.lower() in message.lower(), message
    assert not (tmp_path / "activity").exists()


def test_missing_topic(cluster, kafka, tmp_path):
    kafka.create_topic("user-transactionz")
    arguments = main_job(kafka, "user-transactions", tmp_path)
    refused(cluster, arguments.pop("script"), 4, "user-transactions", **arguments)
    assert not (tmp_path / "activity").exists()


def test_unreachable_broker(cluster, kafka, tmp_path):
    (port,) = free_ports(1)
    arguments = main_job(kafka, "t", tmp_path)
    arguments["BROKERS"] = f"127.0.0.1:{port}"
    refused(cluster, arguments.pop("script"), 1, f"127.0.0.1:{port}", **arguments)
    assert not (tmp_path / "activity").exists()


def test_path_that_cannot_be_written(cluster, kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name)
    (tmp_path / "file").write_text("in the way")
    arguments = main_job(kafka, topic_name, tmp_path / "file")
    refused(cluster, arguments.pop("script"), 1, str(tmp_path / "file"), **arguments)
    assert (tmp_path / "file").read_text() == "in the way"


def test_existing_table_with_another_schema(cluster, kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name)
    write_deltalake(tmp_path / "activity", pyarrow.table({"window_start": ["text"], "x": [1]}))
    arguments = main_job(kafka, topic_name, tmp_path)
    refused(cluster, arguments.pop("script"), 1, "window_start", **arguments)


def test_names_of_live_jobs_are_unique(cluster, kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name)
    job = cluster.submit(source() + ACTIVITY % "", "twin", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
    path = cluster.directory / "twin.sql"
    done = cluster.run("job", "submit", path, "--var", f"BROKERS={kafka.brokers}", "--var", f"TOPIC={topic_name}",
                       "--var", f"TABLES={tmp_path / 'other'}")
    assert done.returncode == 5 and "twin" in done.stderr
    cluster.weir("job", "cancel", job["id"])


def test_another_lineage_on_the_same_table_needs_a_word(cluster, kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, transactions(100, seed=1))
    script = source(options=", stop = 'latest'") + ACTIVITY % ""
    first = cluster.submit(script, "lineage", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
    cluster.finish(first["id"])
    path = cluster.directory / "lineage.sql"
    variables = ["--var", f"BROKERS={kafka.brokers}", "--var", f"TOPIC={topic_name}", "--var", f"TABLES={tmp_path}"]
    done = cluster.run("job", "submit", path, *variables)
    assert done.returncode == 5 and "--append" in done.stderr, done.stderr
    again = cluster.weir("job", "submit", path, "--append", *variables)
    cluster.finish(again["id"])


def test_a_bad_row_under_fail_fails_the_job_and_says_where(cluster, kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [*transactions(5, seed=1), b"{broken"])
    job = cluster.submit(source() + ACTIVITY % "", "failing", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
    done = cluster.run("job", "wait", job["id"], "--timeout", "60s")
    assert done.returncode == 7
    failed = cluster.job(job["id"])
    assert failed["state"] == "FAILED"
    for words in (topic_name, "offset 5", "on_bad_row"):
        assert words in failed["reason"], failed["reason"]


def test_wait_times_out_while_the_job_runs(cluster, kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name)
    job = cluster.submit(source() + ACTIVITY % "", "waiting", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
    assert cluster.run("job", "wait", job["id"], "--timeout", "1s").returncode == 6
    cluster.weir("job", "cancel", job["id"])
    assert cluster.run("job", "wait", job["id"]).returncode == 7


@pytest.mark.parametrize("arguments, code", [
    (["job", "get", "nobody"], 4), (["job", "stop", "nobody"], 4), (["job", "frobnicate"], 2), (["job", "submit"], 2),
    (["job", "submit", "no-such-file.sql"], 2), (["job", "list", "-o", "yaml"], 2), (["nonsense"], 2)])
def test_exit_codes(cluster, arguments, code):
    done = cluster.run(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr and done.stdout == ""


def test_no_coordinator_there():
    (port,) = free_ports(1)
    done = subprocess.run([WEIR, "job", "list", "--coordinator", f"127.0.0.1:{port}"], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_port_in_use(cluster, tmp_path):
    done = subprocess.run([WEIR, "coordinator", "--listen", cluster.address, "--http", "127.0.0.1:0", "--data", tmp_path],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert cluster.address in done.stderr and "in use" in done.stderr


def test_data_directory_of_a_newer_version(tmp_path):
    (tmp_path / "VERSION").write_text("weir data 999\n")
    done = subprocess.run([WEIR, "coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", tmp_path],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "999" in done.stderr and str(tmp_path) in done.stderr
    assert not (tmp_path / "jobs").exists()


def test_worker_without_a_coordinator_says_so_and_goes_on_trying(tmp_path):
    (port, http) = free_ports(2)
    worker = Process(tmp_path, "lonely", ["worker", "--coordinator", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{http}",
                                          "--cache", tmp_path / "cache"], http)
    worker.start()
    try:
        wait_for(lambda: f"127.0.0.1:{port}" in worker.log(), 20, lambda: "a word about the coordinator")
        assert worker.running
    finally:
        assert worker.stop() == 0
