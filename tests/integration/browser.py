"""Headless Chromium for the tests of the status page, which may talk to this machine only.

    with Browser.started() as page:
        page.open("http://127.0.0.1:7071/")
        page.wait_text("All tables")

`scripts/bootstrap browser` installs it, now if it isn't there.
"""

import contextlib
import importlib.util
import json
import pathlib
import shutil
import subprocess
import urllib.parse

from ports import free_ports
from server_process import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 1366, 900  # a laptop's


class Browser:
    def __init__(self, driver):
        self.driver = driver

    @classmethod
    @contextlib.contextmanager
    def started(cls):
        if not (shutil.which("chromium") and shutil.which("chromedriver") and importlib.util.find_spec("selenium")):
            subprocess.run([ROOT / "scripts/bootstrap", "browser"], check=True, stdin=subprocess.DEVNULL)
            importlib.invalidate_caches()
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
                         "--disable-component-update", "--no-first-run", "--disable-gpu", "--hide-scrollbars",
                         f"--window-size={WIDTH},{HEIGHT}",
                         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        service = Service(executable_path=shutil.which("chromedriver"), port=free_ports(1)[0])
        driver = webdriver.Chrome(options=options, service=service)
        try:
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                   {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False})
            yield cls(driver)
        finally:
            driver.quit()

    def open(self, url):
        # A hash alone would not load the page again.
        self.driver.get("about:blank")
        self.driver.get(url)

    def text(self):
        return self.run("return document.body.innerText")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait_text(self, *parts, timeout_s=30):
        """Waits until the page shows all of them."""
        seen = {}

        def shown():
            seen["text"] = self.text()
            return all(part in seen["text"] for part in parts)

        wait_for(shown, timeout_s, lambda: f"{parts} on the page, which shows:\n{seen['text']}")
        return seen["text"]

    def all(self, selector):
        from selenium.webdriver.common.by import By
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def prefer(self, scheme):
        """Dark or light, as the system would ask."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def requested(self):
        """(scheme, host:port) of everything that was asked for since the last call."""
        hosts = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = urllib.parse.urlsplit(message["params"]["request"]["url"])
                hosts.add((url.scheme, url.netloc))
        return hosts

    def complaints(self):
        """What the browser's console said since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def screenshot(self, path, height=HEIGHT):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False})
        self.driver.save_screenshot(str(path))
