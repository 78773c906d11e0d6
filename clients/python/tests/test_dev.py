"""The client against the real binary: `weir dev` in a process of its own, on ports that are free."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import pytest
import weir

BINARY = os.environ.get("WEIR_BINARY", "")

pytestmark = pytest.mark.skipif(not pathlib.Path(BINARY).is_file(), reason="WEIR_BINARY names no binary")

SCRIPT = """
CREATE TABLE clicks (page TEXT, at TIMESTAMPTZ NOT NULL)
WITH (connector = 'kafka', brokers = 'dev', topic = '${topic}', format = 'json', event_time = 'at');
CREATE TABLE pages (window_end TIMESTAMPTZ, page TEXT, clicks BIGINT) WITH (connector = 'delta', path = '%(path)s');
SET checkpoint_interval = '500ms';
INSERT INTO pages SELECT window_end, page, count(*) FROM tumble(clicks, at, INTERVAL '1 minute') GROUP BY window_end, page;
"""


@pytest.fixture(scope="module")
def address():
    with tempfile.TemporaryDirectory() as directory:
        command = [BINARY, "dev", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", f"{directory}/data",
                   "--slots", "2", "--kafka"]
        with open(f"{directory}/stderr", "w+") as log:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                for line in server.stdout:
                    if found := re.search(r"coordinator\s+(\S+)", line):
                        break
                else:
                    pytest.fail(f"weir dev ended: {pathlib.Path(log.name).read_text()}")
                yield found[1]
            finally:
                server.send_signal(signal.SIGTERM)
                server.communicate(timeout=60)


@pytest.fixture
def client(address):
    with weir.Client(address) as client:
        yield client


@pytest.fixture
def script(tmp_path):
    return SCRIPT % {"path": tmp_path / "pages"}


def test_shows_the_cluster(client):
    # `weir dev` names its address before its worker has registered.
    deadline = time.monotonic() + 30
    while not (status := client.status()).workers and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status.version == weir.__version__
    assert status.slots == 2
    assert [worker.slots for worker in client.workers()] == [2]


def test_explains_a_script(client, script):
    assert "kafka topic clicks" in client.explain(script, variables={"topic": "clicks"})


def test_names_the_place_of_an_error(client, script):
    with pytest.raises(weir.ScriptInvalidError, match=r"line \d+.*cuont.*did you mean count"):
        client.submit(script.replace("count(*)", "cuont(*)"), "pages", variables={"topic": "clicks"})
    with pytest.raises(weir.ScriptInvalidError, match="topic"):
        client.submit(script, "pages")


def test_refuses_what_is_not_there(client):
    for call in (client.get, client.wait, client.stop, client.cancel, client.checkpoints, client.checkpoint,
                 client.explain_job):
        with pytest.raises(weir.JobNotFoundError):
            call("nothing")


def test_refuses_unreachable_brokers(client, script):
    with pytest.raises(weir.BrokersUnreachableError, match="127.0.0.1:1"):
        client.submit(script.replace("'dev'", "'127.0.0.1:1'"), "pages", variables={"topic": "clicks"})


def test_validating_submits_nothing(client, script):
    client.submit(script, "validated", variables={"topic": "clicks"}, validate_only=True)
    with pytest.raises(weir.JobNotFoundError):
        client.get("validated")


def test_a_job_lives_and_ends(client, script):
    job = client.submit(script, "pages", variables={"topic": "clicks"})
    assert job.id.startswith("pages")
    assert client.get("pages").script
    with pytest.raises(weir.NameTakenError):
        client.submit(script, "pages", variables={"topic": "clicks"})
    assert "pages" in [live.name for live in client.list(live_only=True)]
    assert "kafka topic clicks" in client.explain_job("pages")
    client.wait_until(job.id, lambda j: j.state is weir.JobState.RUNNING, timeout=30)
    taken = client.checkpoint(job.id, timeout=30)
    assert taken.epoch in [checkpoint.epoch for checkpoint in client.checkpoints(job.id)]
    assert client.stop(job.id, timeout=30).state is weir.JobState.STOPPED
    assert client.wait(job.id, timeout=10).state is weir.JobState.STOPPED
    assert client.stop(job.id).state is weir.JobState.STOPPED  # as asked, already
    with pytest.raises(weir.JobEndedError):
        client.cancel(job.id)
    assert "pages" not in [live.name for live in client.list(live_only=True)]


def test_a_submit_that_comes_twice_makes_one_job(client, script):
    # As when the answer to the first was lost: same request, same request_id.
    from weir._stubs import job_pb2

    request = job_pb2.SubmitRequest(script=script, name="twice", variables={"topic": "clicks"}, request_id="one-of-these")
    first, second = (client._call("Submit", request) for _ in range(2))
    assert first.id == second.id
    assert client.cancel("twice").state is weir.JobState.CANCELLED
