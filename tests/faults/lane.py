"""A broker, and network namespaces where the machine allows them: what seeds that run one after the other share."""

import contextlib
import dataclasses

import network
from kafka import Kafka
from minio import Minio
from places import Prefix
from plan import COORDINATORS
from trial import SeedRun

PROCESSES = [*COORDINATORS, *(f"worker-{i}" for i in range(4))]


@dataclasses.dataclass
class Store:
    uri: str
    endpoint: str   # host:port
    place: Prefix   # of all below the URI


class Lane:
    def __init__(self, directory):
        self.root = network.available()  # namespaces and mounts
        self._directory = directory
        self._stack = contextlib.ExitStack()
        self._minio = None  # once a plan asks for it
        self._stores = 0

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _start(self):
        self._network = None
        if self.root:
            self._network = self._stack.enter_context(contextlib.closing(network.Network(PROCESSES)))
        second = self._network.bridge_address if self._network else None
        self.kafka = self._stack.enter_context(Kafka.started(self._directory / "kafka", second_host=second))

    def __exit__(self, *_):
        self._stack.close()

    def run(self, directory, plan):
        """The Outcome of the plan."""
        if not self.kafka.running:
            self.kafka.start()
        if plan.s3 or plan.s3_tables:
            store = self._new_store()
            plan.environment.update(AWS_ACCESS_KEY_ID=Minio.ACCESS_KEY, AWS_SECRET_ACCESS_KEY=Minio.SECRET_KEY,
                                    AWS_REGION="us-east-1")
            return SeedRun(self.kafka, directory, plan, store=store).run()
        if not plan.namespaces:
            return SeedRun(self.kafka, directory, plan).run()
        return SeedRun(self.kafka, directory, plan, self._network, self.kafka.second_brokers).run()

    def _new_store(self):
        """A prefix that nobody used."""
        if self._minio is None:
            self._minio = self._stack.enter_context(Minio.started(self._directory / "minio"))
            self._minio.make_bucket("faults")
        self._stores += 1
        return Store(f"s3://faults/{self._stores}", self._minio.endpoint.removeprefix("http://"),
                     Prefix(self._minio.bucket("faults"), str(self._stores)))
