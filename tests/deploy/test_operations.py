"""docs/operations.md, as a new operator would follow it: its blocks run in order in one shell in an empty directory."""

import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

import confluent_kafka
import pytest

import oracle
from cluster import WEIR
from kafka import Kafka
from minio import Minio
from ports import free_ports
from tools import MONITORING, ROOT, tool

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.timeout(600)]

GUIDE = (ROOT / "docs/operations.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
SETTINGS = next(block for block in BLOCKS if block.startswith("export "))
TOPIC = "user-transactions"


class Stream(threading.Thread):
    """Some rows a second, of now, behind half an hour of the past."""

    def __init__(self, brokers):
        super().__init__(daemon=True)
        self._producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
        self._ended = threading.Event()

    def row(self, time):
        value = {"userId": "u", "eventType": "view", "amount": 1.5, "eventTime": time.isoformat()}
        self._producer.produce(TOPIC, json.dumps(value), partition=int(time.timestamp() * 20) % 2)

    def run(self):
        now = datetime.datetime.now(datetime.UTC)
        for seconds in range(3600, 0, -1):
            self.row(now - datetime.timedelta(seconds=seconds))
        while not self._ended.wait(0.05):  # the pace of the input
            self.row(datetime.datetime.now(datetime.UTC))
            self._producer.poll(0)
        self._producer.flush(10)

    def end(self):
        self._ended.set()
        self.join()


def settings(kafka, bucket):
    """The guide's settings with this test's values: every name must be known here."""
    ports = free_ports(7)
    names = re.findall(r"^export (\w+)=", SETTINGS, re.MULTILINE)
    values = {"KAFKA": kafka.brokers, "BUCKET": bucket.name, "RULES": MONITORING / "weir.rules.yaml", **bucket.environment()}
    addresses = ["COORDINATOR", "COORDINATOR_HTTP", "WORKER_1", "WORKER_1_HTTP", "WORKER_2", "WORKER_2_HTTP", "PROMETHEUS"]
    values |= {name: f"127.0.0.1:{port}" for name, port in zip(addresses, ports)}
    assert set(names) <= set(values), "the test knows each setting of the guide"
    return "".join(f"export {name}={value}\n" for name, value in values.items())


def kill_what_is_left(directory):
    for file in directory.glob("*.pid"):
        try:
            os.kill(int(file.read_text()), signal.SIGKILL)
        except (ProcessLookupError, ValueError):
            pass


def test_the_guide_works(tmp_path):
    script = "\n".join([f"export PATH={WEIR.parent}:{tool('prometheus').parent}:$PATH HOME=$PWD TERM=dumb", "set -euo pipefail"])
    with Kafka.started(tmp_path / "kafka") as kafka, Minio.started(tmp_path / "minio") as minio:
        bucket = minio.make_bucket("operations")
        kafka.create_topic(TOPIC, partitions=2)
        stream = Stream(kafka.brokers)
        stream.start()
        box = tmp_path / "box"
        box.mkdir()
        for number, block in enumerate(BLOCKS, 1):
            script += f"\necho '# block {number}'\n" + (settings(kafka, bucket) if block is SETTINGS else block)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "AWS_", "XDG_"))}
        try:
            done = subprocess.run(["bash", "-c", script], cwd=box, env=environment, capture_output=True, text=True, timeout=540,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            pytest.fail(f"it hangs: {(late.stdout or b'').decode()[-3000:]}\n{(late.stderr or b'').decode()[-3000:]}")
        finally:
            kill_what_is_left(box)
            stream.end()
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        out = done.stdout
        assert "job activity: new" in out and "no worker is registered" in out and "kept     windows of activity" in out
        assert "+SET checkpoint_interval = '5s';" in out
        assert "job activity: unchanged" in done.stderr
        lines = [json.loads(line) for line in (box / "coordinator.log").read_text().splitlines() if line.startswith("{")]
        assert any(line.get("job", "").startswith("activity-") for line in lines)
        token = (box / "ann.token").read_text().strip()
        for log in box.glob("*.log"):
            assert token not in log.read_text()


def test_links_of_the_guide_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)", GUIDE):
        assert (ROOT / "docs" / link).resolve().exists(), link
    for path in re.findall(r"`((?:bench|deploy|tests|docs)/[\w./-]+)`", GUIDE):
        assert (ROOT / path).exists(), path
