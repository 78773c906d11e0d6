"""The blob store on S3 against a store that fails as told, over real HTTP. One test a way to fail, each with its outcome."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fakes"))
from s3_server import Fault, FaultyS3  # noqa: E402
from s3 import BlobTool  # noqa: E402

PART = 1000
SECRETS = ("canary-access-key", "canary-secret-key", "canary-temporary", "canary-session", "canary-token")
# libcurl itself repeats what changes nothing when a kept connection breaks: more faults than attempts.
ALL = 40
DROPPED = Fault(answer="drop")             # applied, the answer lost
LOST = Fault(apply=False, answer="drop")   # the request lost
BUSY = Fault(apply=False, answer=(503, "SlowDown"))


@pytest.fixture
def store():
    with FaultyS3(page=7) as server:
        yield server


@pytest.fixture
def tool(store):
    tool = BlobTool(store.environment())
    try:
        yield tool.open("s3://data/p", part_bytes=PART, attempt_ms=1000, hurry=50)
    finally:
        store.release()
        tool.close()
    for secret in SECRETS:
        assert secret not in tool.seen


def text(store, name):
    return store.objects[f"p/{name}"].body.decode()


# Creation.

def test_a_put_whose_answer_is_lost_is_ours(store, tool):
    store.plan(DROPPED, "PUT")
    assert tool("put", name="a", bytes="x")["code"] == "OK"
    assert len(store.seen("PUT")) == 2, "the second got 412"


def test_a_put_whose_answer_is_always_lost_is_ours(store, tool):
    store.plan(DROPPED, "PUT", times=10)
    assert tool("put", name="a", bytes="x")["code"] == "OK"


def test_a_put_that_times_out_after_it_was_applied_is_ours(store, tool):
    store.plan(Fault(answer="hang"), "PUT")
    assert tool("put", name="a", bytes="x")["code"] == "OK"
    assert text(store, "a") == "x"


def test_a_put_that_never_arrives_is_sent_again(store, tool):
    store.plan(LOST, "PUT", times=3)
    assert tool("put", name="a", bytes="x")["code"] == "OK"


def test_a_put_without_any_answer_is_unknown(store, tool):
    store.plan(LOST, "PUT", times=10)
    assert tool("put", name="a", bytes="x")["code"] == "UNKNOWN"
    assert not store.objects


def test_a_put_that_is_refused_for_load_did_not_happen(store, tool):
    store.plan(BUSY, "PUT", times=10)
    assert tool("put", name="a", bytes="x")["code"] == "UNAVAILABLE"
    store.plan(BUSY, "PUT", times=4)
    assert tool("put", name="a", bytes="x")["code"] == "OK"


def test_a_500_after_the_put_was_applied_is_ours(store, tool):
    store.plan(Fault(answer=(500, "InternalError")), "PUT")
    assert tool("put", name="a", bytes="x")["code"] == "OK"


def test_a_conflict_is_asked_again(store, tool):
    store.plan(Fault(apply=False, answer=(409, "ConditionalRequestConflict")), "PUT", times=2)
    assert tool("put", name="a", bytes="x")["code"] == "OK"


def test_defeat_is_defeat_even_after_a_lost_answer(store, tool):
    assert tool("put", name="a", bytes="other")["code"] == "OK"
    store.plan(DROPPED, "PUT")
    assert tool("put", name="a", bytes="x")["code"] == "ALREADY_EXISTS"
    assert tool("put", name="a", bytes="other")["code"] == "ALREADY_EXISTS", "equal bytes of another writer"
    assert text(store, "a") == "other"


def test_a_delayed_duplicate_changes_nothing(store, tool):
    store.plan(Fault(apply="later", answer="drop"), "PUT")
    assert tool("put", name="a", bytes="x")["code"] == "OK"
    assert store.deliver() == [412]
    assert text(store, "a") == "x"


def test_a_late_put_shows_why_unknown_is_not_absent(store, tool):
    store.plan(Fault(apply="later", answer="drop"), "PUT", times=10)
    assert tool("put", name="a", bytes="x")["code"] == "UNKNOWN"
    assert tool("get", name="a")["code"] == "NOT_FOUND"
    assert store.deliver()[0] == 200
    assert tool("put", name="a", bytes="x")["code"] == "ALREADY_EXISTS"


def test_a_torn_answer_to_a_put_is_no_answer(store, tool):
    store.plan(Fault(answer=(500, "InternalError")), "PUT")
    store.plan(Fault(answer="drop"), "HEAD")
    assert tool("put", name="a", bytes="x")["code"] == "OK"


# Compare and swap.

def swap(tool, bytes_, version):
    return tool("swap", name="lease", bytes=bytes_, version=version)


@pytest.fixture
def version(store, tool):
    assert tool("put", name="lease", bytes="1")["code"] == "OK"
    return tool("get", name="lease")["version"]


def test_a_swap_whose_answer_is_lost_is_ours(store, tool, version):
    store.plan(DROPPED, "PUT")
    answer = swap(tool, "2", version)
    assert answer["code"] == "OK"
    assert swap(tool, "3", answer["version"])["code"] == "OK", "the version is that of our own write"


def test_a_swap_of_another_version_is_aborted(store, tool, version):
    assert swap(tool, "2", version)["code"] == "OK"
    assert swap(tool, "3", version)["code"] == "ABORTED"
    assert tool("delete", name="lease")["code"] == "OK"
    assert swap(tool, "3", version)["code"] == "ABORTED"
    assert not store.objects


def test_a_swap_that_was_followed_is_unknown(store, tool, version):
    """Our answer is lost; before we ask again somebody else has swapped what we wrote."""
    store.plan(Fault(apply="later", answer="drop"), "PUT")
    store.plan(Fault(apply=False, answer=(500, "InternalError")), "PUT", times=9)
    store.plan(Fault(apply=False, answer=(500, "InternalError")), "HEAD", times=10)
    assert swap(tool, "2", version)["code"] == "UNKNOWN"
    assert store.deliver() == [200]
    assert text(store, "lease") == "2"


def test_a_delayed_swap_does_not_undo_a_later_one(store, tool, version):
    store.plan(Fault(apply="later", answer="drop"), "PUT")
    answer = swap(tool, "2", version)
    assert answer["code"] == "OK"
    assert swap(tool, "3", answer["version"])["code"] == "OK"
    assert store.deliver() == [412]
    assert text(store, "lease") == "3"


# Files in parts.

@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large"
    path.write_text("".join(str(i) for i in range(1500)))
    return path


def put_large(tool, large):
    return tool("put_file", name="f", path=str(large))["code"]


def test_parts_are_sent_again(store, tool, large):
    store.plan(BUSY, "PUT", query="partNumber", times=3)
    store.plan(DROPPED, "PUT", query="partNumber", times=2)
    assert put_large(tool, large) == "OK"
    assert text(store, "f") == large.read_text()
    assert not store.uploads


def test_an_upload_whose_end_is_applied_but_not_answered_is_ours(store, tool, large):
    store.plan(DROPPED, "POST", query="uploadId")
    assert put_large(tool, large) == "OK"
    assert text(store, "f") == large.read_text()
    assert not store.seen("DELETE")


def test_an_upload_whose_end_is_unknown_is_not_aborted(store, tool, large):
    store.plan(Fault(apply="later", answer="drop"), "POST", query="uploadId", times=10)
    assert put_large(tool, large) == "UNKNOWN"
    assert not store.seen("DELETE")
    assert store.deliver()[0] == 200
    assert text(store, "f") == large.read_text()


def test_an_upload_that_loses_is_aborted(store, tool, large):
    assert tool("put", name="f", bytes="other")["code"] == "OK"
    assert put_large(tool, large) == "ALREADY_EXISTS"
    assert text(store, "f") == "other"
    assert not store.uploads


def test_an_upload_without_rights_is_aborted(store, tool, large):
    store.plan(Fault(apply=False, answer=(403, "AccessDenied")), "PUT", query="partNumber", skip=2)
    assert put_large(tool, large) == "PERMISSION_DENIED"
    assert not store.uploads and not store.objects


def test_an_error_inside_a_200_is_an_error(store, tool, large):
    inside = b"<?xml version='1.0'?>\n\n<Error><Code>InternalError</Code></Error>"
    store.plan(Fault(apply=False, answer=inside), "POST", query="uploadId", times=2)
    assert put_large(tool, large) == "OK"
    assert text(store, "f") == large.read_text()


def test_an_upload_that_the_store_dropped_begins_again(store, tool, large):
    store.plan(Fault(apply=False, answer=(404, "NoSuchUpload")), "PUT", query="partNumber", skip=1)
    assert put_large(tool, large) == "OK"
    assert text(store, "f") == large.read_text()


# Reading.

def test_a_torn_download_goes_on_where_it_broke(store, tool, large, tmp_path):
    assert put_large(tool, large) == "OK"
    store.plan(Fault(answer="tear"), "GET", key="p/f", times=3)
    assert tool("get_to_file", name="f", path=str(tmp_path / "out"))["code"] == "OK"
    assert (tmp_path / "out").read_text() == large.read_text()
    assert [r.headers.get("range") for r in store.seen("GET") if r.key == "p/f"][0] is None
    assert all(r.headers["range"] for r in store.seen("GET")[-3:])


def test_a_download_that_always_breaks_leaves_nothing(store, tool, tmp_path):
    store.plan(LOST, "GET", key="p/f", times=ALL)
    assert tool("get_to_file", name="f", path=str(tmp_path / "out"))["code"] == "UNAVAILABLE"
    assert not (tmp_path / "out").exists()


def test_a_torn_record_is_read_again(store, tool):
    assert tool("put", name="a", bytes="some bytes")["code"] == "OK"
    store.plan(Fault(answer="tear"), "GET", key="p/a", times=2)
    assert tool("get", name="a")["bytes"] == "some bytes"
    store.plan(LOST, "GET", key="p/a", times=ALL)
    assert tool("get", name="a")["code"] == "UNAVAILABLE"


def test_a_listing_survives_lost_pages(store, tool):
    names = [f"log/{i:03}" for i in range(30)]
    for name in names:
        assert tool("put", name=name, bytes="x")["code"] == "OK"
    store.plan(Fault(answer="tear"), "GET", query="list-type", times=2)
    store.plan(BUSY, "GET", query="continuation-token", times=2)
    listed = tool("list", prefix="log/", after="log/003")
    assert [name for name, _ in listed["entries"]] == names[4:]


def test_a_delete_whose_answer_is_lost_is_done(store, tool):
    assert tool("put", name="a", bytes="x")["code"] == "OK"
    store.plan(DROPPED, "DELETE")
    assert tool("delete", name="a")["code"] == "OK"
    assert not store.objects


# Credentials.

def open_with(environment, tmp_path, uri="s3://data/p"):
    with BlobTool({"HOME": str(tmp_path), **environment}) as tool:
        answer = tool("open", uri=uri)
        more = tool("put", name="a", bytes="x")["code"] if answer["code"] == "OK" else None
    for secret in SECRETS:
        assert secret not in tool.seen, "a secret was shown"
    return answer, more


def without_keys(environment):
    return {k: v for k, v in environment.items() if not k.startswith("AWS_A") and not k.startswith("AWS_S")}


def test_a_web_identity_is_exchanged_for_credentials(store, tmp_path):
    (tmp_path / "token").write_text("canary-token")
    environment = {**without_keys(store.environment()), "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
                   "AWS_ROLE_ARN": "arn:aws:iam::1:role/weir"}
    assert open_with(environment, tmp_path) == ({"code": "OK"}, "OK")
    assert [r.headers.get("x-amz-security-token") for r in store.requests] == [None, "canary-session", "canary-session"]


def test_credentials_that_the_store_no_longer_takes_are_renewed(store, tmp_path):
    (tmp_path / "token").write_text("canary-token")
    environment = {**without_keys(store.environment()), "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
                   "AWS_ROLE_ARN": "arn:aws:iam::1:role/weir"}
    store.plan(Fault(apply=False, answer=(400, "ExpiredToken")), "PUT")
    assert open_with(environment, tmp_path) == ({"code": "OK"}, "OK")


def test_a_profile_of_the_credentials_file_is_read(store, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        f"[ci]\naws_access_key_id = {store.ACCESS_KEY}\naws_secret_access_key = {store.SECRET_KEY}\n")
    environment = {**without_keys(store.environment()), "AWS_PROFILE": "ci"}
    assert open_with(environment, tmp_path) == ({"code": "OK"}, "OK")


@pytest.mark.parametrize("change, code, hint", [
    ({"AWS_ACCESS_KEY_ID": "canary-token"}, "UNAVAILABLE", "check the credentials"),
    ({"AWS_ACCESS_KEY_ID": ""}, "FAILED_PRECONDITION", "set both"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "FAILED_PRECONDITION", "no credentials"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "UNAVAILABLE", "AWS_ENDPOINT_URL"),
    ({"AWS_ENDPOINT_URL": "http://canary-token:x@127.0.0.1:1"}, "INVALID_ARGUMENT", "AWS_ENDPOINT_URL"),
    ({"AWS_PROFILE": "none", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "FAILED_PRECONDITION",
     "credentials file"),
])
def test_what_cannot_work_is_refused_with_the_next_step(store, tmp_path, change, code, hint):
    answer, _ = open_with(store.environment(**change), tmp_path)
    assert answer["code"] == code
    assert hint in answer["message"]


@pytest.mark.parametrize("uri, hint", [
    ("s3://missing-bucket/p", "make the bucket missing-bucket"), ("s3://NO/p", "s3://bucket/prefix"),
    ("s3://id:canary-token@data/p", "AWS_SECRET_ACCESS_KEY"), ("s3://data//p", "s3://bucket/prefix"),
    ("gs://data/p", "s3://bucket/prefix")])
def test_what_is_no_bucket_is_refused(store, tmp_path, uri, hint):
    answer, _ = open_with(store.environment(), tmp_path, uri)
    assert answer["code"] in ("FAILED_PRECONDITION", "INVALID_ARGUMENT", "UNIMPLEMENTED")
    assert hint in answer["message"]
