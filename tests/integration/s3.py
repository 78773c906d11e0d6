"""Object stores in tests: signed requests without a library, and the program that drives Weir's own blob store.

    bucket = Bucket("http://127.0.0.1:9000", "data", "key", "secret")
    bucket.create()
    bucket.put("a/b", b"...")

    with BlobTool(bucket.environment()) as tool:
        tool.open("s3://data/prefix")
        tool("put", name="log/1", bytes="x")      # {"code": "OK"}
"""

import datetime
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIR = pathlib.Path(os.environ.get("WEIR_BINARY", ROOT / "build/release/weir"))
TOOL = WEIR.parent / "tests/blob_tool"
REGION = "us-east-1"


class Bucket:
    """One bucket, read and written apart from Weir's code. Keys are plain text."""

    def __init__(self, endpoint, name, access_key, secret_key):
        self.endpoint = endpoint
        self.name = name
        self.access_key = access_key
        self.secret_key = secret_key

    def environment(self, **more):
        """For a process that shall use the bucket, whatever this one's environment says."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION, **more}

    def create(self):
        self.request("PUT", "")

    def put(self, key, body):
        self.request("PUT", key, body)

    def get(self, key):
        return self.request("GET", key)

    def keys(self, prefix=""):
        listed = self.request("GET", "", query={"list-type": "2", "prefix": prefix})
        return [e.text for e in xml.etree.ElementTree.fromstring(listed).iter() if e.tag.endswith("}Key")]

    def uploads(self):
        """Keys of multipart uploads that are under way."""
        listed = self.request("GET", "", query={"uploads": ""})
        return [e.text for e in xml.etree.ElementTree.fromstring(listed).iter() if e.tag.endswith("}Key")]

    def request(self, method, key, body=b"", query=None):
        path = urllib.parse.quote(f"/{self.name}" + (f"/{key}" if key else ""))
        encoded = "&".join(f"{k}={urllib.parse.quote(v, safe='')}" for k, v in sorted((query or {}).items()))
        host = self.endpoint.split("://")[1]
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        canonical = "\n".join([method, path, encoded, *(f"{k}:{v}" for k, v in headers.items()), "", names, digest])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = ("AWS4" + self.secret_key).encode()
        for part in scope.split("/"):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope},SignedHeaders={names},"
                                    f"Signature={signature}")
        url = self.endpoint + path + (f"?{encoded}" if encoded else "")
        request = urllib.request.Request(url, data=body if method in ("PUT", "POST") else None, headers=headers,
                                         method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.read()


class BlobTool:
    """tests/tools/blob_tool.cc as a process."""

    def __init__(self, environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self._process = subprocess.Popen([str(TOOL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True, env={**clean, **environment})
        self.seen = ""  # all that it said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        _, errors = self._process.communicate(timeout=120)
        self.seen += errors
        assert self._process.returncode == 0, errors

    def open(self, uri, **options):
        answer = self("open", uri=uri, **options)
        assert answer["code"] == "OK", answer
        return self

    def __call__(self, what, **arguments):
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read()
        self.seen += line
        return json.loads(line)
