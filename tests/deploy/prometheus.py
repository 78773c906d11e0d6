"""A packaged Prometheus that scrapes a test's cluster, and its API."""

import contextlib
import json
import pathlib
import re
import urllib.parse
import urllib.request

import yaml

from ports import free_ports
from server_process import ServerProcess, wait_for
from tools import tool

START_TIMEOUT_S = 60
# The rules' times are divided by this, so that a test sees an alert fire and clear in seconds instead of minutes.
HASTE = 20
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def hastened(rules):
    """The rules with all their times divided by HASTE: windows, `for`, and the seconds in thresholds; evaluated each second."""
    def shorter(match):
        return f"{match[1]}{max(1, int(match[2]) * UNITS[match[3]] // HASTE)}s{match[4]}"

    rules = re.sub(r"(\[)(\d+)([smhd])(\])", shorter, rules)
    rules = re.sub(r"(for: )(\d+)([smhd])()$", shorter, rules, flags=re.MULTILINE)
    rules = re.sub(r"interval: \d+s", "interval: 1s", rules)
    return re.sub(r"(weir_\w+_seconds\) ?\+|_seconds\)\)? \+|0\.9 \*) (\d+)", lambda m: f"{m[1]} {int(m[2]) / HASTE}", rules)


class Prometheus(ServerProcess):
    def __init__(self, directory, targets, rules):
        """`targets`: {scrape job: ["host:port"]}; `rules`: the text of a rule file."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        super().__init__("prometheus", self.directory)
        port, = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        (self.directory / "rules.yaml").write_text(rules)
        (self.directory / "prometheus.yaml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": name, "honor_labels": True, "static_configs": [{"targets": addresses}]}
                               for name, addresses in targets.items()]}))

    @classmethod
    @contextlib.contextmanager
    def started(cls, directory, targets, rules):
        prometheus = cls(directory, targets, rules)
        prometheus.run([tool("prometheus"), "--config.file=prometheus.yaml", "--storage.tsdb.path=data",
                        f"--web.listen-address={prometheus.address}"], cwd=prometheus.directory)
        try:
            prometheus.wait_until(prometheus._ready, START_TIMEOUT_S)
            yield prometheus
        finally:
            prometheus.kill()

    def _ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2) as reply:
                return reply.status == 200
        except OSError:
            return False

    def query(self, expression):
        """[({label: value}, number)] now. A query that the server refuses raises."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{query}", timeout=30) as reply:
            data = json.load(reply)["data"]
        assert data["resultType"] == "vector", expression
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def firing(self):
        """Names of the alerts that fire now."""
        return {labels["alertname"] for labels, _ in self.query('ALERTS{alertstate="firing"}')}

    def wait_for_alerts(self, firing=(), clear=(), timeout_s=120):
        def as_wanted():
            now = self.firing()
            return set(firing) <= now and not set(clear) & now
        wait_for(as_wanted, timeout_s, lambda: f"{firing} to fire, {clear} not to; firing now: {sorted(self.firing())}")
