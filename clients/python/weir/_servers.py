"""Which coordinator to ask: the one that leads, found by asking."""

from __future__ import annotations

import threading
import time
import typing

import grpc

from weir import errors
from weir._link import Link
from weir._stubs import job_pb2_grpc

# A call whose connection breaks is tried again that often.
_ATTEMPTS = 4
_PAUSE_S = 0.25
# While a coordinator stands by, another one leads or is about to.
_TAKEOVER_MAX_S = 15.0
_SERVERS_MAX = 16


class Server:
    def __init__(self, address: str, link: Link):
        self.address = address
        self.channel = link.channel(address)
        self.jobs = job_pb2_grpc.JobServiceStub(self.channel)
        self.cluster = job_pb2_grpc.ClusterServiceStub(self.channel)


class Servers:
    """The cluster's coordinators, the one that answered last first. Thread-safe."""

    def __init__(self, addresses: str, link: Link):
        """`addresses`: "host:port[,host:port...]"."""
        names = [name.strip() for name in addresses.split(",")]
        for name in names:
            _, colon, port = name.rpartition(":")
            if not colon or not port.isdigit():
                raise ValueError(f"coordinator {name!r} is not an address; accepted is HOST:PORT[,HOST:PORT...]")
        for name in names:
            if not link.allows(name):
                raise ValueError(f"coordinator {name!r} is beyond this machine, where plaintext could be read and forged: "
                                 "give tls=, or allow it with insecure=True")
        self._lock = threading.Lock()
        self._link = link
        self._servers = [Server(name, link) for name in names]

    @property
    def addresses(self) -> str:
        with self._lock:
            return ", ".join(server.address for server in self._servers)

    def close(self) -> None:
        with self._lock:
            for server in self._servers:
                server.channel.close()

    def reach(self, attempt: typing.Callable[[Server, float], typing.Any], timeout: float):
        """What `attempt` returns for the coordinator that leads, called with the seconds left.

        Tried again, here and elsewhere, when the connection breaks or another coordinator takes over.
        """
        began = time.monotonic()
        attempts = 0
        while True:
            attempts += 1
            stands_by: errors.NotLeaderError | None = None
            broken = False
            last: errors.WeirError | None = None
            for server in self._in_turn():
                left = max(0.001, timeout - (time.monotonic() - began))
                try:
                    answer = attempt(server, left)
                except grpc.RpcError as error:
                    last = errors.from_rpc(error, self.addresses)
                else:
                    self._prefer(server.address)
                    return answer
                if isinstance(last, errors.NotLeaderError):
                    stands_by = last
                    if last.leader:
                        self._learn(last.leader)
                elif isinstance(last, errors.ShuttingDownError):
                    broken = True
                elif isinstance(last, errors.CoordinatorUnreachableError):
                    broken = broken or not last.refused
                else:
                    self._prefer(server.address)
                    raise last from None
            assert last is not None
            # An attempt needs some time of its own, besides the pause.
            over = time.monotonic() - began + 4 * _PAUSE_S
            again = over < min(timeout, _TAKEOVER_MAX_S) if stands_by else broken and attempts < _ATTEMPTS
            if not again:
                raise (stands_by or last) from None
            time.sleep(_PAUSE_S)

    def _in_turn(self) -> typing.Iterator[Server]:
        """All servers, those learnt on the way included."""
        asked: set[str] = set()
        while True:
            with self._lock:
                server = next((s for s in self._servers if s.address not in asked), None)
            if server is None:
                return
            asked.add(server.address)
            yield server

    def _prefer(self, address: str) -> None:
        with self._lock:
            self._servers.sort(key=lambda server: server.address != address)

    def _learn(self, address: str) -> None:
        with self._lock:
            known = next((s for s in self._servers if s.address == address), None)
            if known is None and len(self._servers) < _SERVERS_MAX and self._link.allows(address):
                self._servers.insert(0, Server(address, self._link))
            elif known is not None:
                self._servers.sort(key=lambda server: server.address != address)
