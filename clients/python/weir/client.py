"""The client itself."""

from __future__ import annotations

import os
import time
import typing
import uuid

import grpc

from weir import errors, model
from weir._link import Link, Tls
from weir._servers import Server, Servers
from weir._stubs import job_pb2

DEFAULT_COORDINATOR = "127.0.0.1:7070"
_PAGE_SIZE = 500
# A watch goes on without a coordinator for so long: it may be starting again elsewhere.
_SILENCE_MAX_S = 120.0
_RECONNECT_PAUSE_S = 0.5
_NEVER_S = 1e9
_CLUSTER_METHODS = ("GetStatus", "ListWorkers", "DrainWorker")


class Client:
    """Talks to one cluster. Thread-safe. Close it, or use it in a `with` statement.

    `job` arguments are an id or a name; a name means the newest job of that name.
    With several coordinators, calls go to the one that leads, and on to the next when it fails.
    Every method raises a subclass of WeirError when the cluster refuses or can't be reached.
    `timeout` is seconds.
    """

    def __init__(self, coordinator: str | None = None, *, timeout: float = 60.0, tls: Tls | None = None,
                 token: str | None = None, insecure: bool | None = None):
        """`coordinator` is "host:port[,host:port...]" (default: WEIR_COORDINATOR, else 127.0.0.1:7070).

        `tls` are the files of mutual TLS (default: WEIR_TLS_CERT, WEIR_TLS_KEY and WEIR_TLS_CA; read now, so make a
        new client after they were replaced). `token` goes with every call (default: WEIR_TOKEN). Without `tls` a
        coordinator beyond this machine is refused, unless `insecure` (default: WEIR_INSECURE).
        """
        self._servers = Servers(coordinator or os.environ.get("WEIR_COORDINATOR") or DEFAULT_COORDINATOR,
                                Link(tls, token, insecure))
        self._timeout = timeout

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        self._servers.close()

    def submit(self, script: str, name: str, *, variables: typing.Mapping[str, str] | None = None,
               append: bool = False, validate_only: bool = False, from_job: str = "", from_epoch: int = 0,
               restore_tables: bool = False, drop_states: typing.Iterable[str] = (), replaces: str = "") -> model.Job:
        """Checks the script, its sources and tables, and runs it as a job. Repeated when the connection
        breaks, without making a second job.

        With `from_job` it goes on from that job's checkpoint `from_epoch` (0: its newest). Tables that hold rows of
        later epochs are refused, unless `restore_tables` takes those rows out. State that the script has no use for is
        refused unless `drop_states` names it. `replaces`, with `validate_only`: check as if that job had been stopped.
        """
        request = job_pb2.SubmitRequest(script=script, name=name, variables=variables or {}, append=append,
                                        validate_only=validate_only, request_id=str(uuid.uuid4()), from_job=from_job,
                                        from_epoch=from_epoch, restore_tables=restore_tables, drop_states=drop_states, replaces=replaces)
        return self._job("Submit", request)

    def get(self, job: str) -> model.Job:
        return self._job("Get", job_pb2.GetJobRequest(job=job))

    def list(self, *, live_only: bool = False) -> typing.Iterator[model.Job]:
        """All jobs, page by page as they are consumed."""
        request = job_pb2.ListJobsRequest(page_size=_PAGE_SIZE, live_only=live_only)
        while True:
            page = self._call("List", request)
            for job in page.jobs:
                yield model.from_message(model.Job, job)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch(self, job: str, *, timeout: float | None = None) -> typing.Iterator[model.Job]:
        """The job now, about once a second and at every change of state; ends after a final state.

        Survives a coordinator that goes away for up to two minutes. WaitTimeoutError after `timeout`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        seen: model.Job | None = None
        last_contact = time.monotonic()
        while True:
            try:
                for update in self._watch_once(seen.id if seen else job, deadline):
                    seen = update
                    last_contact = time.monotonic()
                    yield update
                    if update.state.is_final:
                        return
            except errors.WaitTimeoutError:
                raise self._timed_out(job, seen) from None
            except (errors.CoordinatorUnreachableError, errors.NotLeaderError, errors.ShuttingDownError):
                if seen is None or time.monotonic() - last_contact > _SILENCE_MAX_S:
                    raise
            if deadline is not None and time.monotonic() + _RECONNECT_PAUSE_S > deadline:
                raise self._timed_out(job, seen)
            time.sleep(_RECONNECT_PAUSE_S)

    def wait(self, job: str, *, timeout: float | None = None) -> model.Job:
        """The job at its end. JobFailedError when it failed or was cancelled."""
        last = None
        for last in self.watch(job, timeout=timeout):
            pass
        assert last is not None
        if last.state in (model.JobState.FAILED, model.JobState.CANCELLED):
            raise errors.JobFailedError(
                f"job {last.name} ({last.id}) is {last.state.value}: {last.reason or 'no reason given'}", last)
        return last

    def wait_until(self, job: str, condition: typing.Callable[[model.Job], bool], *,
                   timeout: float | None = None) -> model.Job:
        """The first update that meets `condition`. JobEndedError when the job ends before."""
        last = None
        for last in self.watch(job, timeout=timeout):
            if condition(last):
                return last
        assert last is not None
        raise errors.JobEndedError(f"job {last.name} ({last.id}) ended as {last.state.value} before that")

    def stop(self, job: str, *, timeout: float | None = None) -> model.Job:
        """Ends the job after a last checkpoint that is committed; returns when it has ended."""
        return self._end("Stop", job_pb2.StopRequest(job=job), timeout)

    def cancel(self, job: str, *, timeout: float | None = None) -> model.Job:
        """Ends the job at once; its tables stay as the last commit left them."""
        return self._end("Cancel", job_pb2.CancelRequest(job=job), timeout)

    def explain(self, script: str, *, variables: typing.Mapping[str, str] | None = None) -> str:
        """The plan of a script, as text."""
        request = job_pb2.ExplainRequest(script=script, variables=variables or {})
        return self._call("Explain", request).text

    def explain_job(self, job: str) -> str:
        """The plan of a submitted job, as text."""
        return self._call("Explain", job_pb2.ExplainRequest(job=job)).text

    def checkpoints(self, job: str) -> tuple[model.Checkpoint, ...]:
        """The retained checkpoints, newest first."""
        response = self._call("ListCheckpoints", job_pb2.ListCheckpointsRequest(job=job))
        return tuple(model.from_message(model.Checkpoint, c) for c in response.checkpoints)

    def checkpoint(self, job: str, *, savepoint: bool = False, timeout: float = 300.0) -> model.Checkpoint:
        """Takes a checkpoint now and returns when it is published. A savepoint is kept until it is dropped."""
        request = job_pb2.TriggerCheckpointRequest(job=job, savepoint=savepoint)
        return model.from_message(model.Checkpoint, self._call("TriggerCheckpoint", request, timeout))

    def drop_savepoint(self, job: str, epoch: int) -> model.Checkpoint:
        """Keeps the savepoint no longer than any other checkpoint; of an ended job as well."""
        request = job_pb2.DropSavepointRequest(job=job, epoch=epoch)
        return model.from_message(model.Checkpoint, self._call("DropSavepoint", request))

    def rescale(self, job: str, parallelism: int, *, timeout: float = 300.0) -> model.Job:
        """Moves the job to `parallelism` tasks per vertex behind a checkpoint; returns when they run."""
        request = job_pb2.RescaleRequest(job=job, parallelism=parallelism)
        return model.from_message(model.Job, self._call("Rescale", request, timeout))

    def workers(self) -> tuple[model.Worker, ...]:
        response = self._call("ListWorkers", job_pb2.ListWorkersRequest())
        return tuple(model.from_message(model.Worker, w) for w in response.workers)

    def drain_worker(self, worker: str, *, timeout: float = 300.0) -> model.Worker:
        """Moves the tasks of `worker` (address or id) elsewhere; returns when its process may end."""
        response = self._call("DrainWorker", job_pb2.DrainWorkerRequest(worker=worker), timeout)
        return model.from_message(model.Worker, response)

    def status(self) -> model.ClusterStatus:
        return model.from_message(model.ClusterStatus,
                                  self._call("GetStatus", job_pb2.GetStatusRequest()))

    # --- plain work ---

    def _call(self, method: str, request, timeout: float | None = None):
        def attempt(server: Server, left: float):
            service = server.cluster if method in _CLUSTER_METHODS else server.jobs
            return getattr(service, method)(request, timeout=left)

        return self._servers.reach(attempt, self._timeout if timeout is None else timeout)

    def _job(self, method, request) -> model.Job:
        return model.from_message(model.Job, self._call(method, request))

    def _watch_once(self, job: str, deadline: float | None) -> typing.Iterator[model.Job]:
        timeout = _NEVER_S if deadline is None else max(0.0, deadline - time.monotonic())

        def attempt(server: Server, left: float):
            # The first update tells whether this one leads.
            call = server.jobs.Watch(job_pb2.WatchRequest(job=job), timeout=None if deadline is None else left)
            return call, next(call, None)

        call, update = self._servers.reach(attempt, timeout)
        try:
            while update is not None:
                yield model.from_message(model.Job, update)
                update = next(call, None)
        except grpc.RpcError as error:
            raise errors.from_rpc(error, self._servers.addresses) from None
        finally:
            call.cancel()

    def _end(self, method, request, timeout: float | None) -> model.Job:
        """The server waits for the end within the call; a watch goes on where its patience is over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        call_timeout = self._timeout if timeout is None else min(timeout, self._timeout)
        job = model.from_message(model.Job, self._call(method, request, call_timeout))
        while not job.state.is_final:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            for job in self.watch(job.id, timeout=left):
                pass
        return job

    @staticmethod
    def _timed_out(job: str, seen: model.Job | None) -> errors.WaitTimeoutError:
        if seen is None:
            return errors.WaitTimeoutError(f"job {job} was not seen within the time given")
        return errors.WaitTimeoutError(
            f"job {seen.name} ({seen.id}) was still {seen.state.value} when the time given was over", seen)
