"""Client of a Weir cluster: submit SQL jobs, watch them, stop them.

    from weir import Client

    with Client("127.0.0.1:7070") as client:
        job = client.submit(script, name="activity")
        job = client.wait(job.id, timeout=60)
"""

from weir._link import Tls
from weir._version import VERSION as __version__
from weir.client import Client
from weir.errors import (
    BrokersUnreachableError,
    CoordinatorUnreachableError,
    FromRefusedError,
    JobEndedError,
    JobFailedError,
    JobNotFoundError,
    JobNotRunningError,
    NameInvalidError,
    NameTakenError,
    NotAuthenticatedError,
    NotEnoughSlotsError,
    NotLeaderError,
    NotPermittedError,
    NotYetSupportedError,
    RequestInvalidError,
    RescaleUnderWayError,
    SavepointNotFoundError,
    ScriptInvalidError,
    ShuttingDownError,
    StorageUnavailableError,
    TableAheadError,
    TableOfAnotherJobError,
    TableRefusedError,
    TableTakenError,
    TopicNotFoundError,
    WaitTimeoutError,
    WeirError,
    WorkerLostError,
    WorkerNotFoundError,
)
from weir.model import CarriedState, Checkpoint, ClusterStatus, Insert, Job, JobState, Restart, Sink, Worker, WorkerState

__all__ = [
    "BrokersUnreachableError",
    "CarriedState",
    "Checkpoint",
    "Client",
    "ClusterStatus",
    "CoordinatorUnreachableError",
    "FromRefusedError",
    "Insert",
    "Job",
    "JobEndedError",
    "JobFailedError",
    "JobNotFoundError",
    "JobNotRunningError",
    "JobState",
    "NameInvalidError",
    "NameTakenError",
    "NotAuthenticatedError",
    "NotEnoughSlotsError",
    "NotLeaderError",
    "NotPermittedError",
    "NotYetSupportedError",
    "RequestInvalidError",
    "RescaleUnderWayError",
    "Restart",
    "SavepointNotFoundError",
    "ScriptInvalidError",
    "ShuttingDownError",
    "Sink",
    "StorageUnavailableError",
    "TableAheadError",
    "TableOfAnotherJobError",
    "TableRefusedError",
    "TableTakenError",
    "Tls",
    "TopicNotFoundError",
    "WaitTimeoutError",
    "WeirError",
    "Worker",
    "WorkerLostError",
    "WorkerNotFoundError",
    "WorkerState",
    "__version__",
]
