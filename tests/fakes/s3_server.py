"""An object store in memory that fails as told, over real HTTP: S3's conditional writes, multipart uploads, listings and
ranges, and the token service's web identities.

    with FaultyS3() as store:
        store.plan(Fault(answer="drop"), method="PUT", times=2)      # both are applied, neither is answered
        ...
        store.requests                                               # what came: [Request(method, key, ...)]
        store.storm(seed=1, rate=0.2)                                # from now on at random

It holds one bucket, "data", knows one access key, and checks no signature: MinIO does.
"""

import dataclasses
import datetime
import hashlib
import http.server
import itertools
import random
import threading
import urllib.parse
from xml.sax.saxutils import escape

PAGE = 1000
# Held back for longer, a request would outlive what the client's connection allows.
LATE_MAX = 20


@dataclasses.dataclass
class Fault:
    """What becomes of one request."""
    apply: object = True     # False: not at all; "later": when deliver() is called; "twice": now and then
    answer: object = None    # None: the true one; (status, code); "drop": none; "hang": none until release();
                             # "tear": half of its body; bytes: this body with status 200


@dataclasses.dataclass
class Request:
    method: str
    key: str
    query: dict
    headers: dict
    body: bytes


@dataclasses.dataclass
class Object:
    body: bytes
    etag: str
    meta: dict


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class FaultyS3:
    BUCKET = "data"
    ACCESS_KEY = "canary-access-key"
    SECRET_KEY = "canary-secret-key"

    def __init__(self, page=PAGE):
        self.objects = {}
        self.requests = []
        self.accepted_keys = {self.ACCESS_KEY}
        self.lease_seconds = 3600   # of credentials for a web identity
        self._page = page
        self._uploads = {}
        self._rules = []            # [matches(request), fault, times left]
        self._late = []
        self._numbers = itertools.count(1)
        self._storm = None          # (random.Random, rate)
        self._lock = threading.RLock()
        self._released = threading.Event()
        store = self

        class Handler(_Handler):
            server_store = store

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def environment(self, **more):
        return {"AWS_ACCESS_KEY_ID": self.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": self.SECRET_KEY,
                "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1", **more}

    # Faults.

    def plan(self, fault, method=None, key=None, query=None, times=1, skip=0):
        """The next `times` requests after `skip` with this method, this text in the key and this query parameter."""
        def matches(request):
            return (method in (None, request.method) and (key is None or key in request.key)
                    and (query is None or query in request.query))
        with self._lock:
            self._rules.append([matches, fault, times, skip])

    def storm(self, seed, rate):
        """A part `rate` of all requests that no plan takes fails in one way or another; late ones arrive out of turn."""
        with self._lock:
            self._storm = (random.Random(seed), rate)

    def calm(self):
        """Ends all plans and storms."""
        with self._lock:
            self._storm = None
            self._rules.clear()

    def deliver(self):
        """Requests that were held back arrive now, each as if it were new; returns their statuses."""
        with self._lock:
            late, self._late = self._late, []
        return [self._apply(request)[0] for request in late]

    def release(self):
        """Ends all waits of "hang"."""
        self._released.set()

    def seen(self, method, **query):
        return [r for r in self.requests if r.method == method and set(query) <= set(r.query)]

    def serve(self, request):
        """(what to do with the connection, status, headers, body)."""
        with self._lock:
            self.requests.append(request)
            fault = self._fault_for(request)
            if fault.apply in ("later", "twice"):
                self._late.append(request)
            applied = self._apply(request) if fault.apply in (True, "twice") else (500, {}, b"")
            if self._storm and len(self._late) > self._storm[0].randrange(LATE_MAX):
                self._apply(self._late.pop(self._storm[0].randrange(len(self._late))))
        if fault.answer is None:
            return ("answer", *applied)
        if fault.answer == "hang":
            self._released.wait(60)
            return ("drop", *applied)
        if isinstance(fault.answer, bytes):
            return "answer", 200, {}, fault.answer
        if isinstance(fault.answer, tuple):
            return ("answer", *error(*fault.answer))
        return (fault.answer, *applied)

    def _fault_for(self, request):
        for rule in self._rules:
            matches, fault, times, skip = rule
            if times == 0 or not matches(request):
                continue
            if skip:
                rule[3] -= 1
                return Fault()
            rule[2] -= 1
            return fault
        if self._storm and self._storm[0].random() < self._storm[1]:
            return self._storm[0].choice([
                Fault(answer="drop"), Fault(apply=False, answer="drop"), Fault(apply="later", answer="drop"),
                Fault(apply=False, answer=(503, "SlowDown")), Fault(answer=(500, "InternalError")),
                Fault(apply=False, answer=(409, "ConditionalRequestConflict")), Fault(apply="twice"), Fault(answer="tear")])
        return Fault()

    # The store.

    def _apply(self, request):
        with self._lock:
            try:
                return self._answer(request)
            except Refused as refused:
                return error(refused.status, refused.code)

    def _answer(self, request):
        if request.key is None:
            return self._token_service(request)
        key_id = request.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]
        if key_id not in self.accepted_keys:
            raise Refused(403, "InvalidAccessKeyId")
        if request.method == "GET" and not request.key:
            return self._list(request.query)
        if request.method in ("GET", "HEAD"):
            return self._get(request)
        if request.method == "DELETE":
            if "uploadId" in request.query:
                self._uploads.pop(request.query["uploadId"], None)
            else:
                self.objects.pop(request.key, None)
            return 204, {}, b""
        if request.method == "PUT" and "partNumber" in request.query:
            upload = self._upload(request)
            upload["parts"][int(request.query["partNumber"])] = request.body
            return 200, {"ETag": etag_of(request.body)}, b""
        if request.method == "PUT":
            return self._put(request, request.body, meta_of(request.headers))
        if "uploads" in request.query:
            number = f"upload-{next(self._numbers)}"
            self._uploads[number] = {"key": request.key, "meta": meta_of(request.headers), "parts": {}}
            return 200, {}, f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>".encode()
        upload = self._upload(request)
        body = b"".join(bytes_ for _, bytes_ in sorted(upload["parts"].items()))
        answer = self._put(request, body, upload["meta"])
        del self._uploads[request.query["uploadId"]]
        return answer[0], {}, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"

    @property
    def uploads(self):
        return [upload["key"] for upload in self._uploads.values()]

    def _upload(self, request):
        upload = self._uploads.get(request.query["uploadId"])
        if upload is None or upload["key"] != request.key:
            raise Refused(404, "NoSuchUpload")
        return upload

    def _put(self, request, body, meta):
        standing = self.objects.get(request.key)
        if request.headers.get("if-none-match") == "*" and standing:
            raise Refused(412, "PreconditionFailed")
        if "if-match" in request.headers:
            if standing is None:
                raise Refused(404, "NoSuchKey")
            if standing.etag != request.headers["if-match"]:
                raise Refused(412, "PreconditionFailed")
        self.objects[request.key] = Object(body, etag_of(body), meta)
        return 200, {"ETag": etag_of(body)}, b""

    def _get(self, request):
        found = self.objects.get(request.key)
        if found is None:
            raise Refused(404, "NoSuchKey")
        if request.headers.get("if-match", found.etag) != found.etag:
            raise Refused(412, "PreconditionFailed")
        headers = {"ETag": found.etag, **found.meta}
        if "range" in request.headers:
            start = int(request.headers["range"].removeprefix("bytes=").partition("-")[0])
            total = len(found.body)
            return 206, {**headers, "Content-Range": f"bytes {start}-{total - 1}/{total}"}, found.body[start:]
        return 200, headers, found.body

    def _list(self, query):
        after = query.get("continuation-token") or query.get("start-after", "")
        keys = sorted(k for k in self.objects if k.startswith(query.get("prefix", "")) and k > after)
        page = keys[:self._page]
        body = "<ListBucketResult>"
        for key in page:
            body += f"<Contents><Key>{escape(urllib.parse.quote(key, safe='/'))}</Key><Size>{len(self.objects[key].body)}</Size></Contents>"
        more = len(keys) > len(page)
        body += f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        if more:
            body += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        return 200, {}, (body + "</ListBucketResult>").encode()

    def _token_service(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        if form.get("Action") != "AssumeRoleWithWebIdentity" or not form.get("WebIdentityToken"):
            raise Refused(400, "InvalidIdentityToken")
        key_id = f"canary-temporary-{next(self._numbers)}"
        self.accepted_keys.add(key_id)
        expires = datetime_text(self.lease_seconds)
        return 200, {}, (f"<AssumeRoleWithWebIdentityResponse><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>"
                         f"canary-temporary-secret</SecretAccessKey><SessionToken>canary-session</SessionToken>"
                         f"<Expiration>{expires}</Expiration></AssumeRoleWithWebIdentityResponse>").encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self):
        url = urllib.parse.urlsplit(self.path)
        _, _, rest = urllib.parse.unquote(url.path).partition("/")
        bucket, _, key = rest.partition("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, key if bucket else None, dict(urllib.parse.parse_qsl(url.query, True)),
                          {name.lower(): value for name, value in self.headers.items()}, body)
        if bucket not in ("", FaultyS3.BUCKET):
            what, (status, headers, reply) = "answer", error(404, "NoSuchBucket")
        else:
            what, status, headers, reply = self.server_store.serve(request)
        if what == "drop":
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        if what == "tear":
            reply = reply[:len(reply) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(reply)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def log_message(self, *_):
        pass


def error(status, code):
    return status, {}, f"<Error><Code>{code}</Code><Message>as planned</Message></Error>".encode()


def etag_of(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


def meta_of(headers):
    return {name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}


def datetime_text(seconds_from_now):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
