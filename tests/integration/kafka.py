"""A real Apache Kafka broker for tests: one KRaft process on free ports of this machine.

    with Kafka.started(directory) as kafka:
        kafka.create_topic("t", partitions=3)
        kafka.produce("t", [b'{"a": 1}', b'{"a": 2}'], partition=0)

The jars come from build/cache/kafka (scripts/bootstrap). Data and the broker's log stay in `directory`; stop() and
start() keep ports and data, so a client sees a broker that went away and came back.
"""

import contextlib
import pathlib
import subprocess

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from ports import free_ports
from server_process import ServerError, ServerProcess

ROOT = pathlib.Path(__file__).resolve().parents[2]
JARS = ROOT / "build/cache/kafka/libs"

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 60

# Retention is off: tests write old timestamps, and Kafka would drop such segments at once. A short session, because a
# broker that was killed is let in again only after its old session has ended.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
log.retention.ms=-1
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
"""

SECOND_LISTENER = """\
listeners=PLAINTEXT://127.0.0.1:{port},SECOND://{second},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECOND://{second}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""


class KafkaError(ServerError):
    pass


class Kafka(ServerProcess):
    """One broker. Not safe for use by several threads; the clients it hands out are."""

    def __init__(self, directory, properties=None, second_host=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port, self.controller_port, second_port = free_ports(3)
        super().__init__("broker", self.directory)
        text = PROPERTIES.format(
            port=self.port, controller_port=self.controller_port, data=self.directory / "data")
        self.second_brokers = f"{second_host}:{second_port}"
        if second_host:
            text += SECOND_LISTENER.format(port=self.port, controller_port=self.controller_port,
                                           second=self.second_brokers)
        # The last line for a name counts.
        text += "".join(f"{name}={value}\n" for name, value in (properties or {}).items())
        (self.directory / "server.properties").write_text(text)
        self._format()

    @classmethod
    @contextlib.contextmanager
    def started(cls, directory, properties=None, second_host=None):
        """`properties` are set over those above. With `second_host` the broker also listens there: second_brokers."""
        kafka = cls(directory, properties, second_host)
        try:
            kafka.start()
            yield kafka
        finally:
            kafka.kill()

    @property
    def brokers(self):
        """The address for clients: host:port."""
        return f"127.0.0.1:{self.port}"

    # Life of the process.

    def start(self):
        """Returns when the broker answers. REQUIRES: it is not running."""
        self.run(self._java("kafka.Kafka", self.directory / "server.properties"))
        admin = AdminClient({"bootstrap.servers": self.brokers, "log_level": 0})
        self.wait_until(lambda: answers(admin), START_TIMEOUT_S)

    def stop(self):
        """Shuts down in order; data and ports stay for the next start()."""
        return super().stop(STOP_TIMEOUT_S)

    # Topics and records.

    def admin(self):
        """A client for the administration calls. Keep it until their futures are done: they end with it."""
        return AdminClient({"bootstrap.servers": self.brokers, "log_level": 3})

    def create_topic(self, name, partitions=1, **config):
        """Config names with `_` for `.`: create_topic("t", cleanup_policy="compact")."""
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
        admin = self.admin()
        admin.create_topics([topic])[name].result(timeout=30)
        return name

    def add_partitions(self, topic, total):
        admin = self.admin()
        admin.create_partitions([NewPartitions(topic, total)])[topic].result(timeout=30)

    def delete_topic(self, name):
        admin = self.admin()
        admin.delete_topics([name])[name].result(timeout=30)

    def producer(self, **config):
        """A confluent_kafka.Producer; option names with `_` for `.`: producer(compression_type="zstd")."""
        config = {key if key == "log_level" else key.replace("_", "."): value for key, value in config.items()}
        return confluent_kafka.Producer(
            {"bootstrap.servers": self.brokers, "enable.idempotence": True, "linger.ms": 5, "log_level": 3, **config})

    def produce(self, topic, values, partition=0, timestamp_ms=None, key=None, headers=None, **config):
        """Writes the values (bytes, or None for a tombstone) in order and waits until the broker has them all."""
        producer = self.producer(**config)
        produce_all(producer, topic, values, partition, timestamp_ms, key, headers)

    @contextlib.contextmanager
    def transaction(self, transactional_id, **config):
        """Yields a producer inside a transaction that commits at the end, and aborts on an exception."""
        producer = self.producer(transactional_id=transactional_id, **config)
        producer.init_transactions(30)
        producer.begin_transaction()
        try:
            yield producer
        except BaseException:
            producer.abort_transaction(30)
            raise
        producer.commit_transaction(30)

    def end_offsets(self, topic):
        """{partition: next offset} as a read_uncommitted client sees it."""
        consumer = self._consumer("read_uncommitted")
        try:
            partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            return {p: consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, p), timeout=30)[1]
                    for p in sorted(partitions)}
        finally:
            consumer.close()

    def read(self, topic, isolation="read_committed"):
        """All messages now in the topic, partition by partition."""
        consumer = self._consumer(isolation)
        try:
            ends = self.end_offsets(topic)
            consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in ends])
            at_end, messages = set(), []
            while len(at_end) < len(ends):
                message = consumer.poll(30)
                if message is None:
                    raise KafkaError(f"no end of {topic} within 30 s")
                if message.error() is None:
                    messages.append(message)
                elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    at_end.add(message.partition())
                else:
                    raise KafkaError(str(message.error()))
            return sorted(messages, key=lambda m: (m.partition(), m.offset()))
        finally:
            consumer.close()

    # Inner parts.

    def _consumer(self, isolation):
        return confluent_kafka.Consumer({
            "bootstrap.servers": self.brokers, "group.id": "weir-tests", "isolation.level": isolation,
            "enable.auto.commit": False, "enable.partition.eof": True,
            "fetch.wait.max.ms": 10, "log_level": 3})

    def _java(self, main_class, *arguments):
        if not any(JARS.glob("kafka_*.jar")):
            raise KafkaError(f"no Kafka in {JARS}: run scripts/bootstrap")
        return ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-cp", f"{JARS}/*", main_class, *arguments]

    def _format(self):
        subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "--ignore-formatted",
                       "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qk",
                       "--config", str(self.directory / "server.properties")),
            check=True, stdout=subprocess.DEVNULL)


def answers(admin):
    try:
        return bool(admin.list_topics(timeout=1).brokers)
    except confluent_kafka.KafkaException:
        return False  # Not listening yet.


def produce_all(producer, topic, values, partition=0, timestamp_ms=None, key=None, headers=None):
    """Writes the values in order and waits for all acknowledgements; an error of any record is raised."""
    errors = []

    def delivered(error, _message):
        if error is not None:
            errors.append(error)

    options = {"on_delivery": delivered}
    if timestamp_ms is not None:
        options["timestamp"] = timestamp_ms
    if headers is not None:
        options["headers"] = headers
    for value in values:
        while True:
            try:
                producer.produce(topic, value=value, key=key, partition=partition, **options)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    unsent = producer.flush(60)
    if errors or unsent:
        raise KafkaError(f"{unsent} records not sent, errors: {errors[:3]}")
