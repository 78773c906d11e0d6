"""Damaged files of a job: an older checkpoint, or a clear stop with the next command; never a wrong answer. Peers, row 17."""

import pathlib
import shutil
import sys

import pytest

import oracle
from cluster import wait_for
from test_savepoints import SCRIPT, savepoint, state_files, stream  # noqa: F401 (a fixture)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
import reachability  # noqa: E402

# Epochs come by hand only, so that the test knows which file belongs to which; nothing is due in the last 20 minutes.
BY_HAND = SCRIPT.replace("'500ms'", "'1 hour'")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def remove(path):
    path.unlink()


def kill_all(cluster):
    """Workers lose their disks, too: what they kept there whole would do as well as the cluster's files."""
    cluster.kill()
    for cache in cluster.directory.glob("cache-*"):
        shutil.rmtree(cache)


def restart_all(cluster, failpoints=None):
    kill_all(cluster)
    cluster.start(failpoints)


def run_two_epochs(stream):  # noqa: F811
    """A job whose newest epoch, by hand, gave no table a row; returns it, that epoch, the one before, and its files."""
    cluster = stream.cluster
    stream.produce()
    job = stream.start("first", script=BY_HAND)
    cluster.wait_job(job, lambda j: j["state"] == "RUNNING" and j["live_records_in"] == stream.produced,
                     what="the rows to be read")
    older = cluster.weir("job", "checkpoint", job)["epoch"]
    cluster.wait_job(job, lambda j: j["sinks"][0]["committed_epoch"] == older, what="its commit")
    before = state_files(cluster, job)
    # A row in an open window: state changes, no window closes.
    last = stream.values[stream.produced - 1]
    stream.kafka.produce(stream.topic, [last] * 10, partition=0)
    cluster.wait_job(job, lambda j: j["live_records_in"] == stream.produced + 10, what="ten rows more")
    newer = cluster.weir("job", "checkpoint", job)["epoch"]
    wait_for(lambda: len(state_files(cluster, job) - before) > 0, 10, lambda: "a new state file")
    return job, older, newer, sorted(state_files(cluster, job) - before)


def went_back(stream, job, newer):  # noqa: F811
    """The job, running again without the damaged epoch, with all rows read. It makes a later epoch of its own soon."""
    return stream.cluster.wait_job(
        job, lambda j: j["epoch"] != newer and j["state"] == "RUNNING" and j["live_records_in"] == stream.produced + 10,
        what=f"the job to go on from before epoch {newer}")


@pytest.mark.parametrize("damage", [truncate, flip, remove])
def test_row17_falls_back_when_no_table_has_rows_of_the_damaged_epoch(stream, damage):  # noqa: F811
    job, older, newer, files = run_two_epochs(stream)
    cluster = stream.cluster
    damage(files[0])
    restart_all(cluster)
    back = went_back(stream, job, newer)
    assert any(f"epoch {newer} can't be restored" in r["reason"] and f"back to epoch {older}" in r["reason"]
               for r in back["restarts"]), back["restarts"]
    assert cluster.weir("job", "checkpoint", job)["epoch"] > newer
    stream.produce()
    cluster.wait_job(job, lambda j: j["live_records_in"] == stream.produced + 10, what="the rest")
    stopped = cluster.stop(job)
    assert stopped["records_used"] == stream.produced + 10
    assert stream.judge() >= 3
    assert reachability.audit(cluster.directory / "data").missing == []


@pytest.mark.parametrize("failpoint", ["coordinator.before_restored_record", "coordinator.after_restored_record"])
def test_coordinator_dies_while_falling_back_at(stream, failpoint):  # noqa: F811
    job, _, newer, files = run_two_epochs(stream)
    cluster = stream.cluster
    truncate(files[0])
    restart_all(cluster, failpoints=f"{failpoint}=crash@1")
    cluster.coordinator.wait_until_dead()
    cluster.coordinator.start()
    cluster.coordinator.wait_until_ready()
    went_back(stream, job, newer)
    cluster.stop(job)
    stream.judge()


@pytest.mark.parametrize("damage", [truncate, flip, remove])
def test_row17_stops_when_a_table_has_rows_of_the_damaged_epoch(stream, damage):  # noqa: F811
    cluster = stream.cluster
    stream.produce()
    job = stream.start("first")
    stream.wait_read(job)
    epoch = savepoint(cluster, job)
    kept = state_files(cluster, job)
    stream.produce()
    stream.wait_read(job)
    kill_all(cluster)
    for path in state_files(cluster, job) - kept:
        damage(path)
    cluster.start()
    wait_for(lambda: cluster.job(job)["state"] == "FAILED", 120, lambda: f"the job to fail: {cluster.job(job)}")
    reason = cluster.job(job)["reason"]
    assert "can't be restored" in reason and "state file" in reason
    assert "--restore-tables" in reason and "--from first@" in reason
    refused = stream.submit("first", "--from", f"first@{epoch}")
    assert refused.returncode == 5 and "--restore-tables" in refused.stderr
    again = stream.start("first", "--from", f"{job}@{epoch}", "--restore-tables")
    stream.wait_read(again)
    cluster.stop(again)
    assert stream.judge() >= 3


def test_row1_the_clusters_data_from_a_backup_is_not_taken_for_the_present(stream, tmp_path):  # noqa: F811
    """Its epochs begin again below those of the table, which must not pass for "committed already"."""
    cluster, data = stream.cluster, stream.cluster.directory / "data"
    stream.produce()
    job = stream.start("first")
    stream.wait_read(job)
    epoch = savepoint(cluster, job)
    cluster.kill()
    shutil.copytree(data, tmp_path / "backup")
    cluster.start()
    stream.produce()
    stream.wait_read(job)
    cluster.kill()
    table = sorted(oracle.table_rows(stream.tables / "activity"))
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    cluster.start()
    wait_for(lambda: cluster.job(job)["state"] == "FAILED", 60, lambda: f"the job to fail: {cluster.job(job)}")
    assert "records are older than the table" in cluster.job(job)["reason"]
    assert sorted(oracle.table_rows(stream.tables / "activity")) == table
    again = stream.start("first", "--from", f"{job}@{epoch}", "--restore-tables")
    stream.wait_read(again)
    cluster.stop(again)
    assert stream.judge() >= 3


def test_row17_a_missing_log_record_stops_the_job_and_says_how_to_go_on(stream):  # noqa: F811
    cluster = stream.cluster
    job, epoch = stream.run_past_savepoint()
    cluster.kill()
    log = cluster.directory / "data/jobs" / job / "log"
    for fold in (log.parent / "fold").glob("*"):
        fold.unlink()
    (log / f"{epoch + 2:020d}").unlink()
    cluster.start()
    shown = cluster.job(job)
    assert shown["state"] == "FAILED" and f"{epoch + 2:020d} is missing" in shown["reason"]
    assert "--restore-tables" in shown["reason"]
    again = stream.start("first", "--from", f"{job}@{epoch}", "--restore-tables")
    stream.wait_read(again)
    cluster.stop(again)
    assert stream.judge() >= 3


def test_row13_every_file_is_reachable_and_every_needed_one_is_there(stream):  # noqa: F811
    """Through restarts, savepoints and copies: nothing needed is deleted, nothing piles up."""
    cluster = stream.cluster
    stream.produce()
    job = stream.start("first")
    stream.wait_read(job)
    epoch = savepoint(cluster, job)
    data = cluster.directory / "data"
    for round_ in range(3):
        victim = cluster.coordinator if round_ == 1 else cluster.workers[0]
        victim.kill()
        stream.produce()
        victim.start()
        victim.wait_until_ready()
        stream.wait_read(job)
    cluster.stop(job)
    wait_for(lambda: not reachability.audit(data, grace_s=0).unreachable, 90,
             lambda: f"unneeded files to go: {reachability.audit(data, grace_s=0)}")
    found = reachability.audit(data, grace_s=0)
    assert found.missing == [] and found.needed > 0
    # The tool sees what is wrong.
    victim = next(p for p in state_files(cluster, job))
    content = victim.read_bytes()
    victim.unlink()
    assert any(str(victim) in line for line in reachability.audit(data).missing)
    victim.write_bytes(content)
    stray = victim.with_name("0000000002-stray.sst")
    stray.write_bytes(b"x")
    assert [str(stray) in line for line in reachability.audit(data, grace_s=-1).unreachable] == [True]
    stray.unlink()
    for failpoint in ("coordinator.before_drop_savepoint", "coordinator.after_drop_savepoint"):
        restart_all(cluster, failpoints=f"{failpoint}=crash@1")
        cluster.run("job", "checkpoint", job, "--drop", epoch, timeout_s=90)
        cluster.coordinator.wait_until_dead()
    cluster.coordinator.start()
    cluster.coordinator.wait_until_ready()
    assert not any(c["savepoint"] for c in cluster.weir("job", "checkpoints", job)["checkpoints"])
    assert reachability.audit(data).missing == []
