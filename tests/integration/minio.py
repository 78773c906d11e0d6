"""A real MinIO for tests: one process on a free port of this machine, compiled once by scripts/bootstrap.

    with Minio.started(directory) as minio:
        bucket = minio.make_bucket("data")
"""

import contextlib
import os
import pathlib
import re
import subprocess
import urllib.request

from ports import free_ports
from s3 import Bucket
from server_process import ServerProcess

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60


def binary():
    """Path of the server, compiled now if it isn't in build/cache."""
    bootstrap = ROOT / "scripts/bootstrap"
    version = re.search(r"^minio_version=(\S+)$", bootstrap.read_text(), re.MULTILINE)[1]
    path = ROOT / f"build/cache/minio/minio-{version}"
    if not path.exists():
        subprocess.run([bootstrap, "minio"], check=True, stdin=subprocess.DEVNULL)
    return path


class Minio(ServerProcess):
    """stop() and start() keep data and port."""

    # Names that a test can look for in places where they must not be.
    ACCESS_KEY = "canary-minio-access-key"
    SECRET_KEY = "canary-minio-secret-key"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        super().__init__("minio", self.directory)
        self.port, self._console_port = free_ports(2)
        self.endpoint = f"http://127.0.0.1:{self.port}"

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

    def start(self):
        """Returns when it serves. REQUIRES: it is not running."""
        environment = {"HOME": str(self.directory), "PATH": os.environ["PATH"], "MINIO_ROOT_USER": self.ACCESS_KEY,
                       "MINIO_ROOT_PASSWORD": self.SECRET_KEY, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
        self.run([binary(), "server", "--quiet", "--address", f"127.0.0.1:{self.port}", "--console-address",
                  f"127.0.0.1:{self._console_port}", self.directory / "data"], env=environment)
        self.wait_until(self._ready, START_TIMEOUT_S)

    def _ready(self):
        try:
            with urllib.request.urlopen(f"{self.endpoint}/minio/health/cluster", timeout=2) as reply:
                return reply.status == 200
        except OSError:
            return False
