"""Where tables lie: a directory of this machine, or a prefix of a bucket. Read apart from Weir's code."""

import os
import pathlib
import urllib.error
import xml.etree.ElementTree


class Directory:
    def __init__(self, path):
        self._path = pathlib.Path(path)

    def sizes(self, table):
        """{path relative to the table: bytes} of data files and of what its log holds."""
        found = {}
        for folder, prefix in ((self._path / table, ""), (self._path / table / "_delta_log", "_delta_log/")):
            try:
                entries = list(os.scandir(folder))
            except FileNotFoundError:
                continue
            for entry in entries:
                try:
                    if entry.is_file():
                        found[prefix + entry.name] = entry.stat().st_size
                except FileNotFoundError:
                    pass  # it went meanwhile
        return found

    def size(self, table, name):
        """None when it isn't there."""
        try:
            return (self._path / table / name).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, table, name):
        return (self._path / table / name).read_bytes()


class Prefix:
    """Of an integration.s3.Bucket; `prefix` without a slash at its end."""

    def __init__(self, bucket, prefix):
        self._bucket, self._prefix = bucket, prefix

    def __truediv__(self, name):
        return Prefix(self._bucket, f"{self._prefix}/{name}")

    def sizes(self, table):
        return self._list(f"{self._prefix}/{table}/")

    def size(self, table, name):
        return self._list(f"{self._prefix}/{table}/{name}").get("")

    def read(self, table, name):
        return self._bucket.get(f"{self._prefix}/{table}/{name}")

    def copy(self, directory, only=""):
        """Objects whose names begin with `only`, as files; those that go meanwhile are left out."""
        for name in self._list(f"{self._prefix}/{only}"):
            path = pathlib.Path(directory, only + name)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.write_bytes(self._bucket.get(f"{self._prefix}/{only}{name}"))
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise

    def _list(self, prefix):
        found, token = {}, None
        while True:
            query = {"list-type": "2", "prefix": prefix, **({"continuation-token": token} if token else {})}
            page = xml.etree.ElementTree.fromstring(self._bucket.request("GET", "", query=query))
            space = page.tag.partition("}")[0] + "}"
            for entry in page.iter(f"{space}Contents"):
                found[entry.find(f"{space}Key").text.removeprefix(prefix)] = int(entry.find(f"{space}Size").text)
            token = page.findtext(f"{space}NextContinuationToken")
            if token is None:
                return found
