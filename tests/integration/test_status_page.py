"""The status page, in Chromium, of a cluster that runs the main job on the real broker: what it answers when all is well and
when somebody is to blame, and that it can be read, walked by keyboard and trusted."""

import base64
import hashlib
import json
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

from browser import Browser
from cluster import Cluster, wait_for
from kafka import Kafka
from test_main_job import ACTIVITY, source, transactions

pytestmark = pytest.mark.xdist_group("status page")

PARTITIONS = 2
HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
# A partition that goes idle holds nothing any more; here it holds for as long as a test needs.
SCRIPT = f"""-- {HOSTILE}
SET checkpoint_interval = '500ms'; SET parallelism = 2;""" + source(
    options=", on_bad_row = 'skip', idle_timeout = '10 minutes'") + ACTIVITY % ""


class Traffic(threading.Thread):
    """Rows for the job, to those of the partitions that are on."""

    def __init__(self, kafka, topic, rows=200):
        super().__init__()
        self.on = set(range(PARTITIONS))
        self._rows = rows
        self.error = None
        self._kafka, self._topic = kafka, topic
        self._over = threading.Event()

    def run(self):
        chunk = 0
        try:
            while not self._over.wait(0.2):
                for partition in sorted(self.on):
                    # 40 seconds of event time each.
                    values = transactions(self._rows, seed=chunk, start_s=1_700_000_000 + 40 * chunk, per_second=self._rows / 40)
                    self._kafka.produce(self._topic, values, partition=partition)
                chunk += 1
        except Exception as error:  # shown by the test's thread
            self.error = error

    def end(self):
        self._over.set()
        self.join()
        if self.error:
            raise self.error


class Site:
    """The cluster, its job and where its pages are."""

    def __init__(self, cluster, kafka, traffic, job, pause_file):
        self.cluster, self.kafka, self.traffic, self.job = cluster, kafka, traffic, job
        self._pause_file = pause_file
        self.url = cluster.coordinator.http

    def job_url(self, part=""):
        return f"{self.url}/#/jobs/{self.job}/{part}"

    def pause_owners(self, paused):
        self._pause_file.write_text(f"{self.job}\n" if paused else "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("page")
    pause_file = directory / "paused"
    pause_file.write_text("")
    with Kafka.started(directory / "kafka") as kafka, Cluster(
            directory / "cluster", workers=2, coordinators=2, WEIR_TEST_PAUSE_FILE=str(pause_file)) as cluster:
        kafka.create_topic("clicks", partitions=PARTITIONS)
        job = cluster.submit(SCRIPT, "activity", BROKERS=kafka.brokers, TOPIC="clicks", TABLES=directory)["id"]
        kafka.produce("clicks", [json.dumps({"eventType": HOSTILE, "amount": "no number"}).encode(), b"{\xff\xfe"])
        traffic = Traffic(kafka, "clicks")
        traffic.start()
        try:
            cluster.wait_job(job, lambda j: j["sinks"][0]["table_version"] > 1, what="a window in the table")
            yield Site(cluster, kafka, traffic, job, pause_file)
        finally:
            traffic.end()


@pytest.fixture(scope="module")
def browser():
    with Browser.started() as page:
        yield page


@pytest.fixture
def page(browser):
    browser.requested(), browser.complaints()
    browser.prefer("light")
    yield browser
    assert browser.run("return window.hacked") is None
    # Answers that tests ask for are told as resources that failed to load.
    assert [c for c in browser.complaints() if "status of 404" not in c and "status of 503" not in c] == []


def test_opens_on_the_answer_and_shows_the_job(site, page):
    page.open(site.url)
    page.wait_text("The table is fresh.", "committed", "activity", site.cluster.workers[0].address, "of 512 MiB")
    page.all("main a[href^='#/jobs/']")[0].click()
    text = page.wait_text("All tables", "2 tasks, ", "busy ", "watermark ", "user_transactions/0", "published", "Version", "wrong_type",
                          "started")
    for part in ("Graph", "Sources", "Tasks", "Checkpoints", "Commits", "Rows", "Events", "Plan"):
        assert part in text
    assert len(page.all(".node.source")) == 1 and len(page.all(".node.vertex")) == 2 and len(page.all(".node.sink")) == 1
    assert "final_aggregate" in text and "tumble(user_transactions" in text
    shown = site.cluster.weir("job", "get", site.job)
    assert shown["tables"][0]["status"] == "FRESH" and shown["tables"][0]["suspects"] == []
    # A commit names epoch, version and the offsets that it stands for.
    page.run("document.querySelectorAll('main details')[0].open = true")
    page.wait_text("user_transactions/0: before ", "user_transactions/1: before ")
    assert page.requested() <= {("http", site.url.removeprefix("http://")), ("data", ""), ("about", "")}


def test_hostile_texts_stay_texts(site, page):
    page.open(site.job_url("rows"))
    page.wait_text("What is wrong", HOSTILE, "\\xFF\\xFE")
    page.wait_text(f"-- {HOSTILE}")  # the script, at the end
    assert page.run("return document.querySelectorAll('img, #app script, iframe').length") == 0
    page.open(f"{site.url}/#/jobs/{urllib.parse.quote('<img src=x onerror=window.hacked=1>', safe='')}")
    page.wait_text("there is no job '<img src=x onerror=window.hacked=1>'")
    page.open(f"{site.url}/#/jobs/%E0%A4%A")  # no UTF-8
    page.wait_text("The table is fresh.")


def test_can_be_walked_by_keyboard(site, page):
    from selenium.webdriver.common.keys import Keys
    page.open(site.url)
    page.wait_text("The table is fresh.")

    def focused():
        return page.run("const e = document.activeElement;"
                        "return [e.tagName, e.innerText || e.id, getComputedStyle(e).outlineStyle]")

    page.press(Keys.TAB)
    assert focused()[1:] == ["Skip to content", "solid"]
    page.press(Keys.ENTER)
    assert page.run("return document.activeElement.id") == "main"
    page.press(Keys.TAB)
    tag, text, outline = focused()
    assert (tag, outline) == ("A", "solid") and text == "job activity"
    page.press(Keys.ENTER)
    page.wait_text("All tables")
    wait_for(lambda: focused()[0] == "H1", 10, lambda: f"the heading to have the focus, not {focused()}")
    seen = []
    for _ in range(18):
        page.press(Keys.TAB)
        seen.append(focused())
        assert seen[-1][2] == "solid", f"no visible focus: {seen[-1]}"
    assert [text for tag, text, _ in seen if tag == "A"][:8] == [
        "Graph", "Sources", "Tasks", "Checkpoints", "Commits", "Rows", "Events", "Plan"]
    # A refresh leaves the focus where it is.
    before = page.run("window.focusedBefore = document.activeElement; return performance.getEntriesByType('resource').length")
    wait_for(lambda: page.run("return performance.getEntriesByType('resource').length") >= before + 4, 20, lambda: "two refreshes")
    assert page.run("return window.focusedBefore === document.activeElement")
    landmarks = page.run("return ['header', 'main', 'footer', 'nav'].map(n => document.querySelectorAll(n).length)")
    assert landmarks == [1, 1, 1, 1]
    assert page.run("return document.documentElement.lang") == "en"
    assert page.run("return [...document.querySelectorAll('svg[role=img]')].every(s => s.getAttribute('aria-label'))")


CONTRASTS = """
const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll('h1, h2, p, th, td, a, dt, dd, pre, .badge')].filter((e) => e.offsetWidth > 0).map((e) => {
  const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
  return [(a + 0.05) / (b + 0.05), e.tagName, e.className, e.innerText.slice(0, 40)];
}).filter(([contrast]) => contrast < 4.5);
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_can_be_read_in_dark_and_light(site, page, scheme):
    page.prefer(scheme)
    page.open(site.job_url())
    page.wait_text("All tables", "published")
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    assert page.run(CONTRASTS) == []
    # Nothing sticks out of a laptop's screen; wide tables scroll in themselves.
    assert page.run("return document.documentElement.scrollWidth <= window.innerWidth")


def test_refreshing_moves_nothing(site, page):
    page.open(site.url)
    page.wait_text("The table is fresh.")
    page.run("""
      window.shifted = 0;
      new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifted += e.value; })
        .observe({ type: 'layout-shift', buffered: false });
      window.asked = performance.getEntriesByType('resource').length;""")
    wait_for(lambda: page.run("return performance.getEntriesByType('resource').length - window.asked") >= 9, 30,
             lambda: "three refreshes")
    assert page.run("return window.shifted") < 0.01
    assert page.run("return document.getAnimations().length") == 0


def test_a_partition_without_rows_is_named(site, page):
    page.open(site.url)
    page.wait_text("The table is fresh.")
    site.traffic.on = {0}
    try:
        text = page.wait_text("Not fresh: activity.", "partition user_transactions/1 has had no rows for ",
                              "holds the watermark at ", timeout_s=40)
        assert "partition user_transactions/0" not in text
        # The same words on the command line.
        health = site.cluster.weir("job", "get", site.job)["tables"][0]
        assert health["status"] == "STALE"
        assert (health["suspects"][0]["kind"], health["suspects"][0]["name"]) == ("partition", "user_transactions/1")
        assert "has had no rows for" in site.cluster.run("job", "get", site.job).stdout
    finally:
        site.traffic.on = set(range(PARTITIONS))
    page.wait_text("The table is fresh.", timeout_s=40)


def test_a_checkpoint_that_waits_is_named(site, page):
    page.open(site.job_url("checkpoints"))
    page.wait_text("The table is fresh.")
    site.pause_owners(True)
    try:
        page.wait_text("Not fresh: activity.", "one waits for the barrier of activity/", "of 4 tasks at the barrier",
                       timeout_s=40)
    finally:
        site.pause_owners(False)
    page.wait_text("The table is fresh.", timeout_s=40)


def test_a_restart_says_why(site, page):
    worker = site.cluster.workers[1]
    worker.kill()
    page.open(site.job_url("events"))
    page.wait_text("✕ restart", f"worker {worker.address} lost", "recovered")
    worker.start(WEIR_TEST_PAUSE_FILE=site._pause_file)
    events = site.cluster.weir("job", "events", site.job)["events"]
    restart = next(e for e in events if e["kind"] == "RESTART")
    assert worker.address in restart["message"] and restart["count"] == 1
    table = site.cluster.run("job", "events", "activity").stdout
    assert "RESTART" in table and worker.address in table
    assert site.cluster.run("job", "events", "nobody").returncode == 4


def test_a_standby_says_who_leads(site, page):
    standby = next(c for c in site.cluster.coordinators if c is not site.cluster.leader())
    page.open(standby.http)
    leader = site.cluster.addresses[site.cluster.coordinators.index(site.cluster.leader())]
    text = page.wait_text("This coordinator stands by", leader)
    assert "fresh" not in text


def test_rows_are_shown_to_operators_only(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("".join(f"{role}s {role} {hashlib.sha256(f'token-{role}'.encode()).hexdigest()}\n"
                              for role in ("viewer", "operator")))
    with Cluster(tmp_path / "cluster", workers=0, environment={"WEIR_TOKENS": str(tokens)}) as cluster:
        def get(path, authorization=None, method="GET"):
            request = urllib.request.Request(cluster.coordinator.http + path, method=method)
            if authorization:
                request.add_header("Authorization", authorization)
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    return response.status, response.headers, response.read()
            except urllib.error.HTTPError as error:
                return error.code, error.headers, error.read()

        def basic(token):
            return "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()

        for path in ("/", "/assets/app.js", "/api/v1/jobs", "/api/v1/jobs/x", "/metrics"):
            status, headers, body = get(path)
            assert status == 401 and headers["WWW-Authenticate"].startswith("Basic "), path
            assert get(path, basic("wrong"))[0] == 401
        for authorization in (basic("token-viewer"), "Bearer token-viewer", basic("token-operator")):
            assert get("/", authorization)[0] == 200
            assert json.loads(get("/api/v1/jobs", authorization)[2]) == {"jobs": [], "next_page_token": ""}
            assert get("/api/v1/jobs/x", authorization)[0] == 404
            assert get("/api/v1/jobs", authorization, method="POST")[0] == 404
        assert get("/healthz")[0] == 200
