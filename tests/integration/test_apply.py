"""`weir job apply` and `diff`: a declared job is made so, keeps its state, and no state is dropped silently."""

import collections
import json

import pytest

import oracle
from cluster import Cluster
from test_savepoints import PART, SCRIPT, Stream


@pytest.fixture
def stream(kafka, topic_name, tmp_path):
    with Cluster(tmp_path / "cluster", workers=1, slots=2) as cluster:
        yield Stream(kafka, topic_name, tmp_path, cluster)


def run(stream, command, script, *options):
    path = stream.cluster.directory / "activity.sql"
    path.write_text(script)
    return stream.cluster.run("job", command, "-f", path, *stream.options(), *options)


def apply(stream, script, *options):
    """(action, job) of an apply that must work."""
    done = run(stream, "apply", script, *options, "-o", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return answer["action"], answer["job"]["id"], answer


def states(answer):
    return {(c["kind"], c["name"], c["fate"]) for c in answer["carried"]}


KEPT = {("positions", "user_transactions", "kept"), ("windows", "activity", "kept"), ("counters", "activity", "kept")}


def test_a_declared_job_is_made_so_and_keeps_what_it_has(stream):
    cluster = stream.cluster
    stream.produce()
    new = run(stream, "diff", SCRIPT)
    assert new.returncode == 0 and new.stdout.startswith("job activity: new\n+"), new.stderr
    assert cluster.weir("job", "list")["jobs"] == [], "looking makes nothing"
    action, first, _ = apply(stream, SCRIPT)
    assert action == "create"
    stream.wait_read(first)
    assert apply(stream, SCRIPT)[:2] == ("unchanged", first)
    assert apply(stream, "-- the main job\n" + SCRIPT.replace("SELECT", "SELECT\n  "))[:2] == ("unchanged", first)

    slower = SCRIPT.replace("'500ms'", "'700ms'")
    shown = run(stream, "diff", slower)
    assert shown.returncode == 0, shown.stderr
    assert "-SET checkpoint_interval = '500ms';" in shown.stdout and "+SET checkpoint_interval = '700ms';" in shown.stdout
    assert "kept     windows of activity" in shown.stdout
    assert cluster.job(first)["state"] == "RUNNING", "looking stops nothing"
    stream.produce()
    action, second, answer = apply(stream, slower)
    assert action == "replace" and second != first and states(answer) == KEPT
    went_on = stream.wait_read(second)
    assert went_on["from_job"] == first and went_on["records_used"] == 2 * PART, "counters came along"
    assert apply(stream, slower)[:2] == ("unchanged", second)

    # An apply that broke off behind its stop is finished by the next one.
    cluster.stop(second)
    stream.produce()
    action, third, answer = apply(stream, SCRIPT)
    assert action == "continue" and states(answer) == KEPT
    stream.wait_read(third)
    # What was cancelled is declared still.
    cluster.run("job", "cancel", third, "--wait")
    action, fourth, _ = apply(stream, SCRIPT)
    assert action == "continue"
    stream.wait_read(fourth)
    cluster.stop(fourth)
    assert stream.judge() >= 4


def test_state_is_dropped_only_by_name(stream):
    cluster = stream.cluster
    stream.produce()
    _, first, _ = apply(stream, SCRIPT)
    stream.wait_read(first)
    other = SCRIPT.replace("GROUP BY", "WHERE amount > 0 GROUP BY")
    for command in ("diff", "apply"):
        refused = run(stream, command, other)
        assert refused.returncode == 5 and "--drop-state activity" in refused.stderr, refused.stderr
    assert run(stream, "apply", other, "--drop-state", "elsewhere").returncode == 5
    elsewhere = run(stream, "apply", SCRIPT.replace("${TOPIC}", "absent-topic"), "--drop-state", "activity")
    assert elsewhere.returncode in (4, 5), elsewhere.stderr
    bad = run(stream, "apply", SCRIPT + "SELECT;")
    assert bad.returncode == 1 and "line" in bad.stderr
    assert cluster.job(first)["state"] == "RUNNING", "what is refused stops nothing"

    before = oracle.table_rows(stream.tables / "activity")
    action, second, answer = apply(stream, other, "--drop-state", "activity")
    assert action == "replace"
    assert states(answer) == (KEPT - {("windows", "activity", "kept")}) | {
        ("windows", "activity", "dropped"), ("windows", "activity", "empty")}
    assert apply(stream, other, "--drop-state", "activity")[:2] == ("unchanged", second)
    stream.produce(3)
    stream.wait_read(second)
    cluster.stop(second)
    rows = oracle.table_rows(stream.tables / "activity")
    assert len(rows) > len(before) and set(before) <= set(rows)
    windows = collections.Counter((row[0], row[2]) for row in rows)
    assert max(windows.values()) == 1, "no window fired twice"
