"""A network namespace for each process, on a bridge of this run's own, and ways to break their links: by the kernel, so
that the processes see what they would see in a real network. Needs root and iproute2; available() says."""

import os
import subprocess

MODES = ["down", "unreachable", "peers_unreachable", "one_way", "peers_one_way"]
# Nobody has this hardware address: frames to it vanish.
NOWHERE = "02:00:00:00:00:fe"


def ip(*arguments, check=True):
    return subprocess.run(["ip", *map(str, arguments)], check=check, capture_output=True, text=True)


def available():
    if os.geteuid() != 0:
        return False
    try:
        Network(["probe"]).close()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class Network:
    """`names` are the processes. The bridge's own address is where the broker listens."""

    _made = 0

    def __init__(self, names):
        Network._made += 1
        number = os.getpid() * 16 + Network._made % 16
        self._subnet = f"10.{64 + number // 250 % 128}.{number % 250}"
        self._prefix = f"wf{number % 1_000_000}"
        self.bridge_address = f"{self._subnet}.1"
        self._names = list(names)
        self._broken = {}
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        ip("link", "add", f"{self._prefix}b", "type", "bridge")
        ip("addr", "add", f"{self.bridge_address}/24", "dev", f"{self._prefix}b")
        ip("link", "set", f"{self._prefix}b", "up")
        for i, name in enumerate(self._names):
            space, outside = self._space(name), f"{self._prefix}v{i}"
            ip("netns", "add", space)
            ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", outside, "master", f"{self._prefix}b", "up")
            ip("-n", space, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")

    def _space(self, name):
        return f"{self._prefix}n{self._names.index(name)}"

    def address(self, name):
        return f"{self._subnet}.{10 + self._names.index(name)}"

    def command(self, name):
        """What to put before a command line to run it in the namespace of `name`."""
        return ["ip", "netns", "exec", self._space(name)]

    def close(self):
        for i, name in enumerate(self._names):
            ip("netns", "del", self._space(name), check=False)
            ip("link", "del", f"{self._prefix}v{i}", check=False)
        ip("link", "del", f"{self._prefix}b", check=False)

    # Faults. One at a time for each process.

    def cut(self, name, mode):
        """`down`: nothing passes, and nobody is told. `unreachable`: sending fails at once. `one_way`: what the process
        sends is lost, what is sent to it arrives. `peers_*`: the broker and the command line still reach it."""
        assert mode in MODES
        space = self._space(name)
        others = [self.address(other) for other in self._names if other != name]
        if not mode.startswith("peers_"):
            others.append(self.bridge_address)
        if mode == "down":
            self._break(name, ["link", "set", f"{self._prefix}v{self._names.index(name)}", "down"],
                        ["link", "set", f"{self._prefix}v{self._names.index(name)}", "up"])
        for other in others if mode != "down" else []:
            if mode.endswith("unreachable"):
                self._break(name, ["-n", space, "route", "add", "unreachable", f"{other}/32"],
                            ["-n", space, "route", "del", "unreachable", f"{other}/32"])
            else:
                self._break(name, ["-n", space, "neigh", "replace", other, "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent"],
                            ["-n", space, "neigh", "del", other, "dev", "eth0"])

    def _break(self, name, command, undo):
        ip(*command)
        self._broken.setdefault(name, []).append(undo)

    def heal(self, name):
        for undo in self._broken.pop(name, []):
            ip(*undo)
