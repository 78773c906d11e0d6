"""The cluster under test: real processes whose links go through proxies, brought back whenever they die, each life with
the failpoints that the plan arms in it."""

import pathlib
import re
import time

from cluster import Cluster, Process
from plan import COORDINATORS, FOLLOWER, LEADER
from ports import free_ports
from proxy import Proxy

# A hung process is replaced after this long, as an operator or a liveness probe would.
HANG_S = 3.0


class Node:
    """One process and its lives."""

    def __init__(self, process, arms, environment):
        self.process = process
        self._environment = environment
        self.name = process.name
        self.lives = 0
        self.hits = []          # "name=effect" of failpoints that were passed, over all lives
        self.paused_until = None
        self._arms = arms
        self._armed = ""
        self._read = 0          # of its log
        self._hung_at = None
        self._start_at = None   # when a dead one comes back

    def start(self):
        self._armed = self._arms[self.lives] if self.lives < len(self._arms) else ""
        self.lives += 1
        self._hung_at = self._start_at = self.paused_until = None
        self.process.start(failpoints=self._armed, **self._environment)

    def kill(self, away_s):
        if not self.lives:
            return  # it hasn't joined yet
        self.process.kill()
        self._notice_hits(time.monotonic())  # what it wrote last belongs to this life
        self.paused_until = None
        self._start_at = time.monotonic() + away_s

    def pause(self, seconds):
        if self.process.running:
            self.process.pause()
            self.paused_until = time.monotonic() + seconds

    def tend(self):
        """Brings the process back when it died, hangs, or has paused long enough. True when something happened."""
        now = time.monotonic()
        if not self.lives:
            return False
        if self._start_at is not None:
            if now < self._start_at:
                return False
            self.start()
            return True
        hit = self._notice_hits(now)
        if not self.process.running:
            self.kill(0.2)
            return True
        if self.paused_until is not None and now >= self.paused_until:
            self.process.resume()
            self.paused_until = None
            return True
        if self._hung_at is not None and now >= self._hung_at + HANG_S:
            self.kill(0.2)
            return True
        return hit

    @property
    def undisturbed(self):
        return self.process.running and self.paused_until is None and self._hung_at is None

    def leads(self):
        """Of a coordinator. One that can't be asked at once doesn't."""
        try:
            return self.undisturbed and self.process.metrics(timeout_s=0.5).get(("weir_leader", ())) == 1
        except OSError:
            return False

    def _notice_hits(self, now):
        log = self.process.log_bytes()
        fresh, self._read = log[self._read:], len(log)
        found = False
        for name in re.findall(rb'failpoint hit.*?name=(\S+)', fresh):
            effect = dict(part.split("=") for part in self._armed.split(";") if part).get(name.decode(), "?")
            effect = effect.partition("@")[0].partition(":")[0]
            self.hits.append(f"{name.decode()}={effect}")
            found = True
            if effect == "hang":
                self._hung_at = now
        return found


class FaultCluster(Cluster):
    """The plan's processes. Every worker is reached by its peers, and reaches the coordinator, through a proxy; where there
    are two coordinators, each is reached through one by everybody, since one tells the address of the other. With a
    `network`, directly, from a namespace of its own. A `store` (lane.Store) is reached through a proxy. A worker that joins
    is made now and started later. REQUIRES: tend() is called often."""

    client_environment = {"WEIR_INSECURE": "true"}  # the network is another one than loopback

    def __init__(self, directory, plan, network=None, store=None, memory="256MiB"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._network = network
        self.links = {}
        data = self.directory / "data"
        if store is not None:
            self.links["store"] = Proxy(store.endpoint)
            data = f"{store.uri}/data" if plan.s3 else data
            plan.environment["AWS_ENDPOINT_URL"] = f"http://{self.links['store'].address}"
        self._has_standby = plan.coordinators > 1
        self._reached_at = []  # addresses of coordinators, as workers know them
        self.addresses = []    # as the command line does
        self.coordinators = [self._coordinator(name, data) for name in COORDINATORS[:plan.coordinators]]
        self.coordinator = self.coordinators[0]
        self.address = ",".join(self.addresses)
        joining = [action.target for action in plan.actions if action.kind == "join"]
        self.workers = [self._worker(i, plan.slots, memory) for i in range(plan.workers + len(joining))]
        processes = [*self.coordinators, *self.workers]
        for process in processes:
            process.binary = plan.binary or process.binary
        self.nodes = {p.name: Node(p, plan.arms.get(p.name, []), plan.environment) for p in processes}
        self._begin_with = [node for name, node in self.nodes.items() if name not in joining]

    def _coordinator(self, name, data):
        port, http = free_ports(2)
        listen = f"{self._host(name)}:{port}"
        self.addresses.append(listen)
        reached_at = listen
        if self._network is None and self._has_standby:
            self.links[f"{name}/control"] = Proxy(listen)
            reached_at = self.links[f"{name}/control"].address
        self._reached_at.append(reached_at)
        return self._process(name, http, ["coordinator", "--listen", listen, "--advertise", reached_at, "--data", data])

    def _worker(self, number, slots, memory):
        port, http = free_ports(2)
        name = f"worker-{number}"
        listen = f"{self._host(name)}:{port}"
        coordinator, advertise = ",".join(self._reached_at), listen
        if self._network is None:
            if not self._has_standby:
                self.links[f"{name}/control"] = Proxy(coordinator)
                coordinator = self.links[f"{name}/control"].address
            self.links[f"{name}/exchange"] = Proxy(listen)
            advertise = self.links[f"{name}/exchange"].address
        process = self._process(name, http, [
            "worker", "--coordinator", coordinator, "--listen", listen, "--advertise", advertise, "--slots", slots,
            "--memory", memory, "--cache", self.directory / f"cache-{number}"])
        process.address = advertise  # what `weir worker drain` takes
        return process

    def _host(self, name):
        return "127.0.0.1" if self._network is None else self._network.address(name)

    def _process(self, name, http_port, arguments):
        process = Process(self.directory, name, [*arguments, "--http", f"{self._host(name)}:{http_port}", "--insecure"],
                          http_port)
        process.http = f"http://{self._host(name)}:{http_port}"
        if self._network is not None:
            process.wrapper = self._network.command(name)
        return process

    def __enter__(self):
        try:
            for node in self._begin_with:
                node.start()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        super().close()
        for proxy in self.links.values():
            proxy.close()

    def node(self, target):
        """By name, or the coordinator that has the role now; without a leader it is any of them."""
        if target not in (LEADER, FOLLOWER):
            return self.nodes[target]
        coordinators = [self.nodes[c.name] for c in self.coordinators]
        leading = [node for node in coordinators if node.leads()] or coordinators[:1]
        return next((n for n in coordinators if (n in leading) == (target == LEADER)), leading[0])

    def tend(self):
        """How many processes were tended to, or fail just now."""
        return sum(node.tend() for node in self.nodes.values())

    def hits(self):
        return [hit for node in self.nodes.values() for hit in node.hits]
