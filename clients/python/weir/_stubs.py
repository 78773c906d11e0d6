"""The generated stubs; nothing of them leaves this package."""

try:
    from weir.v1 import job_pb2, job_pb2_grpc
except ModuleNotFoundError as error:
    if error.name not in ("weir.v1", "weir.v1.job_pb2", "weir.v1.job_pb2_grpc"):
        raise
    raise ImportError("the stubs of the Weir API are not generated: run clients/python/generate, "
                      "or install the package with pip") from error

__all__ = ["job_pb2", "job_pb2_grpc"]
