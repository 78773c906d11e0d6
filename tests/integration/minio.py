"""A real MinIO for tests: one process on a free port of this machine, compiled once by scripts/bootstrap.

    with Minio.started(directory) as minio:
        bucket = minio.make_bucket("data")
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

from ports import free_ports
from s3 import Bucket

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60


class MinioError(Exception):
    pass


def binary():
    """Path of the server, compiled now if it isn't in build/cache."""
    bootstrap = ROOT / "scripts/bootstrap"
    version = re.search(r"^minio_version=(\S+)$", bootstrap.read_text(), re.MULTILINE)[1]
    path = ROOT / f"build/cache/minio/minio-{version}"
    if not path.exists():
        subprocess.run([bootstrap, "minio"], check=True, stdin=subprocess.DEVNULL)
    return path


class Minio:
    """stop() and start() keep data and port."""

    # Names that a test can look for in places where they must not be.
    ACCESS_KEY = "canary-minio-access-key"
    SECRET_KEY = "canary-minio-secret-key"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port, self._console_port = free_ports(2)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._log = self.directory / "minio.log"
        self._process = None

    @classmethod
    @contextlib.contextmanager
    def started(cls, directory):
        minio = cls(directory)
        try:
            minio.start()
            yield minio
        finally:
            minio.kill()

    def bucket(self, name):
        return Bucket(self.endpoint, name, self.ACCESS_KEY, self.SECRET_KEY)

    def make_bucket(self, name):
        bucket = self.bucket(name)
        bucket.create()
        return bucket

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        """Returns when it serves. REQUIRES: it is not running."""
        assert self._process is None
        environment = {"HOME": str(self.directory), "PATH": os.environ["PATH"], "MINIO_ROOT_USER": self.ACCESS_KEY,
                       "MINIO_ROOT_PASSWORD": self.SECRET_KEY, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [str(binary()), "server", "--quiet", "--address", f"127.0.0.1:{self.port}", "--console-address",
                 f"127.0.0.1:{self._console_port}", str(self.directory / "data")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise MinioError(f"MinIO does not serve:\n{self._log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)  # between two looks at a condition

    def _ready(self):
        try:
            with urllib.request.urlopen(f"{self.endpoint}/minio/health/cluster", timeout=2) as reply:
                return reply.status == 200
        except OSError:
            return False

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def pause(self):
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how):
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
