import dataclasses
import datetime
import inspect
import pathlib
import re
import shutil
import subprocess
import sys

import grpc
import pytest
import weir
from fake_cluster import FakeCluster, job
from google.protobuf import message, timestamp_pb2
from weir.v1 import job_pb2


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def client(cluster):
    with cluster.serving() as address, weir.Client(address, timeout=10) as client:
        yield client


# --- values ---


def test_job_has_plain_values(cluster, client):
    cluster.job.records_in = 1 << 60
    cluster.job.watermark.CopyFrom(timestamp_pb2.Timestamp(seconds=1_700_000_000, nanos=500_000_999))
    cluster.job.sinks.add(id="activity", path="/lake", table_version=-1, role="main")
    cluster.job.inserts.add(name="activity", bad_by_reason={"syntax": 2})
    cluster.job.warnings.append("careful")
    table = cluster.job.tables.add(sink="activity", status=job_pb2.TableHealth.STALE, age_ms=15_000)
    table.suspects.add(kind="partition", name="events/1", message="no rows for 11s")
    got = client.get("activity")
    assert got.state is weir.JobState.RUNNING and not got.state.is_final
    assert got.records_in == 1 << 60
    assert got.watermark == datetime.datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=datetime.timezone.utc)
    assert got.last_checkpoint_at is None
    assert got.sinks == (weir.Sink("activity", "/lake", -1, 0, "main", 0),)
    assert got.inserts[0].bad_by_reason == {"syntax": 2}
    assert got.warnings == ("careful",)
    assert got.tables[0].status is weir.TableStatus.STALE
    assert got.tables[0].suspects == (weir.Suspect("partition", "events/1", "no rows for 11s"),)
    with pytest.raises(dataclasses.FrozenInstanceError):
        got.name = "other"


def test_the_end_of_time_is_a_time(cluster, client):
    cluster.job.watermark.CopyFrom(timestamp_pb2.Timestamp(seconds=253_402_300_799))
    assert client.get("activity").watermark.year == 9999


@pytest.mark.parametrize("cls, of", [
    (weir.Job, job_pb2.Job), (weir.Sink, job_pb2.Sink), (weir.Insert, job_pb2.Insert),
    (weir.Restart, job_pb2.Restart), (weir.CarriedState, job_pb2.CarriedState), (weir.TableHealth, job_pb2.TableHealth),
    (weir.Suspect, job_pb2.Suspect), (weir.Checkpoint, job_pb2.Checkpoint), (weir.Worker, job_pb2.Worker),
    (weir.ClusterStatus, job_pb2.ClusterStatus)])
def test_dataclasses_have_every_field_of_the_schema(cls, of):
    assert [field.name for field in dataclasses.fields(cls)] == [field.name for field in of.DESCRIPTOR.fields]


def test_states_are_those_of_the_schema():
    assert [state.value for state in weir.JobState] == job_pb2.JobState.keys()
    assert [state.value for state in weir.WorkerState] == job_pb2.WorkerState.keys()
    assert [status.value for status in weir.TableStatus] == job_pb2.TableHealth.Status.keys()


def test_no_generated_type_leaks(cluster, client):
    cluster.streams = [[job("FINISHED")]]
    cluster.pages = [[job("RUNNING")]]
    results = [client.get("a"), *client.list(), *client.watch("a"), client.checkpoints("a")[0], client.checkpoint("a"),
               client.workers()[0], client.status()]

    def values(value):
        yield value
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield from values(getattr(value, field.name))
        elif isinstance(value, (tuple, list)):
            for element in value:
                yield from values(element)

    assert not [value for result in results for value in values(result) if isinstance(value, message.Message)]


# --- calls ---


def test_submit_sends_the_script(cluster, client):
    client.submit("INSERT ...", "activity", variables={"topic": "t"}, append=True)
    client.submit("INSERT ...", "activity")
    first, second = cluster.requests
    assert (first.script, first.name, dict(first.variables), first.append) == ("INSERT ...", "activity", {"topic": "t"}, True)
    assert not first.validate_only and not second.append
    assert first.request_id and first.request_id != second.request_id


def test_submit_goes_on_from_a_checkpoint(cluster, client):
    client.submit("INSERT ...", "activity", from_job="old", from_epoch=12, restore_tables=True)
    client.submit("INSERT ...", "activity")
    first, second = cluster.requests
    assert (first.from_job, first.from_epoch, first.restore_tables) == ("old", 12, True)
    assert (second.from_job, second.from_epoch, second.restore_tables) == ("", 0, False)


def test_a_broken_submit_is_repeated_with_its_id(cluster, client):
    cluster.fail_first = 2
    assert client.submit("INSERT ...", "activity").id == "activity-0a1b2c3d"
    assert len(cluster.requests) == 3
    assert len({request.request_id for request in cluster.requests}) == 1


def test_list_reads_all_pages(cluster, client):
    cluster.pages = [[job("RUNNING")], [job("STOPPED"), job("FAILED")]]
    assert [j.state.value for j in client.list(live_only=True)] == ["RUNNING", "STOPPED", "FAILED"]
    assert all(request.live_only for request in cluster.requests)


def test_list_of_nothing(client):
    assert list(client.list()) == []


def test_the_other_calls(cluster, client):
    assert client.explain("INSERT", variables={"a": "b"}) == "vertex 0"
    assert client.explain_job("activity") == "vertex 0"
    assert [request.job for request in cluster.requests] == ["", "activity"]
    assert [c.epoch for c in client.checkpoints("activity")] == [9, 7]
    assert client.checkpoint("activity").committed
    assert not client.checkpoint("activity").savepoint
    assert client.checkpoint("activity", savepoint=True).savepoint
    assert client.drop_savepoint("activity", 10).epoch == 10
    assert client.rescale("activity", 3).parallelism == 3
    assert client.workers()[0].slots == 4
    assert client.workers()[0].state is weir.WorkerState.LOST
    drained = client.drain_worker("w:1")
    assert (drained.address, drained.state) == ("w:1", weir.WorkerState.DRAINED)
    assert client.status().slots == 8


# --- waiting ---


@pytest.mark.parametrize("state", ["FINISHED", "STOPPED"])
def test_wait_returns_the_job_at_its_end(cluster, client, state):
    cluster.streams = [[job("RUNNING"), job("STOPPING"), job(state, epoch=3)]]
    assert client.wait("activity").epoch == 3


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_wait_raises_when_the_job_ends_badly(cluster, client, state):
    cluster.streams = [[job(state, reason="disk full")]]
    with pytest.raises(weir.JobFailedError, match="disk full") as caught:
        client.wait("activity")
    assert caught.value.job.state.value == state


def test_wait_gives_up_in_time(cluster, client):
    cluster.streams = [["hang"]]
    with pytest.raises(weir.WaitTimeoutError, match="RUNNING") as caught:
        client.wait("activity", timeout=0.3)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.job.id == "activity-0a1b2c3d"


def test_watch_outlives_a_broken_stream_and_stays_with_the_job(cluster, client):
    cluster.streams = [[job("RUNNING"), "break"], [job("WAITING")], [job("FINISHED")]]
    assert [j.state.value for j in client.watch("activity")] == ["RUNNING", "WAITING", "FINISHED"]
    assert [r.job for r in cluster.requests] == ["activity", "activity-0a1b2c3d", "activity-0a1b2c3d"]


def test_watch_can_be_left_early(cluster, client):
    cluster.streams = [["hang"]]
    for _ in client.watch("activity"):
        break
    assert client.get("activity").name == "activity"


def test_wait_until(cluster, client):
    cluster.streams = [[job("RUNNING", epoch=1), job("RUNNING", epoch=2), job("RUNNING", epoch=3)]]
    assert client.wait_until("activity", lambda j: j.epoch >= 2).epoch == 2
    cluster.streams = [[job("STOPPED")]]
    with pytest.raises(weir.JobEndedError):
        client.wait_until("activity", lambda j: j.epoch >= 2)


def test_stop_waits_where_the_server_stopped_waiting(cluster, client):
    cluster.job.state = job_pb2.STOPPING
    cluster.streams = [[job("STOPPING"), job("STOPPED")]]
    assert client.stop("activity").state is weir.JobState.STOPPED
    cluster.job.state = job_pb2.CANCELLED
    assert client.cancel("activity").state is weir.JobState.CANCELLED


# --- errors ---

REASONS = [cls for _, cls in inspect.getmembers(weir, inspect.isclass)
           if issubclass(cls, weir.WeirError) and cls not in (
               weir.WeirError, weir.WaitTimeoutError, weir.JobFailedError, weir.CoordinatorUnreachableError)]


@pytest.mark.parametrize("cls", REASONS)
def test_each_reason_has_its_exception(cluster, client, cls):
    cluster.error = (grpc.StatusCode.FAILED_PRECONDITION, "what went wrong", cls.reason, [("3:14", "no such column")])
    with pytest.raises(weir.WeirError, match="what went wrong") as caught:
        client.get("activity")
    assert type(caught.value) is cls
    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.places == (("3:14", "no such column"),)


def test_an_unknown_reason_is_kept(cluster, client):
    cluster.error = (grpc.StatusCode.INTERNAL, "new trouble", "NEW_TROUBLE")
    with pytest.raises(weir.WeirError) as caught:
        client.get("activity")
    assert (type(caught.value), caught.value.reason) == (weir.WeirError, "NEW_TROUBLE")


def test_watch_fails_at_once_without_the_job(cluster, client):
    cluster.error = (grpc.StatusCode.NOT_FOUND, "no job 'activity'", "JOB_NOT_FOUND")
    with pytest.raises(weir.JobNotFoundError):
        client.wait("activity", timeout=60)
    assert len(cluster.requests) == 1


def test_says_what_to_do_without_a_coordinator():
    with weir.Client("127.0.0.1:1", timeout=5) as client:
        with pytest.raises(weir.CoordinatorUnreachableError, match="weir dev") as caught:
            client.get("activity")
        assert isinstance(caught.value, ConnectionError)
        with pytest.raises(weir.CoordinatorUnreachableError):
            client.wait("activity")


def test_follows_a_standby_to_the_leader(cluster):
    standby = FakeCluster()
    with standby.serving() as first, cluster.serving() as leader:
        standby.error = (grpc.StatusCode.UNAVAILABLE, "this coordinator stands by", "NOT_LEADER", [], leader)
        with weir.Client(first) as client:
            assert client.get("activity").name == "activity"
            assert client.status().leader == ""
        assert len(standby.requests) == 1, "asked again, though the leader is known"


def test_finds_the_leader_among_several(cluster):
    standby = FakeCluster()
    standby.error = (grpc.StatusCode.UNAVAILABLE, "nobody leads", "NOT_LEADER", [])
    cluster.streams = [[job("FINISHED")]]
    with standby.serving() as first, cluster.serving() as leader:
        with weir.Client(f"127.0.0.1:1,{first},{leader}") as client:
            assert [update.state.value for update in client.watch("activity")] == ["FINISHED"]


def test_waits_for_a_leader_within_bounds(cluster):
    cluster.error = (grpc.StatusCode.UNAVAILABLE, "nobody leads", "NOT_LEADER", [])
    with cluster.serving() as address, weir.Client(address, timeout=2) as client:
        with pytest.raises(weir.NotLeaderError, match="nobody leads"):
            client.get("activity")
    assert len(cluster.requests) > 2


@pytest.mark.parametrize("addresses", ["host", "host:", "host:port", "a:1,,b:2"])
def test_refuses_what_is_no_address(addresses):
    with pytest.raises(ValueError, match="is not an address"):
        weir.Client(addresses)


def test_finds_the_coordinator_in_the_environment(cluster, monkeypatch):
    with cluster.serving() as address:
        monkeypatch.setenv("WEIR_COORDINATOR", address)
        with weir.Client() as client:
            assert client.get("activity").name == "activity"


# --- the package ---


def test_a_checkout_without_stubs_says_how_to_make_them(tmp_path):
    package = tmp_path / "weir"
    package.mkdir()
    shutil.copy(f"{weir.__path__[0]}/_stubs.py", package)
    (package / "__init__.py").write_text("import weir._stubs")
    done = subprocess.run([sys.executable, "-c", "import weir"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "clients/python/generate" in done.stderr


def test_the_version_is_that_of_the_project():
    root = pathlib.Path(__file__).resolve().parents[3]
    version = re.search(r"project\(weir VERSION (\S+)", (root / "CMakeLists.txt").read_text())[1]
    assert weir.__version__ == version
