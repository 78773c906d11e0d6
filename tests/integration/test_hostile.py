"""Callers that mean harm, against a cluster that runs a job: nobody gets in, nothing ends, memory stays where it was."""

import contextlib
import gzip
import random
import socket
import ssl

import grpc
import pytest

import http2
from authority import Authority

from test_main_job import ACTIVITY, produce_spread, source, transactions
from test_walls import TOKENS, SecureCluster, rpc_status, sha256

# What the servers may grow by, all attacks together: allocators keep some of what they gave.
GROWTH_BYTES_MAX = 160 << 20
SUBMIT, LIST = "/weir.v1.JobService/Submit", "/weir.v1.JobService/List"
SESSION, EXCHANGE = "/weir.v1.ControlService/Session", "/weir.v1.ExchangeService/Connect"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, authority, kafka):
    """Two workers and a job whose rows go from one to the other; ends with a look at what the attacks did."""
    directory = tmp_path_factory.mktemp("hostile")
    tokens = directory / "tokens"
    tokens.write_text("".join(f"{role}-1 {role} {sha256(token)}\n" for role, token in TOKENS.items()))
    kafka.create_topic("hostile", partitions=2)
    with SecureCluster(directory, authority, tokens=tokens) as cluster:
        cluster.client_environment["WEIR_TOKEN"] = TOKENS["admin"]
        produce_spread(kafka, "hostile", transactions(20_000, seed=7), 2)
        cluster.job_id = cluster.submit("SET checkpoint_interval = '500ms';" + source() + ACTIVITY % "", "activity",
                                        BROKERS=kafka.brokers, TOPIC="hostile", TABLES=directory / "lake")["id"]
        cluster.wait_job(cluster.job_id, lambda j: j["records_in"] == 20_000, what="the rows in an epoch")
        cluster.resident_before = resident(cluster)
        yield cluster
        assert all(p.running for p in servers(cluster)), cluster.logs()
        job = cluster.job(cluster.job_id)
        assert job["state"] == "RUNNING" and job["generation"] == 2 and not job.get("restarts"), job
        assert len(cluster.weir("job", "list")["jobs"]) == 1
        produce_spread(kafka, "hostile", transactions(2_000, seed=8, start_s=1_700_010_000), 2)
        cluster.wait_job(cluster.job_id, lambda j: j["records_in"] == 22_000, what="rows that came after the attacks")
        grown = {name: now - before for name, now, before in
                 ((p.name, resident(cluster)[p.name], cluster.resident_before[p.name]) for p in servers(cluster))}
        assert max(grown.values()) < GROWTH_BYTES_MAX, grown
        cluster.stop(cluster.job_id)


def servers(cluster):
    return [cluster.coordinator, *cluster.workers]


def resident(cluster):
    return {p.name: p.resident_bytes() for p in servers(cluster)}


def addresses(cluster):
    """Of every port: of gRPC, then of HTTP."""
    rpc = [cluster.address, *(w.address for w in cluster.workers)]
    return rpc, [p.http.removeprefix("https://") for p in servers(cluster)]


def test_malformed_beginnings(cluster, authority):
    """What isn't TLS, or isn't HTTP/2 within it, is cut off without an answer worth having."""
    rng = random.Random(5)
    hello = client_hello()
    beginnings = {
        "nothing": b"", "garbage": rng.randbytes(4_096), "zeros": bytes(4_096), "HTTP/1": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        "HTTP/2 in plaintext": http2.PREFACE + http2.frame(http2.SETTINGS), "half a hello": hello[:len(hello) // 2],
        "a damaged hello": hello[:50] + rng.randbytes(len(hello) - 50), "a huge record": b"\x16\x03\x01\xff\xff" + bytes(65_535),
        "SSL 2": b"\x80\x2e\x01\x00\x02" + bytes(44), "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    }
    rpc, http = addresses(cluster)
    for address in rpc + http:
        for what, text in beginnings.items():
            with http2.connect(address) as connection:
                with contextlib.suppress(OSError):  # cut off already
                    connection.sendall(text)
                    connection.shutdown(socket.SHUT_WR)
                answer = http2.read_until_closed(connection)
            assert b"weir" not in answer and b"200 OK" not in answer, f"{what} at {address}: {answer[:200]}"


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="weir")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_malformed_frames_of_a_known_client(cluster, authority):
    """Each breaks the protocol behind a good handshake: that connection ends, and no other."""
    headers = http2.call_headers(LIST)
    start = http2.PREFACE + http2.frame(http2.SETTINGS)
    begun = start + http2.frame(http2.HEADERS, headers, http2.END_HEADERS, 1)
    rng = random.Random(6)
    broken = {
        "a header block cut short": start + http2.frame(http2.HEADERS, headers[:40], http2.END_HEADERS, 1),
        "half a frame": begun + http2.frame(http2.DATA, http2.message(bytes(100)), http2.END_STREAM, 1)[:30],
        "a frame above the size": start + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
        "data of a stream that isn't": start + http2.frame(http2.DATA, b"x", 0, 99),
        "stream numbers of a server": start + http2.frame(http2.HEADERS, headers, http2.END_HEADERS, 2),
        "a message shorter than it says": begun + http2.frame(http2.DATA, b"\x00\x00\x10\x00\x00abc", http2.END_STREAM, 1),
        "a message of 4 GiB": begun + http2.frame(http2.DATA, b"\x00\xff\xff\xff\xffabc", 0, 1),
        "settings of an odd size": http2.PREFACE + http2.frame(http2.SETTINGS, b"123"),
        "unknown frames": start + http2.frame(200, rng.randbytes(100)) * 100,
        "no protobuf": begun + http2.frame(http2.DATA, http2.message(b"\xff" * 50), http2.END_STREAM, 1),
    }
    for address in (cluster.address, cluster.workers[0].address):
        for what, text in broken.items():
            with http2.connect(address, authority, "client") as connection:
                with contextlib.suppress(OSError):
                    connection.sendall(text)
                    connection.unwrap() if what.startswith("half") else connection.settimeout(0.2)
                with contextlib.suppress(OSError):
                    answer = http2.read_until_closed(connection)
                    assert b"activity" not in answer, f"{what} at {address}"
    assert cluster.run("job", "list").returncode == 0


def test_oversized(cluster, authority):
    """Every bound is refused by name, and costs what it says."""
    exhausted, invalid = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT
    assert rpc_status(authority, cluster.address, "client", "weir-coordinator", SUBMIT, bytes(17 << 20)) == exhausted
    assert rpc_status(authority, cluster.address, "worker", "weir-coordinator", SESSION, bytes(17 << 20)) == exhausted
    assert rpc_status(authority, cluster.workers[0].address, "worker", "weir-worker", EXCHANGE, bytes(65 << 20)) == exhausted

    tables = source() + "CREATE TABLE o (a TEXT) WITH (connector = 'delta', path = 'o');"
    big = {
        "1048576 are accepted": "-- " + "x" * (1 << 20),
        "1000 are accepted": "CREATE TABLE t (" + ",".join(f"c{i} TEXT" for i in range(1_001)) + ") WITH (connector = 'delta', path = 'x');",
        "more than 500 statements": tables + "CREATE VIEW v AS SELECT userId FROM user_transactions;" * 501,
        "20000 words": tables + "INSERT INTO o SELECT userId FROM user_transactions WHERE amount = 1" + "+1" * 20_000,
        "200 levels deep": tables + "INSERT INTO o SELECT userId FROM user_transactions WHERE " + "NOT " * 500 + "true",
        "63 are accepted": f"SET {'x' * 64} = '1';",
    }
    for bound, script in big.items():
        path = cluster.directory / "big.sql"
        path.write_text(script)
        done = cluster.run("job", "submit", path, "--name", "big", "--var", "BROKERS=k:1", "--var", "TOPIC=t")
        assert done.returncode != 0 and bound in done.stderr, f"{bound}: {done.stderr[:500]}"
    path.write_text("${A}" * 1_000)
    done = cluster.run("job", "submit", path, "--name", "big", "--var", "A=" + "x" * 100_000)
    assert done.returncode != 0 and "more than 1048576 bytes" in done.stderr, done.stderr[:500]

    long_headers = http2.call_headers(LIST, (b"authorization", b"Bearer " + b"x" * 100_000))
    start = http2.PREFACE + http2.frame(http2.SETTINGS)
    with http2.connect(cluster.address, authority, "client") as connection:
        with contextlib.suppress(OSError):
            connection.sendall(start + http2.frame(http2.HEADERS, long_headers[:16_384], 0, 1))
            for at in range(16_384, len(long_headers), 16_384):
                connection.sendall(http2.frame(9, long_headers[at:at + 16_384], http2.END_HEADERS if at + 16_384 >= len(long_headers) else 0, 1))
            connection.settimeout(2)
            http2.read_until_closed(connection)


def test_a_compressed_message_is_not_opened(cluster, authority):
    """A gibibyte of zeros in a mebibyte, which would be unpacked before anybody looked at its size."""
    bomb = http2.message(gzip.compress(bytes(1 << 28), 9) * 4, compressed=True)
    headers = http2.call_headers(SUBMIT, (b"grpc-encoding", b"gzip"))
    for address, process in ((cluster.address, cluster.coordinator), (cluster.workers[0].address, cluster.workers[0])):
        before, peak = process.resident_bytes(), 0
        with http2.connect(address, authority, "client") as connection:
            with contextlib.suppress(OSError):
                connection.sendall(http2.PREFACE + http2.frame(http2.SETTINGS) + http2.frame(http2.HEADERS, headers, http2.END_HEADERS, 1))
                window = memoryview(bomb)[:60_000]  # what may be sent before the server asks for more
                for at in range(0, len(window), 16_384):
                    connection.sendall(http2.frame(http2.DATA, bytes(window[at:at + 16_384]), 0, 1))
            connection.settimeout(1)
            with contextlib.suppress(OSError):
                http2.read_until_closed(connection)
            peak = process.resident_bytes()
        assert peak - before < 64 << 20, f"{process.name} grew by {(peak - before) >> 20} MiB"
    # The same by the library, to its end.
    files = [(authority.directory / f"client.{suffix}").read_bytes() for suffix in ("key", "pem")]
    options = [("grpc.ssl_target_name_override", "weir-coordinator"), ("grpc.max_send_message_length", -1)]
    before = cluster.coordinator.resident_bytes()
    with grpc.secure_channel(cluster.address, grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *files), options) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(SUBMIT)(bytes(1 << 27), timeout=30, compression=grpc.Compression.Gzip)
    assert refused.value.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED), refused.value
    assert cluster.coordinator.resident_bytes() - before < 64 << 20


def test_flooding_by_who_may_not(cluster, authority):
    """Thousands of calls without a token, with a wrong one, and of a viewer who wants to change things."""
    files = [(authority.directory / f"client.{suffix}").read_bytes() for suffix in ("key", "pem")]
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *files)
    denied = {"": grpc.StatusCode.UNAUTHENTICATED, "Bearer wrong": grpc.StatusCode.UNAUTHENTICATED,
              f"Bearer {TOKENS['viewer']}": grpc.StatusCode.PERMISSION_DENIED}
    with grpc.secure_channel(cluster.address, credentials, [("grpc.ssl_target_name_override", "weir-coordinator")]) as channel:
        submit = channel.unary_unary(SUBMIT)
        calls = [(submit.future(b"", timeout=30, metadata=[("authorization", token)] if token else None), code)
                 for _ in range(1_000) for token, code in denied.items()]
        codes = {(call.code(), expected) for call, expected in calls}
    assert all(code == expected for code, expected in codes), codes
    refusals = cluster.coordinator.log().count("call refused")
    assert 0 < refusals < 600, refusals  # ten a second
    assert cluster.run("job", "list").returncode == 0


def test_many_connections_that_say_nothing(cluster, authority):
    """They are let go, and meanwhile others are served."""
    rpc, http = addresses(cluster)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(http2.connect(address)) for address in rpc for _ in range(150)]
        known = [stack.enter_context(http2.connect(cluster.address, authority, "client")) for _ in range(30)]
        assert cluster.run("cluster", "status").returncode == 0
        for connection in silent[:3] + silent[-3:]:
            connection.settimeout(20)
            assert http2.read_until_closed(connection) == b""
        assert all(k.fileno() >= 0 for k in known)
    assert cluster.run("cluster", "status").returncode == 0


def test_cancelled_over_and_over(cluster, authority):
    """Streams that are opened and reset at once, by a client that is known: CVE-2023-44487."""
    headers = http2.call_headers(LIST)
    with contextlib.suppress(OSError), http2.connect(cluster.address, authority, "client") as connection:
        connection.sendall(http2.PREFACE + http2.frame(http2.SETTINGS))
        for i in range(5_000):
            connection.sendall(http2.frame(http2.HEADERS, headers, http2.END_HEADERS, 2 * i + 1)
                               + http2.frame(http2.RST_STREAM, b"\x00\x00\x00\x08", 0, 2 * i + 1))
    assert cluster.run("job", "list").returncode == 0


def test_pings_without_end(cluster, authority):
    with http2.connect(cluster.address, authority, "client") as connection:
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            connection.sendall(http2.PREFACE + http2.frame(http2.SETTINGS))
            for _ in range(2_000):
                connection.sendall(http2.frame(http2.PING, bytes(8)))
        answer = http2.read_until_closed(connection)
        assert b"too_many_pings" in answer, answer[-200:]
