"""One seed: a plan performed on a real cluster, a quiet phase that must converge, and the checker's judgement."""

import concurrent.futures
import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import confluent_kafka

import reachability
from checker import Checker
from cluster import FINAL_STATES
from ledger import Stream, truth
from nodes import FaultCluster
from places import Directory
from plan import FOLLOWER, LEADER
from server_process import ServerError
from shapes import shapes
from watcher import Watcher

LOOK_S = 0.03
# From the last disturbance to a job without lag, all of it committed. The longest waits in Weir are some seconds (10 s
# between looks for new partitions, 10 s after a fourth task error); the rest is for a machine that others use as well.
CONVERGE_S = 90
STOP_S = 60
OPERATOR_S = 15  # for what an operator asks for by the way
# A submit that nobody waits for any more may still make its job, also after another one of the name has ended.
SUBMIT_S = 60


@dataclasses.dataclass
class Outcome:
    seed: int
    shape: str
    faults: list = dataclasses.field(default_factory=list)      # kinds performed, failpoints passed
    violations: list = dataclasses.field(default_factory=list)  # what the checker found
    error: str = ""                                             # what went wrong otherwise
    records: int = 0
    versions: int = 0
    generations: int = 0
    converge_s: float = 0
    check_s: float = 0
    total_s: float = 0

    @property
    def ok(self):
        return not self.violations and not self.error


# Exit codes of the command line.
NOT_FOUND, REFUSED = 4, 5
CLOCK_STEPS_US = {"+1 hour": 3_600_000_000, "-1 hour": -3_600_000_000, "+2 days": 172_800_000_000,
                  "-2 days": -172_800_000_000}
SMALL_DISK = "48m"


class SeedRun:
    """REQUIRES: `kafka` runs, and nobody else uses it meanwhile. With plans that use namespaces or small disks, that the
    machine can (see network.available()). `brokers` is the broker's address as the processes see it."""

    def __init__(self, kafka, directory, plan, network=None, brokers=None, store=None):
        self._kafka = kafka
        self._store = store
        self._network = network
        self._brokers = brokers or kafka.brokers
        self._directory = pathlib.Path(directory)
        self._plan = plan
        self._shape = shapes()[plan.shape]
        self._tables = self._directory / "tables"  # or a copy of those on S3
        self._tables_uri = f"{store.uri}/tables" if plan.s3_tables else str(self._tables)
        options = dataclasses.replace(self._shape.stream, partitions=plan.partitions)
        self._topic = f"faults-{plan.seed}-{time.time_ns()}"
        kafka.create_topic(self._topic, partitions=plan.partitions)
        self._stream = Stream(kafka, self._topic, options, plan.seed)
        self._until = {}        # what is undone when its time has come: {(kind, target): (time, function)}
        self._background = concurrent.futures.ThreadPoolExecutor(1, "background")
        self._tasks = []
        self._operators = concurrent.futures.ThreadPoolExecutor(4, "operator")
        self._asked = []        # of operators: (what they wait for, what to do then)
        self._job = None        # the id of the one that runs, or ran last
        self._jobs = 0          # how many there were
        self._went_on = []      # from which epochs those after the first did
        self._savepoints = []   # (job, epoch) of those that were acknowledged
        self._to_come = []         # actions to come
        self._begin = None      # of the faults
        self._restarting = False
        self._clock_us = 0      # offset of the processes' wall clock
        self._clock_file = self._directory / "clock"
        plan.environment["WEIR_TEST_CLOCK_OFFSET_FILE"] = str(self._clock_file)
        self._callers = concurrent.futures.ThreadPoolExecutor(1, "command line")
        self._refusal = ""      # what the command line said last when it failed
        self._disturbed_at = 0.0
        self._outcome = Outcome(plan.seed, plan.shape)
        self._cluster = None

    def run(self):
        begin = time.monotonic()
        self._tables.mkdir(parents=True)
        if self._plan.small_disk:
            self._disk().mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "weir-faults", self._disk()], check=True)
        try:
            return self._run(begin)
        finally:
            if self._plan.small_disk:
                subprocess.run(["umount", "-l", self._disk()], check=True)

    def _disk(self):
        name = self._plan.small_disk
        return self._tables if name == "tables" else self._directory / "cluster" / name

    def _run(self, begin):
        place = self._store.place / "tables" if self._plan.s3_tables else Directory(self._tables)
        watcher = Watcher(place, [sink.replace("#", "-") for sink in self._shape.tables], self._job_logs)
        try:
            with FaultCluster(self._directory / "cluster", self._plan, self._network,
                              self._store) as self._cluster:
                self._drive()
        except (ServerError, RuntimeError, confluent_kafka.KafkaException) as error:
            self._outcome.error = f"{type(error).__name__}: {error}"
        finally:
            for _, undo in self._until.values():
                undo()
            self._background.shutdown()
            self._callers.shutdown()
            self._operators.shutdown()
            self._stream.end()
            self._outcome.violations += watcher.close()
        self._outcome.faults += self._cluster.hits() if self._cluster else []
        self._judge(complete=not self._outcome.error)
        self._outcome.total_s = time.monotonic() - begin
        return self._outcome

    def _drive(self):
        self._submit()
        self._stream.start()
        self._begin = time.monotonic()
        self._to_come = list(self._plan.actions)
        while self._to_come or time.monotonic() < self._begin + self._plan.faults_s:
            if time.monotonic() > max(self._begin + self._plan.faults_s, self._disturbed_at) + CONVERGE_S:
                raise RuntimeError(f"never came to: {self._to_come[0]}")
            self._pass_time()
        while self._until or self._asked or not all(task.done() for task in self._tasks):
            self._pass_time()
        for task in self._tasks:
            task.result()
        self._stream.close()
        self._converge()
        self._look_for_savepoints()
        self._outcome.generations = self._end_job("stop", "STOPPED")["generation"]

    def _was_passed(self, failpoint):
        return not failpoint or any(hit.startswith(f"{failpoint}=") for hit in self._cluster.hits())

    def _perform_what_is_due(self):
        while self._to_come and time.monotonic() >= self._begin + self._to_come[0].at_s and self._was_passed(self._to_come[0].after):
            if self._to_come[0].kind == "restart" and self._restarting:
                return  # one after the other
            self._perform(self._to_come.pop(0))

    # Actions. One with `seconds` is undone then.

    def _perform(self, action):
        key = (action.kind, action.target.partition("/")[0])
        if key in self._until:
            return  # the one before isn't over
        undo = getattr(self, f"_do_{action.kind}")(action)
        if undo is not None:
            self._until[key] = (time.monotonic() + action.seconds, undo)
        store = action.target if action.target == "store" else ""
        role = action.target if action.target in (LEADER, FOLLOWER) else ""
        detail = "" if action.kind == "rescale" else action.detail
        self._outcome.faults.append(" ".join(filter(None, [action.kind, store, role, detail])))
        self._disturbed_at = time.monotonic()

    def _do_kill(self, action):
        self._cluster.node(action.target).kill(action.seconds)

    def _do_kill_all(self, action):
        for node in self._cluster.nodes.values():
            node.kill(action.seconds)

    def _do_pause(self, action):
        self._cluster.node(action.target).pause(action.seconds)

    def _do_link(self, action):
        link = self._cluster.links[action.target]
        link.set_mode(action.detail)
        return lambda: link.set_mode("pass")

    def _do_net(self, action):
        self._network.cut(action.target, action.detail)
        return lambda: self._network.heal(action.target)

    def _do_fill(self, action):
        ballast = self._disk() / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass  # full
        return ballast.unlink

    def _do_clock(self, action):
        self._clock_us += CLOCK_STEPS_US[action.detail]
        fresh = self._clock_file.with_suffix(".new")
        fresh.write_text(str(self._clock_us))
        fresh.rename(self._clock_file)

    def _do_broker(self, action):
        def broker_away():
            getattr(self._kafka, action.detail)()
            time.sleep(action.seconds)  # how long the fault lasts
            self._kafka.resume() if action.detail == "pause" else self._kafka.start()

        self._tasks.append(self._background.submit(broker_away))

    def _do_hog(self, action):
        hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]

        def end():
            for hog in hogs:
                hog.kill()
                hog.wait()
        return end

    def _do_add_partition(self, action):
        def ask(count):
            try:
                self._kafka.add_partitions(self._topic, count)
            except confluent_kafka.KafkaException as error:
                # It has as many already: an attempt whose answer was lost.
                if error.args[0].code() != confluent_kafka.KafkaError.INVALID_PARTITIONS:
                    raise

        def grow():
            count = self._stream.partitions
            retry(lambda: ask(count + 1), 60)
            self._stream.add_partition(count)

        self._tasks.append(self._background.submit(grow))

    def _do_rescale(self, action):
        # Refused or lost when the coordinator is away: then the job stays as it is.
        self._callers.submit(self._cluster.run, "job", "rescale", self._job, "--parallelism", action.detail, "--timeout", "5s",
                             timeout_s=10)

    def _do_savepoint(self, action):
        job = self._job

        def note(answer):
            # One without an answer may exist or not, like one that was refused.
            if answer.exception() is None:
                self._savepoints.append((job, answer.result()["epoch"]))

        asked = self._operators.submit(self._cluster.weir, "job", "checkpoint", job, "--savepoint", timeout_s=OPERATOR_S)
        self._asked.append((asked, note))

    def _do_restart(self, action):
        how, which = action.detail.split()
        self._restarting = True
        self._await("an epoch to go on from", lambda job: job["epoch"] > 0)
        self._end_job(how, {"stop": "STOPPED", "cancel": "CANCELLED"}[how])
        epoch = self._choose_epoch(which)
        self._went_on.append(epoch)
        self._submit("--from", f"{self._job}@{epoch}", "--restore-tables")
        self._restarting = False

    def _do_drain(self, action):
        node = self._cluster.nodes[action.target]
        if not node.process.running:
            return
        if action.detail == "signal":  # it is started again when it has ended
            return node.process.terminate()

        def replace(answer):
            # Refused when no other worker is there: then it stays. Otherwise it is drained, or began to be.
            if answer.exception() is not None or answer.result().returncode not in (REFUSED, NOT_FOUND):
                node.kill(action.seconds)

        asked = self._operators.submit(self._cluster.run, "worker", "drain", node.process.address, timeout_s=OPERATOR_S)
        self._asked.append((asked, replace))

    def _do_join(self, action):
        self._cluster.nodes[action.target].start()

    def _do_transaction(self, action):
        self._stream.transaction(commit=action.detail == "commit")

    def _pass_time(self):
        if self._cluster.tend():
            self._disturbed_at = time.monotonic()
        for answer, then in [(answer, then) for answer, then in self._asked if answer.done()]:
            self._asked.remove((answer, then))
            then(answer)
            self._disturbed_at = time.monotonic()
        for key, (at, undo) in list(self._until.items()):
            if time.monotonic() >= at:
                del self._until[key]
                undo()
                self._disturbed_at = time.monotonic()
        self._perform_what_is_due()
        if self._stream.trouble:
            raise RuntimeError(f"producer: {self._stream.trouble}")
        time.sleep(LOOK_S)  # between two looks

    # The job, through the command line, while processes come and go.

    def _ask(self, *arguments, timeout_s=10):
        """JSON that `weir` prints, or None when it fails or takes long. The cluster is tended to meanwhile."""
        answer = self._callers.submit(self._cluster.weir, *arguments, timeout_s=timeout_s)
        while not answer.done():
            self._pass_time()
        try:
            return answer.result()
        except (ServerError, subprocess.TimeoutExpired) as error:
            self._refusal = str(error)
            return None

    def _submit(self, *options):
        self._jobs += 1
        name = f"job-{self._jobs}"
        script = self._directory / f"{name}.sql"
        script.write_text(self._shape.script(self._plan.interval_ms, self._plan.parallelism))
        begin = time.monotonic()
        while time.monotonic() < max(begin, self._disturbed_at) + SUBMIT_S:
            self._pass_time()
            listed = self._ask("job", "list")
            if listed is None:
                continue
            ids = [job["id"] for job in listed["jobs"] if job["name"] == name]
            if ids:  # a submit that answered, or one that lost its answer
                self._job = ids[0]
                return
            self._ask("job", "submit", script, "--name", name, *options, "--var", f"BROKERS={self._brokers}",
                      "--var", f"TOPIC={self._topic}", "--var", f"TABLES={self._tables_uri}", timeout_s=SUBMIT_S)
        raise RuntimeError(f"{name} can't be submitted: {self._refusal}")

    def _await(self, what, condition):
        begin = time.monotonic()
        while True:
            self._pass_time()
            seen = self._ask("job", "get", self._job)
            if seen is not None:
                self._fail_if_ended(seen)
                if condition(seen):
                    return
            if time.monotonic() > max(begin, self._disturbed_at) + CONVERGE_S:
                raise RuntimeError(f"waited {CONVERGE_S} s for {what}: {json.dumps(seen)}")

    def _checkpoints(self):
        begin = time.monotonic()
        while time.monotonic() < max(begin, self._disturbed_at) + CONVERGE_S:
            self._pass_time()
            listed = self._ask("job", "checkpoint", self._job, "--list")
            if listed is not None:
                return {checkpoint["epoch"]: checkpoint for checkpoint in listed["checkpoints"]}
        raise RuntimeError(f"the checkpoints can't be listed: {self._refusal}")

    def _choose_epoch(self, which):
        """Of the job, which has ended. Without a savepoint it is the oldest one kept."""
        kept = self._checkpoints()
        epochs = [epoch for epoch, checkpoint in kept.items() if which != "savepoint" or checkpoint["savepoint"]]
        self._look_for_savepoints(kept)
        return max(kept) if which == "newest" else min(epochs or kept)

    def _look_for_savepoints(self, kept=None):
        kept = self._checkpoints() if kept is None else kept
        lost = [epoch for job, epoch in self._savepoints if job == self._job and not kept.get(epoch, {}).get("savepoint")]
        if lost:
            self._outcome.violations.append(f"{self._job}: the savepoints of the epochs {lost} are gone")

    def _converge(self):
        begin = max(self._disturbed_at, time.monotonic())
        ends = sum(1 for _ in self._messages())
        seen = None
        while True:
            self._pass_time()
            seen = self._ask("job", "get", self._job) or seen
            now = time.monotonic()
            if seen is not None:
                self._fail_if_ended(seen)
                if seen["records_in"] == ends and not seen["lag_records"] and seen["state"] == "RUNNING":
                    break
            if now > max(begin, self._disturbed_at) + CONVERGE_S:
                raise RuntimeError(f"not converged {CONVERGE_S} s after the last disturbance: {ends} records in the topic, "
                                   f"the job is {json.dumps(seen)}")
        self._outcome.converge_s = now - max(begin, self._disturbed_at)
        self._outcome.records = ends

    def _fail_if_ended(self, job, accepted=()):
        if job["state"] in FINAL_STATES and job["state"] not in accepted:
            raise RuntimeError(f"the job ended as {job['state']}: {job.get('reason')}")

    def _end_job(self, command, state):
        """The job after it ended."""
        asked, seen = 0.0, None
        begin = time.monotonic()
        while seen is None or seen["state"] != state:
            self._pass_time()
            if time.monotonic() > asked + 5:  # a coordinator that dies forgets that it was asked
                self._ask("job", command, self._job)
                asked = time.monotonic()
            seen = self._ask("job", "get", self._job) or seen
            if seen is not None:
                self._fail_if_ended(seen, accepted=[state])
            if time.monotonic() > max(begin, self._disturbed_at) + STOP_S:
                raise RuntimeError(f"not {state} within {STOP_S} s: {json.dumps(seen)}")
        return seen

    # Judgement.

    @contextlib.contextmanager
    def _job_data(self):
        """A directory with job data, or a copy of it."""
        if not self._plan.s3:
            yield self._directory / "cluster" / "data"
            return
        with tempfile.TemporaryDirectory(dir=self._directory) as copied:
            self._store.place.copy(copied, "data/jobs/")
            yield pathlib.Path(copied, "data")

    def _job_logs(self):
        with self._job_data() as data:
            return reachability.job_logs(data)

    def _messages(self):
        return self._kafka.read(self._topic)

    def _judge(self, complete):
        begin = time.monotonic()
        if self._plan.s3_tables:
            (self._store.place / "tables").copy(self._tables)
        rows, wrong = truth(self._stream, self._messages())
        checker = Checker(self._shape, self._tables, rows, self._plan.partitions, self._went_on)
        self._outcome.violations += wrong + checker.check(complete)
        self._outcome.versions = checker.versions()
        with self._job_data() as data:
            self._outcome.violations += reachability.audit(data).missing
        self._outcome.check_s = time.monotonic() - begin


def retry(call, timeout_s):
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return call()
        except (ServerError, confluent_kafka.KafkaException, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)  # between two attempts
