"""What can go wrong, one class for each stable reason of the API."""

from __future__ import annotations

import typing

import grpc
from google.rpc import error_details_pb2, status_pb2

if typing.TYPE_CHECKING:
    from weir.model import Job

_DETAILS_KEY = "grpc-status-details-bin"


class WeirError(Exception):
    """Any error of a cluster. `reason` is stable; `message` is for people and may change.

    `code` is the gRPC status by name ("NOT_FOUND"), `places` tells what of the request is wrong, `leader` is the
    coordinator to ask instead.
    """

    reason = ""
    leader = ""

    def __init__(self, message: str, *, reason: str = "", code: str = "",
                 places: tuple[tuple[str, str], ...] = ()):
        super().__init__(message)
        self.message = message
        self.code = code
        self.places = places
        if reason:
            self.reason = reason


class ScriptInvalidError(WeirError):
    reason = "SCRIPT_INVALID"


class NameInvalidError(WeirError):
    reason = "NAME_INVALID"


class NameTakenError(WeirError):
    """A live job has that name."""

    reason = "NAME_TAKEN"


class JobNotFoundError(WeirError):
    reason = "JOB_NOT_FOUND"


class JobEndedError(WeirError):
    reason = "JOB_ENDED"


class JobNotRunningError(WeirError):
    reason = "JOB_NOT_RUNNING"


class SavepointNotFoundError(WeirError):
    reason = "SAVEPOINT_NOT_FOUND"


class RescaleUnderWayError(WeirError):
    """The job is on its way to another parallelism."""

    reason = "RESCALE_UNDER_WAY"


class NotEnoughSlotsError(WeirError):
    """The other workers have fewer slots than that needs."""

    reason = "NOT_ENOUGH_SLOTS"


class WorkerNotFoundError(WeirError):
    reason = "WORKER_NOT_FOUND"


class WorkerLostError(WeirError):
    """The worker left before it was drained; its jobs go on from their last checkpoints."""

    reason = "WORKER_LOST"


class TopicNotFoundError(WeirError):
    reason = "TOPIC_NOT_FOUND"


class BrokersUnreachableError(WeirError):
    reason = "BROKERS_UNREACHABLE"


class TableRefusedError(WeirError):
    """The table can't be written: another schema, a protocol Weir doesn't know, no permission."""

    reason = "TABLE_REFUSED"


class TableTakenError(WeirError):
    """A live job writes the table."""

    reason = "TABLE_TAKEN"


class TableOfAnotherJobError(WeirError):
    """The table holds rows of an earlier job of that name; submit with append=True to go on."""

    reason = "TABLE_OF_ANOTHER_JOB"


class TableAheadError(WeirError):
    """A table holds rows from after the checkpoint to go on from."""

    reason = "TABLE_AHEAD"


class FromRefusedError(WeirError):
    """The script can't go on from that checkpoint."""

    reason = "FROM_REFUSED"


class RequestInvalidError(WeirError):
    reason = "REQUEST_INVALID"


class StorageUnavailableError(WeirError):
    reason = "STORAGE_UNAVAILABLE"


class NotYetSupportedError(WeirError):
    reason = "NOT_YET_SUPPORTED"


class NotAuthenticatedError(WeirError):
    """The cluster asks for a token, or doesn't know this one."""

    reason = "NOT_AUTHENTICATED"


class NotPermittedError(WeirError):
    """The token's role, or the certificate, doesn't allow that call."""

    reason = "NOT_PERMITTED"


class ShuttingDownError(WeirError):
    reason = "SHUTTING_DOWN"


class NotLeaderError(WeirError):
    """The coordinator stands by; the client follows to `leader`, and raises this when nobody leads for long."""

    reason = "NOT_LEADER"


class CoordinatorUnreachableError(WeirError, ConnectionError):
    """No coordinator answered; made by the client. `refused`: nobody listens there."""

    reason = "COORDINATOR_UNREACHABLE"
    refused = False


class WaitTimeoutError(WeirError, TimeoutError):
    """The time given was over first; the job goes on. Made by the client.

    `job` is the job as it was seen last, None when it was not.
    """

    reason = "WAIT_TIMEOUT"

    def __init__(self, message: str, job: Job | None = None, *, code: str = "DEADLINE_EXCEEDED"):
        super().__init__(message, code=code)
        self.job = job


class JobFailedError(WeirError):
    """The job that was waited for failed or was cancelled: `job`. Made by the client."""

    reason = "JOB_FAILED"

    def __init__(self, message: str, job: Job):
        super().__init__(message)
        self.job = job


_MADE_BY_THE_API = {
    cls.reason: cls
    for cls in (ScriptInvalidError, NameInvalidError, NameTakenError, JobNotFoundError, JobEndedError,
                SavepointNotFoundError, JobNotRunningError, TopicNotFoundError, BrokersUnreachableError, TableRefusedError,
                TableTakenError, TableOfAnotherJobError, TableAheadError, FromRefusedError, RequestInvalidError, StorageUnavailableError,
                NotYetSupportedError, NotAuthenticatedError, NotPermittedError, ShuttingDownError, RescaleUnderWayError,
                NotEnoughSlotsError,
                WorkerNotFoundError, WorkerLostError, NotLeaderError)
}


def from_rpc(error: grpc.RpcError, address: str) -> WeirError:
    """The exception for a failed call. A reason of a newer server becomes a plain WeirError."""
    code = error.code()
    message = error.details() or code.name
    reason, places, leader = _details(error)
    if not reason and code == grpc.StatusCode.UNAVAILABLE:
        unreachable = CoordinatorUnreachableError(
            f"cannot reach a coordinator at {address}: {message}; start one with `weir dev`, or give "
            "the address of yours", code=code.name)
        unreachable.refused = "failed to connect" in message or "DNS resolution failed" in message
        return unreachable
    if not reason and code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return WaitTimeoutError(f"the coordinator at {address} did not answer in time")
    made = _MADE_BY_THE_API.get(reason, WeirError)(message, reason=reason, code=code.name, places=places)
    made.leader = leader
    return made


def _details(error: grpc.RpcError) -> tuple[str, tuple[tuple[str, str], ...], str]:
    reason = ""
    leader = ""
    places: list[tuple[str, str]] = []
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS_KEY:
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info = error_details_pb2.ErrorInfo()
            bad_request = error_details_pb2.BadRequest()
            if detail.Unpack(info):
                reason = info.reason
                leader = info.metadata.get("leader", "")
            elif detail.Unpack(bad_request):
                places.extend((v.field, v.description) for v in bad_request.field_violations)
    return reason, tuple(places), leader
