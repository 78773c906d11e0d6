"""Ports for servers of tests. Several test runs may go on beside one another on one machine."""

import fcntl
import functools
import itertools
import pathlib
import socket
import tempfile

# Below the ports that the kernel gives to outgoing connections (32768 and up): none of those can take a port between
# being chosen and being listened on.
FIRST = 10_000
SLICES = 40
SLICE_PORTS = 500


def free_ports(count):
    """Ports that nothing listens on now, all different, and that no other process gets from here."""
    found = []
    for port in itertools.islice(_slice(), SLICE_PORTS):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"no {count} free ports in a range of {SLICE_PORTS}")


@functools.cache
def _slice():
    """All ports that are this process's until it ends, round and round: one that a server just left comes last."""
    folder = pathlib.Path(tempfile.gettempdir()) / "weir-test-ports"
    folder.mkdir(exist_ok=True)
    for number in range(SLICES):
        lock = open(folder / str(number), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _slice.lock = lock  # held by the open file
        first = FIRST + number * SLICE_PORTS
        return itertools.cycle(range(first, first + SLICE_PORTS))
    raise RuntimeError(f"{SLICES} test processes hold ports already: see {folder}")


def _is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
