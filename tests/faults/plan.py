"""A fault plan expanded from a seed: a shape of job, a cluster, failpoints armed in the lives of its processes, and
actions at times. The same seed gives the same plan; how the processes interleave is up to the machine."""

import dataclasses
import random

from network import MODES as NETWORK_MODES
from proxy import MODES
from shapes import shapes

# How long faults go on; then comes the quiet phase.
FAULTS_S = 10

# Where each failpoint of the tree is passed, and from which pass to which it is worth arming: those that a job passes
# once are armed for the first. test_plan.py compares the names with the source; a failpoint that an ordinary job never
# passes (a rollback's) needs a test of its own instead.
COORDINATOR, WORKER = "coordinator", "worker"
COORDINATORS = [COORDINATOR, "standby"]
# A target that is resolved when its time has come: the coordinator that leads then, and the other one.
LEADER, FOLLOWER = "leader", "follower"
PARTS = "blob_store.before_complete"  # only where files are uploaded in parts; what comes after is the store's own step
FAILPOINTS = {
    "coordinator.before_submitted": (COORDINATOR, 1),
    "coordinator.after_submitted": (COORDINATOR, 1),
    "coordinator.before_started": (COORDINATOR, 2),
    "coordinator.after_started": (COORDINATOR, 2),
    "coordinator.before_first_manifest": (COORDINATOR, 1),
    "coordinator.after_first_manifest": (COORDINATOR, 1),
    "coordinator.after_captured": (COORDINATOR, 8),
    "coordinator.before_publish": (COORDINATOR, 6),
    "coordinator.after_publish": (COORDINATOR, 6),
    "coordinator.before_commit": (COORDINATOR, 8),
    "coordinator.after_commit": (COORDINATOR, 8),
    "coordinator.before_committed_record": (COORDINATOR, 2),
    "coordinator.after_committed_record": (COORDINATOR, 2),
    "coordinator.before_tidy_up": (COORDINATOR, 8),
    "coordinator.after_tidy_up": (COORDINATOR, 8),
    "coordinator.before_ended_record": (COORDINATOR, 1),
    "coordinator.after_ended_record": (COORDINATOR, 1),
    "lake.before_log_put": (COORDINATOR, 8),
    "lake.after_log_put": (COORDINATOR, 8),
    "lake.before_data_file_close": (WORKER, 8),
    "lake.after_data_file_close": (WORKER, 8),
    "lake.before_checkpoint": (COORDINATOR, 1),
    "lake.after_checkpoint": (COORDINATOR, 1),
    "worker.before_deploy": (WORKER, 2),
    "worker.after_deploy": (WORKER, 2),
    "worker.before_capture": (WORKER, 10),
    "worker.after_capture": (WORKER, 10),
    "worker.before_upload": (WORKER, 8),
    "worker.after_upload": (WORKER, 8),
    PARTS: (WORKER, 2),
    "blob_store.before_link": ("", 8),  # in all
    "blob_store.after_link": ("", 8),
    "state.before_upload": (WORKER, 8),
    "state.after_upload": (WORKER, 8),
}
EFFECTS = ["crash", "hang", "delay:1500", "error"]
# A job is given up at the fifth error of its tasks within 10 minutes; a plan stays below.
TASK_ERRORS_MAX = 3


@dataclasses.dataclass
class Action:
    at_s: float
    kind: str
    target: str = ""
    seconds: float = 0.0
    detail: str = ""
    after: str = ""  # not before this failpoint was passed

    def __str__(self):
        parts = [f"{self.at_s:5.2f} s", self.after and f"after {self.after}", self.kind, self.target, self.detail, f"for {self.seconds:.2f} s" if self.seconds else ""]
        return " ".join(part for part in parts if part)


@dataclasses.dataclass
class Plan:
    seed: int
    shape: str
    workers: int
    slots: int
    parallelism: int
    interval_ms: int
    partitions: int
    coordinators: int = 1     # the second one stands by
    namespaces: bool = False  # links by network namespaces, not by proxies
    s3: bool = False          # job data on MinIO behind a proxy, not in a directory
    s3_tables: bool = False   # tables likewise
    small_disk: str = ""      # a directory on a file system of its own, that actions fill: data, tables, cache-<n>
    faults_s: float = FAULTS_S
    binary: str = ""        # another than `weir`
    environment: dict = dataclasses.field(default_factory=dict)  # of all processes
    arms: dict = dataclasses.field(default_factory=dict)     # process: [failpoints of its first life, of its second...]
    actions: list = dataclasses.field(default_factory=list)  # in order of time

    def lines(self):
        """For people; one line each."""
        yield (f"shape {self.shape}, {'a standby, ' * (self.coordinators - 1)}{self.workers} workers of {self.slots} slots, "
               f"parallelism {self.parallelism}, "
               f"checkpoints every {self.interval_ms} ms, {self.partitions} partitions"
               f"{', network namespaces' if self.namespaces else ''}{', small disk for ' * bool(self.small_disk)}{self.small_disk}"
               f"{', job data on S3' * self.s3}{', tables on S3' * self.s3_tables}")
        for process, lives in sorted(self.arms.items()):
            for life, spec in enumerate(lives):
                if spec:
                    yield f"{process}, life {life}: {spec}"
        for action in self.actions:
            yield str(action)


class Expansion:
    """Draws a plan. Each `_draw_*` adds one fault and is named in KINDS."""

    def __init__(self, seed, root):
        self._root = root
        self._random = random.Random(f"plan {seed}")
        rng = self._random
        workers = rng.choice([1, 2, 2, 3])
        slots = rng.choice([1, 2])
        self.plan = Plan(
            seed=seed, shape=rng.choice(sorted(shapes())), workers=workers, slots=slots,
            parallelism=rng.choice([0, min(workers * slots, rng.choice([1, 2, 4])), workers * slots]),
            interval_ms=rng.choice([500, 500, 1000, 2000]), partitions=rng.choice([2, 3, 5]),
            namespaces=rng.random() < 0.35 and root)
        self.plan.s3 = rng.random() < 0.3 and not self.plan.namespaces
        self.plan.s3_tables = rng.random() < 0.3 and not self.plan.namespaces
        if shapes()[self.plan.shape].for_s3:
            # Few tasks and seldom checkpoints make files that are uploaded in parts.
            self.plan.namespaces, self.plan.s3_tables, self.plan.parallelism, self.plan.interval_ms = False, True, 1, 2000
        self._task_errors = 0

    def expand(self, kinds):
        rng = self._random
        drawn = [rng.choice(kinds) for _ in range(rng.randint(2, 6))]
        self.plan.coordinators = 2 if "leader" in drawn or rng.random() < 0.15 else 1
        for kind in drawn:
            getattr(self, f"_draw_{kind}")()
        self.plan.actions.sort(key=lambda a: a.at_s)
        return self.plan

    def _processes(self, role=""):
        """All of the role; '' = all. Without workers that join later."""
        coordinators = COORDINATORS[:self.plan.coordinators] if role != WORKER else []
        return coordinators + ([self._worker(i) for i in range(self.plan.workers)] if role != COORDINATOR else [])

    def _worker(self, number):
        return f"{WORKER}-{number}"

    def _at(self):
        return round(self._random.uniform(0.3, FAULTS_S), 2)

    def _add(self, kind, **more):
        self.plan.actions.append(Action(self._at(), kind, **more))
        return self.plan.actions[-1]

    def _draw_failpoint(self):
        rng = self._random
        name = rng.choice(sorted(set(FAILPOINTS) - {PARTS}))
        if shapes()[self.plan.shape].for_s3 and rng.random() < 0.5:
            name = PARTS
        where, passes = FAILPOINTS[name]
        effect = rng.choice(EFFECTS)
        process = rng.choice(self._processes(where))
        if effect == "error" and process.startswith(WORKER):
            if self._task_errors == TASK_ERRORS_MAX:
                effect = "crash"
            else:
                self._task_errors += 1
        lives = self.plan.arms.setdefault(process, [])
        # A second armed life makes the process fail again while it recovers.
        lives.append(f"{name}={effect}@{rng.randint(1, passes)}")

    def _draw_kill(self):
        self._add("kill", target=self._random.choice(self._processes()), seconds=round(self._random.uniform(0, 1.5), 2))

    def _draw_pause(self):
        self._add("pause", target=self._random.choice(self._processes()), seconds=self._pause_s())

    def _pause_s(self):
        return round(self._random.choice([self._random.uniform(0.1, 2), self._random.uniform(3.2, 6)]), 2)

    def _draw_leader(self):
        """Half of them twice: the one that took over fails as well."""
        for _ in range(self._random.choice([1, 2])):
            target = self._random.choice([LEADER, LEADER, FOLLOWER])
            if self._random.random() < 0.5:
                self._add("kill", target=target, seconds=round(self._random.uniform(0, 5), 2))
            else:
                self._add("pause", target=target, seconds=self._pause_s())

    def _draw_kill_all(self):
        self._add("kill_all", seconds=round(self._random.uniform(0, 1), 2))

    def _draw_link(self):
        if self.plan.namespaces:
            return self._add("net", target=self._random.choice(self._processes()), detail=self._random.choice(NETWORK_MODES),
                             seconds=round(self._random.uniform(0.3, 5), 2))
        if (self.plan.s3 or self.plan.s3_tables) and self._random.random() < 0.5:
            return self._add("link", target="store", detail=self._random.choice(MODES),
                             seconds=round(self._random.uniform(0.3, 5), 2))
        # "control" is how coordinators are reached: by one worker, or by all where there are two of them.
        side = self._random.choice(["control", "exchange"])
        role = COORDINATOR if side == "control" and self.plan.coordinators == 2 else WORKER
        self._add("link", target=f"{self._random.choice(self._processes(role))}/{side}", detail=self._random.choice(MODES),
                  seconds=round(self._random.uniform(0.3, 5), 2))

    def _draw_broker(self):
        how = self._random.choice(["kill", "stop", "pause"])
        self._add("broker", detail=how, seconds=round(self._random.uniform(0.3, 3), 2))

    def _draw_hog(self):
        self._add("hog", seconds=round(self._random.uniform(2, 6), 2))

    def _draw_disk(self):
        # A task that finds its disk full may fail three times before it is emptied.
        if self._task_errors > 0 or self.plan.small_disk or not self._root:
            return self._draw_hog()
        self._task_errors = TASK_ERRORS_MAX
        cache = f"cache-{self._random.randrange(self.plan.workers)}"
        self.plan.small_disk = self._random.choice([cache] + ["tables"] * (not self.plan.s3_tables) + ["data"] * (not self.plan.s3))
        self._add("fill", target=self.plan.small_disk, seconds=round(self._random.uniform(0.2, 1.2), 2))

    def _draw_clock(self):
        if self.plan.s3 or self.plan.s3_tables:  # which refuses signatures of another hour
            return self._draw_hog()
        self._add("clock", detail=self._random.choice(["+1 hour", "-1 hour", "+2 days", "-2 days"]))

    def _draw_rescale(self):
        self._add("rescale", detail=str(self._random.randint(1, self.plan.workers * self.plan.slots)))

    def _draw_savepoint(self):
        self._add("savepoint")

    def _draw_restart(self):
        """The job ends, and another goes on from one of its checkpoints."""
        rng = self._random
        how = f"{rng.choice(['stop', 'cancel'])} {rng.choice(['savepoint', 'savepoint', 'oldest', 'newest'])}"
        at = self._add("restart", detail=how).at_s
        if how.endswith("savepoint"):
            self.plan.actions.append(Action(round(rng.uniform(0.2, at), 2), "savepoint"))

    def _draw_drain(self):
        """By the command line, or by SIGTERM. Another process takes its place."""
        self._add("drain", target=self._random.choice(self._processes(WORKER)),
                  detail=self._random.choice(["command", "command", "signal"]), seconds=round(self._random.uniform(0, 2), 2))

    def _draw_join(self):
        """A worker more, and a job that uses its slots."""
        if any(action.kind == "join" for action in self.plan.actions):
            return self._draw_rescale()
        at = self._add("join", target=self._worker(self.plan.workers)).at_s
        more = (self.plan.workers + 1) * self.plan.slots
        self.plan.actions.append(Action(min(FAULTS_S, round(at + self._random.uniform(0.5, 2), 2)), "rescale", detail=str(more)))

    def _draw_partition(self):
        # Rows of a partition that wasn't known yet may be late, and with hops late for some of their windows only.
        if not shapes()[self.plan.shape].may_grow:
            return self._draw_hog()
        self._add("add_partition")

    def _draw_transaction(self):
        self._add("transaction", detail=self._random.choice(["commit", "abort"]))


KINDS = ["failpoint", "failpoint", "failpoint", "kill", "pause", "kill_all", "link", "link", "broker", "hog", "partition",
         "transaction", "disk", "clock", "rescale", "leader", "leader", "drain", "join",
         "savepoint", "restart", "restart"]


def expand(seed, kinds=None, root=True):
    """Without `root`, namespaces and small disks are left out: another plan, for machines that can't make them."""
    return Expansion(seed, root).expand(kinds or KINDS)
