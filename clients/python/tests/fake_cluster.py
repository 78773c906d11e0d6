"""An API server in this process whose answers a test decides."""

import concurrent.futures
import contextlib

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from weir.v1 import job_pb2, job_pb2_grpc


class FakeCluster(job_pb2_grpc.JobServiceServicer, job_pb2_grpc.ClusterServiceServicer):
    """Fields are set before the call; `requests` holds what came, by method."""

    def __init__(self):
        self.job = job_pb2.Job(name="activity", id="activity-0a1b2c3d", state=job_pb2.RUNNING)
        self.streams = []       # one per Watch call: a list of jobs, an exception of abort() at its end
        self.pages = []
        self.error = None       # (code, message, reason, places[, leader]) of every unary call
        self.fail_first = 0     # that many calls break with UNAVAILABLE and no reason
        self.requests = []

    @contextlib.contextmanager
    def serving(self, address="127.0.0.1:0"):
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        job_pb2_grpc.add_JobServiceServicer_to_server(self, server)
        job_pb2_grpc.add_ClusterServiceServicer_to_server(self, server)
        port = server.add_insecure_port(address)
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()

    def _answer(self, request, context, response):
        self.requests.append(request)
        if self.fail_first:
            self.fail_first -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if self.error:
            abort(context, *self.error)
        return response

    def Submit(self, request, context):
        return self._answer(request, context, self.job)

    def Get(self, request, context):
        return self._answer(request, context, self.job)

    def List(self, request, context):
        number = int(request.page_token or 0)
        page = job_pb2.ListJobsResponse(jobs=self.pages[number] if self.pages else [])
        if number + 1 < len(self.pages):
            page.next_page_token = str(number + 1)
        return self._answer(request, context, page)

    def Watch(self, request, context):
        self.requests.append(request)
        if self.error:
            abort(context, *self.error)
        for job in self.streams.pop(0) if self.streams else []:
            if job == "hang":
                while context.is_active():
                    yield self.job
            elif job == "break":
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            else:
                yield job

    def Stop(self, request, context):
        return self._answer(request, context, self.job)

    def Cancel(self, request, context):
        return self._answer(request, context, self.job)

    def Explain(self, request, context):
        return self._answer(request, context, job_pb2.ExplainResponse(text="vertex 0"))

    def ListCheckpoints(self, request, context):
        response = job_pb2.ListCheckpointsResponse(checkpoints=[job_pb2.Checkpoint(epoch=9), job_pb2.Checkpoint(epoch=7)])
        return self._answer(request, context, response)

    def TriggerCheckpoint(self, request, context):
        return self._answer(request, context,
                            job_pb2.Checkpoint(epoch=10, committed=True, savepoint=request.savepoint))

    def DropSavepoint(self, request, context):
        return self._answer(request, context, job_pb2.Checkpoint(epoch=request.epoch))

    def Rescale(self, request, context):
        self.job.parallelism = request.parallelism
        return self._answer(request, context, self.job)

    def GetStatus(self, request, context):
        return self._answer(request, context, job_pb2.ClusterStatus(version="0.1.0", slots=8))

    def ListWorkers(self, request, context):
        return self._answer(request, context, job_pb2.ListWorkersResponse(workers=[
            job_pb2.Worker(address="a:1", slots=4, state=job_pb2.LOST)]))

    def DrainWorker(self, request, context):
        return self._answer(request, context, job_pb2.Worker(address=request.worker, state=job_pb2.DRAINED))


def abort(context, code, message, reason, places=(), leader=""):
    details = status_pb2.Status(code=getattr(code_pb2, code.name), message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain="weir")
    if leader:
        info.metadata["leader"] = leader
    details.details.add().Pack(info)
    if places:
        violations = [error_details_pb2.BadRequest.FieldViolation(field=f, description=d) for f, d in places]
        details.details.add().Pack(error_details_pb2.BadRequest(field_violations=violations))
    context.set_trailing_metadata([("grpc-status-details-bin", details.SerializeToString())])
    context.abort(code, message)


def job(state, **fields):
    return job_pb2.Job(name="activity", id="activity-0a1b2c3d", state=job_pb2.JobState.Value(state), **fields)
