"""A real API server of Kubernetes beside an etcd: no nodes, no controllers, but all of validation and admission.

    with ApiServer.started(directory) as api:
        api.create(namespace)
        api.create(pod, dry_run=True)
"""

import contextlib
import json
import pathlib
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request

from ports import free_ports
from server_process import ServerProcess, wait_for
from tools import tool

START_TIMEOUT_S = 120


class Refused(Exception):
    """The server's message."""


class ApiServer:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self._etcd_port, self._etcd_peer_port, self._port = free_ports(3)
        self._token = secrets.token_hex(16)
        self._etcd = ServerProcess("etcd", self.directory)
        self._server = ServerProcess("kube-apiserver", self.directory)
        # Of this one process, on loopback, with a certificate that it just made.
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._resources = {}

    @classmethod
    @contextlib.contextmanager
    def started(cls, directory):
        api = cls(directory)
        try:
            api._start()
            yield api
        finally:
            api._server.kill()
            api._etcd.kill()

    def _start(self):
        etcd = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._etcd_peer_port}"
        self._run(self._etcd, "--data-dir", self.directory / "etcd", "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
                  "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}")
        key = self.directory / "account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout"], check=True, capture_output=True).stdout
        (self.directory / "account.pub").write_bytes(public)
        tokens = self.directory / "tokens.csv"
        tokens.write_text(f"{self._token},admin,admin,system:masters\n")
        self._run(self._server, f"--etcd-servers={etcd}", f"--secure-port={self._port}", "--bind-address=127.0.0.1",
                  f"--cert-dir={self.directory / 'certificates'}", "--service-account-issuer=https://test.invalid",
                  f"--service-account-key-file={self.directory / 'account.pub'}", f"--service-account-signing-key-file={key}",
                  "--service-cluster-ip-range=10.0.0.0/24", f"--token-auth-file={tokens}", "--authorization-mode=RBAC",
                  "--disable-admission-plugins=ServiceAccount")
        self._server.wait_until(self._ready, START_TIMEOUT_S)

    def _run(self, process, *arguments):
        process.run([tool(process.name, "apiserver"), *arguments], cwd=self.directory)

    def _ready(self):
        assert self._etcd.running, self._etcd.log_tail()
        try:
            self.call("GET", "/readyz")
            return True
        except (OSError, Refused):
            return False

    def create(self, thing, dry_run=False):
        """What the server made of it. Raises Refused with its message; unknown fields are refused too."""
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.call("POST", self._path_of(thing) + query, thing)

    def wait_until_served(self, kind, version):
        """A custom resource is served a moment after its definition."""
        def served():
            self._resources.pop(version, None)
            with contextlib.suppress(Refused):
                return kind in self._kinds(version)
            return False
        wait_for(served, 30, lambda: f"{kind} to be served")

    def _path_of(self, thing):
        plural, namespaced = self._kinds(thing["apiVersion"])[thing["kind"]]
        inside = f"/namespaces/{thing['metadata']['namespace']}" if namespaced else ""
        return f"{self._root(thing['apiVersion'])}{inside}/{plural}"

    def _kinds(self, version):
        """{kind: (plural, namespaced)}"""
        if version not in self._resources:
            listed = self.call("GET", self._root(version))["resources"]
            self._resources[version] = {r["kind"]: (r["name"], r["namespaced"]) for r in listed if "/" not in r["name"]}
        return self._resources[version]

    @staticmethod
    def _root(version):
        return f"/apis/{version}" if "/" in version else f"/api/{version}"

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"https://127.0.0.1:{self._port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as reply:
                text = reply.read().decode()
                return json.loads(text) if text.startswith("{") else text
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                raise Refused(json.loads(text)["message"]) from None
            except ValueError:
                raise Refused(text) from None
