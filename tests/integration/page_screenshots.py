"""Takes the pictures of docs/status-page.md: a live cluster, the status page in Chromium. By hand:

    .venv/bin/python tests/integration/page_screenshots.py [DIRECTORY]        default: docs/images
"""

import pathlib
import subprocess
import sys
import tempfile

from browser import Browser
from cluster import ROOT, Cluster
from kafka import Kafka
from test_status_page import PARTITIONS, SCRIPT, Traffic

PLAIN = SCRIPT.split("\n", 1)[1]


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weir-") as work, Browser.started() as page:
        directory = pathlib.Path(work)
        with Kafka.started(directory / "kafka") as kafka, Cluster(directory / "cluster", workers=2) as cluster:
            kafka.create_topic("clicks", partitions=PARTITIONS)
            job = cluster.submit(PLAIN, "activity", BROKERS=kafka.brokers, TOPIC="clicks", TABLES=directory)["id"]
            kafka.produce("clicks", [b'{"eventType": "click", "amount": "a lot"}', b"{"])
            traffic = Traffic(kafka, "clicks", rows=1_500)
            traffic.start()
            try:
                take(page, cluster, job, traffic, out)
            finally:
                traffic.end()
    for picture in sorted(out.glob("status-*.png")):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "64", picture], check=True)
        print(f"{picture}: {picture.stat().st_size // 1024} KiB")


def take(page, cluster, job, traffic, out):
    url = cluster.coordinator.http
    cluster.wait_job(job, lambda j: j["sinks"][0]["table_version"] > 8, what="some versions of the table")
    page.prefer("light")
    page.open(f"{url}/#/jobs/{job}")
    page.wait_text("All tables", "published")
    page.screenshot(out / "status-job.png", 1300)
    page.prefer("dark")
    page.open(f"{url}/#/jobs/{job}/checkpoints")
    page.wait_text("published")
    page.screenshot(out / "status-checkpoints-dark.png", 640)
    page.prefer("light")
    traffic.on = {0}
    page.open(url)
    page.wait_text("Not fresh", timeout_s=60)
    page.screenshot(out / "status-stale.png", 620)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images")
