"""How the client proves who it is, and the cluster that it is the cluster."""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import os
import pathlib

import grpc

_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.initial_reconnect_backoff_ms", 250),
            ("grpc.max_reconnect_backoff_ms", 500), ("grpc.min_reconnect_backoff_ms", 5000)]
# The DNS name that a coordinator's certificate carries, whatever its address is.
_COORDINATOR = "weir-coordinator"


@dataclasses.dataclass(frozen=True)
class Tls:
    """PEM files: the client's certificate (it names `weir-client`), its key, the authority of the cluster's."""

    cert: str | os.PathLike[str]
    key: str | os.PathLike[str]
    ca: str | os.PathLike[str]


class Link:
    """Makes the channels of one client. ValueError when its arguments don't fit together."""

    def __init__(self, tls: Tls | None, token: str | None, insecure: bool | None):
        self._credentials = _read(tls or _tls_of_environment())
        self._token = os.environ.get("WEIR_TOKEN", "") if token is None else token
        if insecure is None:
            insecure = os.environ.get("WEIR_INSECURE", "").lower() in ("1", "true", "on", "yes")
        self._insecure = insecure

    def allows(self, address: str) -> bool:
        """Whether `address` ("host:port") may be talked to: plaintext only on this machine."""
        if self._credentials is not None or self._insecure:
            return True
        host = address.rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def channel(self, address: str) -> grpc.Channel:
        if self._credentials is None:
            channel = grpc.insecure_channel(address, options=_OPTIONS)
        else:
            channel = grpc.secure_channel(address, self._credentials,
                                          options=[*_OPTIONS, ("grpc.ssl_target_name_override", _COORDINATOR)])
        return grpc.intercept_channel(channel, _WithToken(self._token)) if self._token else channel


def _tls_of_environment() -> Tls | None:
    files = [os.environ.get(f"WEIR_TLS_{name}", "") for name in ("CERT", "KEY", "CA")]
    if not any(files):
        return None
    if not all(files):
        raise ValueError("WEIR_TLS_CERT, WEIR_TLS_KEY and WEIR_TLS_CA go together: set all three or none")
    return Tls(*files)


def _read(tls: Tls | None) -> grpc.ChannelCredentials | None:
    if tls is None:
        return None
    cert, key, ca = (pathlib.Path(file).read_bytes() for file in (tls.cert, tls.key, tls.ca))
    return grpc.ssl_channel_credentials(ca, key, cert)


class _Details(collections.namedtuple("_Details", ("method", "timeout", "metadata", "credentials", "wait_for_ready",
                                                   "compression")), grpc.ClientCallDetails):
    pass


class _WithToken(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, token: str):
        self._metadata = ("authorization", f"Bearer {token}")

    def _with(self, details):
        return _Details(details.method, details.timeout, [*(details.metadata or ()), self._metadata], details.credentials,
                        details.wait_for_ready, details.compression)

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(self._with(details), request)

    def intercept_unary_stream(self, continuation, details, request):
        return continuation(self._with(details), request)
