"""A Weir cluster of real processes for tests: coordinators (one, unless said), some workers, on free ports of this machine.

    with Cluster(directory, workers=2) as cluster:
        job = cluster.submit(script, name="activity")
        cluster.wait(job["id"])

Processes keep their ports and directories over kill() and start(), so a restarted one is the same to its peers. What they
print stays in `directory` and is shown when one ends unexpectedly.
"""

import json
import os
import pathlib
import subprocess
import urllib.request

from ports import free_ports
from server_process import ServerError, ServerProcess, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIR = pathlib.Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))

START_TIMEOUT_S = 30
FINAL_STATES = ("STOPPED", "CANCELLED", "FINISHED", "FAILED")


class ClusterError(ServerError):
    """What the command line answered, or a job that ended otherwise than a test wants."""


class Process(ServerProcess):
    """One `weir` server process."""

    binary = WEIR
    wrapper = ()  # a command to run it by
    tls = None    # for HTTPS

    def __init__(self, directory, name, arguments, http_port):
        super().__init__(name, directory)
        self.http = f"http://127.0.0.1:{http_port}"
        self.environment = {}  # of every start
        self._arguments = [str(a) for a in arguments]
        self._directory = directory

    def start(self, failpoints=None, **environment):
        env = {**os.environ, **self.environment, **environment}
        env.pop("WEIR_FAILPOINTS", None)
        if failpoints:
            env["WEIR_FAILPOINTS"] = failpoints
        return self.run([*self.wrapper, self.binary, *self._arguments], env=env, cwd=self._directory)

    def wait_until_ready(self, timeout_s=START_TIMEOUT_S):
        self.wait_until(self._ready, timeout_s)

    def _ready(self):
        try:
            with urllib.request.urlopen(f"{self.http}/readyz", timeout=2, context=self.tls) as response:
                return response.status == 200
        except OSError:
            return False

    def metrics(self, timeout_s=5):
        """{(name, ((label, value), ...)): number} as scraped now."""
        with urllib.request.urlopen(f"{self.http}/metrics", timeout=timeout_s, context=self.tls) as response:
            return parse_metrics(response.read().decode())

    def metric_sum(self, name, **labels):
        """Sum of the metric's series that carry all these labels."""
        return sum(value for (n, series), value in self.metrics().items()
                   if n == name and set(labels.items()) <= set(series))

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ClusterError(f"{self.name} has no resident set")


class Cluster:
    client_environment = {}  # of the command line, besides where the coordinators are

    def __init__(self, directory, workers=2, slots=1, memory="512MiB", data=None, environment=None, coordinators=1,
                 **worker_environment):
        """`data`: a URI instead of a directory; `environment`: of all servers."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        ports = free_ports(2 * coordinators)
        self.addresses = [f"127.0.0.1:{port}" for port in ports[:coordinators]]
        self.address = ",".join(self.addresses)
        self.coordinators = [
            Process(self.directory, "coordinator" if i == 0 else f"coordinator-{i}", [
                "coordinator", "--listen", address, "--http", f"127.0.0.1:{http}", "--data",
                data or self.directory / "data"],
                http) for i, (address, http) in enumerate(zip(self.addresses, ports[coordinators:]))]
        self.coordinator = self.coordinators[0]
        self.workers = [self._make_worker(i, slots, memory) for i in range(workers)]
        self._worker_environment = worker_environment
        for process in [*self.coordinators, *self.workers]:
            process.environment = environment or {}

    def _make_worker(self, number, slots, memory):
        port, http = free_ports(2)
        process = Process(self.directory, f"worker-{number}", [
            "worker", "--coordinator", self.address, "--listen", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{http}",
            "--slots", slots, "--memory", memory, "--cache", self.directory / f"cache-{number}"], http)
        process.address = f"127.0.0.1:{port}"  # of its exchange: what `weir worker list` shows
        return process

    def add_worker(self, slots=1, memory="512MiB"):
        """A worker that joins the running cluster."""
        worker = self._make_worker(len(self.workers), slots, memory)
        self.workers.append(worker)
        worker.start(**self._worker_environment)
        worker.wait_until_ready()
        return worker

    def __enter__(self):
        try:
            self.start()
            for worker in self.workers:
                worker.wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def start(self, failpoints=None):
        """All processes; `failpoints` are the coordinators'. Workers may still be on their way to them afterwards."""
        for coordinator in self.coordinators:
            coordinator.start(failpoints=failpoints)
            coordinator.wait_until_ready()
        for worker in self.workers:
            worker.start(**self._worker_environment)

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends all that belongs to it."""
        self.kill()

    def kill(self):
        """All processes at once: first those that would act on the loss of the others."""
        for process in [*self.coordinators, *self.workers]:
            process.kill()

    def leader(self, timeout_s=10):
        """The coordinator that says it leads; waits until there is one, and only one."""
        found = []

        def look():
            found[:] = [c for c in self.coordinators if c.running and leads(c)]
            return len(found) == 1

        wait_for(look, timeout_s, lambda: f"one leader, not {[c.name for c in found]}:\n{self.logs()}")
        return found[0]

    # The command line, as a user has it.

    def run(self, *arguments, timeout_s=60):
        """`weir ARGUMENTS...`: the finished process, whatever its exit code."""
        env = {**os.environ, "WEIR_COORDINATOR": self.address, "NO_COLOR": "1",
               "WEIR_CONFIG": str(self.directory / "no-contexts.json"), **self.client_environment}
        return subprocess.run([str(WEIR), *map(str, arguments)], capture_output=True, text=True, timeout=timeout_s,
                              env=env, cwd=self.directory, stdin=subprocess.DEVNULL)

    def weir(self, *arguments, timeout_s=60):
        """The JSON that `weir ARGUMENTS... -o json` prints; raises unless it exits with 0."""
        done = self.run(*arguments, "-o", "json", timeout_s=timeout_s)
        if done.returncode != 0:
            raise ClusterError(f"weir {' '.join(map(str, arguments))} exits with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def submit(self, script, name="job", **variables):
        path = self.directory / f"{name}.sql"
        path.write_text(script)
        options = [part for key, value in variables.items() for part in ("--var", f"{key}={value}")]
        return self.weir("job", "submit", path, "--name", name, *options)

    def worker_states(self):
        """{address: state} as `weir worker list` shows them."""
        return {w["address"]: w["state"] for w in self.weir("worker", "list")["workers"]}

    def job(self, job):
        return self.weir("job", "get", job)

    def wait_job(self, job, condition, timeout_s=120, what="the condition"):
        """The job as soon as condition(job) holds; fails at once when it ends in another way."""
        seen = {}

        def check():
            seen.update(self.job(job))
            if condition(seen):
                return True
            if seen["state"] in FINAL_STATES:
                raise ClusterError(f"job ended as {seen['state']}: {seen.get('reason')}\n{self.logs()}")
            return False

        wait_for(check, timeout_s, lambda: f"{what}; the job is {json.dumps(seen, indent=1)}\n{self.logs()}")
        return seen

    def finish(self, job, timeout_s=120):
        """The bounded job after it ended by itself."""
        return self.wait_job(job, lambda j: j["state"] == "FINISHED", timeout_s, "the job to finish")

    def stop(self, job, timeout_s=60):
        self.weir("job", "stop", job)
        return self.wait_job(job, lambda j: j["state"] == "STOPPED", timeout_s, "the job to stop")

    def logs(self):
        return "\n".join(f"--- {p.name}\n{p.log_tail(15)}" for p in [*self.coordinators, *self.workers])


def leads(coordinator):
    try:
        return coordinator.metric_sum("weir_leader") == 1
    except OSError:
        return False


def parse_metrics(text):
    series = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name_and_labels, value = line.rsplit(" ", 1)
        name, _, labels = name_and_labels.partition("{")
        pairs = []
        for pair in labels.rstrip("}").split(","):
            if "=" in pair:
                key, _, quoted = pair.partition("=")
                pairs.append((key, quoted.strip('"')))
        series[(name, tuple(sorted(pairs)))] = float(value)
    return series
