"""Values that the client returns. Fields mean what they mean in proto/weir/v1/job.proto."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import typing

if typing.TYPE_CHECKING:
    from google.protobuf import timestamp_pb2


class JobState(str, enum.Enum):
    UNSPECIFIED = "JOB_STATE_UNSPECIFIED"
    CREATED = "CREATED"
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    CANCELLED = "CANCELLED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in (JobState.STOPPED, JobState.CANCELLED, JobState.FINISHED, JobState.FAILED)


@dataclasses.dataclass(frozen=True)
class Sink:
    id: str
    path: str
    table_version: int  # -1 before the first commit
    committed_epoch: int
    role: str  # "main", "late", "dead_letter"
    rows_committed: int


@dataclasses.dataclass(frozen=True)
class Insert:
    """One INSERT's account: records_in = records_used + bad_rows + late_rows + filtered_rows."""

    name: str
    sink: str
    records_in: int
    records_used: int
    bad_rows: int
    late_rows: int
    filtered_rows: int
    bad_by_reason: dict[str, int]


@dataclasses.dataclass(frozen=True)
class Restart:
    generation: int
    at: datetime.datetime | None
    reason: str


@dataclasses.dataclass(frozen=True)
class CarriedState:
    """Something that a checkpoint holds, and what a job that goes on from it does with it."""

    kind: str  # "positions", "windows" or "counters"
    name: str
    fate: str  # "kept", "dropped" or "empty"
    bytes: int
    partitions: int


class TableStatus(str, enum.Enum):
    UNSPECIFIED = "STATUS_UNSPECIFIED"
    STARTING = "STARTING"
    FRESH = "FRESH"
    STALE = "STALE"
    ENDED = "ENDED"


@dataclasses.dataclass(frozen=True)
class Suspect:
    """What holds a table back."""

    kind: str  # "job", "source", "partition", "task", "checkpoint" or "commit"
    name: str
    message: str


@dataclasses.dataclass(frozen=True)
class TableHealth:
    sink: str
    path: str
    role: str  # as Sink
    status: TableStatus
    summary: str  # one sentence
    age_ms: int  # since the last commit; -1 = none known
    limit_ms: int  # an age above it is stale
    suspects: tuple[Suspect, ...]  # the likeliest first; none unless stale


@dataclasses.dataclass(frozen=True)
class Job:
    name: str
    id: str
    state: JobState
    reason: str
    generation: int
    epoch: int  # last published; 0 = none yet
    lineage: str
    submitted_at: datetime.datetime | None
    parallelism: int
    # As of the last published epoch.
    records_in: int
    records_used: int
    bad_rows: int
    late_rows: int
    filtered_rows: int
    watermark: datetime.datetime | None
    # Live figures.
    lag_records: int
    live_records_in: int
    state_bytes: int
    state_keys: int
    live_watermark: datetime.datetime | None
    sinks: tuple[Sink, ...]
    inserts: tuple[Insert, ...]
    restarts: tuple[Restart, ...]
    last_checkpoint_at: datetime.datetime | None
    warnings: tuple[str, ...]
    script: str  # of get() only
    from_job: str  # id of the job whose checkpoint it went on from; or empty
    from_epoch: int
    checkpoint_problem: str  # why none was published for long; empty when all is well
    checkpoint_age_ms: int
    checkpoint_failures: int  # since the last one
    carried: tuple[CarriedState, ...]  # of submit() with from_job only
    tables: tuple[TableHealth, ...]  # as sinks: whether each is fresh, and who is to blame if not


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    epoch: int
    generation: int
    published_at: datetime.datetime | None
    duration_ms: int
    state_bytes: int
    state_files: int
    bytes_written: int
    committed: bool
    savepoint: bool  # kept until it is dropped


class WorkerState(str, enum.Enum):
    UNSPECIFIED = "WORKER_STATE_UNSPECIFIED"
    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"
    DRAINED = "DRAINED"
    LOST = "LOST"


@dataclasses.dataclass(frozen=True)
class Worker:
    id: str
    address: str
    slots: int
    slots_used: int
    memory_bytes: int
    memory_used_bytes: int
    version: str
    registered_at: datetime.datetime | None
    state: WorkerState


@dataclasses.dataclass(frozen=True)
class ClusterStatus:
    version: str
    data_uri: str
    workers: int
    slots: int
    slots_used: int
    jobs_running: int
    jobs_total: int
    http_address: str
    leader: str
    term: int


def from_message(cls, message):
    """The dataclass `cls` from the message of the same fields."""
    return cls(**{field.name: _value(message, field.name) for field in dataclasses.fields(cls)})


# In the order of the schema's numbers.
_ENUMS = {("Job", "state"): tuple(JobState), ("Worker", "state"): tuple(WorkerState),
          ("TableHealth", "status"): tuple(TableStatus)}
_NESTED = {"sinks": Sink, "inserts": Insert, "restarts": Restart, "carried": CarriedState, "tables": TableHealth,
           "suspects": Suspect}


def _value(message, name: str):
    value = getattr(message, name)
    if name in _NESTED:
        return tuple(from_message(_NESTED[name], element) for element in value)
    if (message.DESCRIPTOR.name, name) in _ENUMS:
        members = _ENUMS[message.DESCRIPTOR.name, name]
        return members[value if value < len(members) else 0]  # a newer cluster may have more
    if name == "bad_by_reason":
        return dict(value)
    if name == "warnings":
        return tuple(value)
    if hasattr(value, "ToDatetime"):
        return _time(value) if message.HasField(name) else None
    return value


def _time(timestamp: timestamp_pb2.Timestamp) -> datetime.datetime:
    """Microseconds; nanoseconds are cut off."""
    return (datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) +
            datetime.timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000))
