"""Two coordinators: one leads, the other takes over; jobs go on, and their tables stay exactly right."""

import contextlib
import subprocess
import threading
import time


import oracle
from cluster import WEIR, Cluster, leads, wait_for
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, source, transactions

PARTITIONS = 4
CHUNK = 2_000
TAKEOVER_MAX_S = 5


class Producer(threading.Thread):
    """Produces a chunk every now and then until it is told to end."""

    def __init__(self, kafka, topic):
        super().__init__()
        self.rows = 0
        self._kafka, self._topic = kafka, topic
        self._over = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self._over.wait(0.1):
                start_s = 1_700_000_000 + self.rows // 10  # where the chunk before ended
                produce_spread(self._kafka, self._topic, transactions(CHUNK, seed=self.rows, start_s=start_s), PARTITIONS)
                self.rows += CHUNK
        except Exception as error:  # shown by the test's thread
            self.error = error

    def end(self):
        self._over.set()
        self.join()
        if self.error:
            raise self.error
        return self.rows


@contextlib.contextmanager
def running_job(kafka, topic, tmp_path, coordinators=2):
    """(cluster, job id) with rows on their way into a table; afterwards every version of it is judged."""
    kafka.create_topic(topic, partitions=PARTITIONS)
    script = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""
    producer = Producer(kafka, topic)
    with Cluster(tmp_path / "cluster", workers=2, coordinators=coordinators) as cluster:
        job = cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic, TABLES=tmp_path)["id"]
        producer.start()
        try:
            cluster.wait_job(job, lambda j: j["epoch"] > 4 and j["records_in"] > 0, what="the first rows in an epoch")
            yield cluster, job
        finally:
            rows = producer.end()
        cluster.wait_job(job, lambda j: j["records_in"] == rows, what=f"all {rows} rows")
        stopped = cluster.stop(job)
        assert stopped["records_in"] == stopped["records_used"] == rows
    records = oracle.records_table(kafka.read(topic))
    assert oracle.check_every_version(tmp_path / "activity", records, ACTIVITY_ORACLE) >= 2


def next_epoch_after(cluster, job, event):
    """Seconds from event() until a new epoch is published by a new generation."""
    before = cluster.job(job)
    began = time.monotonic()
    event()
    cluster.wait_job(job, lambda j: j["generation"] > before["generation"] and j["epoch"] > j["generation"],
                     timeout_s=30, what="an epoch after the takeover")
    return time.monotonic() - began


def test_peer8_a_killed_leader_is_replaced(kafka, topic_name, tmp_path):
    """Peer failures 8 and 12: after a change of leaders nothing is committed twice, and one run of the job goes on."""
    with running_job(kafka, topic_name, tmp_path) as (cluster, job):
        leader = cluster.leader()
        assert next_epoch_after(cluster, job, leader.kill) < TAKEOVER_MAX_S
        assert cluster.leader() is not leader
        # It comes back as a standby and leaves the leader alone.
        leader.start()
        leader.wait_until_ready()
        generation = cluster.job(job)["generation"]
        assert not leads(leader)
        status = cluster.weir("cluster", "status")
        assert status["leader"] == cluster.addresses[cluster.coordinators.index(cluster.leader())]
        assert status["term"] >= 2
        assert cluster.job(job)["generation"] == generation


def test_peer10_a_paused_leader_wakes_as_a_standby(kafka, topic_name, tmp_path):
    """Peer failures 8 and 10: the old leader, stopped in the middle of its work and resumed later, does no harm."""
    with running_job(kafka, topic_name, tmp_path) as (cluster, job):
        paused = cluster.leader()
        other = next(c for c in cluster.coordinators if c is not paused)
        took_s = next_epoch_after(cluster, job, paused.pause)
        assert took_s < 3 * TAKEOVER_MAX_S
        generation = cluster.job(job)["generation"]
        epoch = cluster.job(job)["epoch"]
        paused.resume()
        wait_for(lambda: not leads(paused), 10, lambda: f"the woken one to step down:\n{paused.log_tail()}")
        assert paused.running and leads(other)
        wait_for(lambda: ready(paused), 10, lambda: "the woken one to stand by in good order")
        cluster.wait_job(job, lambda j: j["epoch"] > epoch + 4, what="more epochs")
        assert cluster.job(job)["generation"] == generation, "the woken one disturbed the job"
        # And it can lead again.
        assert next_epoch_after(cluster, job, other.kill) < TAKEOVER_MAX_S
        assert leads(paused)


def ready(process):
    return process._ready()


def test_peer11_the_lead_flaps(kafka, topic_name, tmp_path):
    """Peer failure 11: the lead goes to and fro; there is always one leader, and its record stays."""
    with running_job(kafka, topic_name, tmp_path) as (cluster, job):
        for _ in range(4):
            leader = cluster.leader()
            took_s = next_epoch_after(cluster, job, leader.stop)
            assert took_s < TAKEOVER_MAX_S
            leader.start()
            leader.wait_until_ready()
        record = (cluster.directory / "data" / "leader").read_text()
        assert f"address {cluster.weir('cluster', 'status')['leader']}\n" in record


def test_both_restart_at_once(kafka, topic_name, tmp_path):
    with running_job(kafka, topic_name, tmp_path) as (cluster, job):
        def both():
            for coordinator in cluster.coordinators:
                coordinator.kill()
            for coordinator in cluster.coordinators:
                coordinator.start()
            wait_for(lambda: any(leads(c) for c in cluster.coordinators), 30, lambda: f"a leader:\n{cluster.logs()}")

        next_epoch_after(cluster, job, both)
        assert cluster.leader() in cluster.coordinators


def test_a_stop_asked_of_a_dying_leader_is_not_lost(kafka, topic_name, tmp_path):
    topic = topic_name
    kafka.create_topic(topic, partitions=PARTITIONS)
    produce_spread(kafka, topic, transactions(CHUNK, seed=1), PARTITIONS)
    script = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""
    with Cluster(tmp_path / "cluster", workers=2, coordinators=2) as cluster:
        job = cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic, TABLES=tmp_path)["id"]
        cluster.wait_job(job, lambda j: j["records_in"] == CHUNK, what="the rows in an epoch")
        leader = cluster.leader()
        leader.pause()
        stop = subprocess.Popen([str(WEIR), "--coordinator", cluster.address, "job", "stop", job, "--wait", "--timeout", "60s"],
                                stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: any(leads(c) for c in cluster.coordinators if c is not leader), 10, lambda: "a takeover")
        finally:
            leader.resume()
        assert stop.wait(60) == 0, stop.stderr.read()
        assert cluster.job(job)["state"] == "STOPPED"


def test_callers_of_a_standby_are_sent_to_the_leader(kafka, topic_name, tmp_path):
    with Cluster(tmp_path / "cluster", workers=1, coordinators=2) as cluster:
        leader = cluster.coordinators.index(cluster.leader())
        standby = cluster.addresses[1 - leader]
        done = subprocess.run([str(WEIR), "--coordinator", standby, "worker", "list", "-o", "json"], capture_output=True,
                              text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        assert "slots" in done.stdout
        # A worker that only knows the standby finds the leader, too.
        extra = cluster._make_worker(7, 1, "512MiB")
        arguments = extra._arguments
        arguments[arguments.index("--coordinator") + 1] = standby
        try:
            extra.start()
            extra.wait_until_ready()
            assert len(cluster.weir("worker", "list")["workers"]) == 2
        finally:
            extra.kill()
        # Without a leader a caller says so, in bounded time.
        cluster.coordinators[leader].pause()
        try:
            assert subprocess.run([str(WEIR), "--coordinator", cluster.address, "cluster", "status"],
                                  capture_output=True, text=True, timeout=60).returncode == 0
        finally:
            cluster.coordinators[leader].resume()


def test_a_second_worker_of_the_same_address_is_refused(tmp_path):
    with Cluster(tmp_path / "cluster", workers=1) as cluster:
        first = cluster.workers[0]
        second = cluster._make_worker(1, 1, "512MiB")
        address = first._arguments[first._arguments.index("--listen") + 1]
        second._arguments += ["--advertise", address]
        second.start()
        try:
            second.wait_until_dead()
        finally:
            second.kill()
        assert "another worker process is registered" in second.log()
        assert first.running
        assert [w["address"] for w in cluster.weir("worker", "list")["workers"]] == [address]
