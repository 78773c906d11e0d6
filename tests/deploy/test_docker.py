"""deploy/docker, as far as no container engine is needed. tests/deploy/image proves what the image contains."""

import pathlib
import re
import shutil

import pytest
import yaml

from cluster import WEIR
from test_kubernetes import flags_by_variable, store_variables
from tools import MONITORING, ROOT, of_kind, overlay, run, tool

DOCKER = ROOT / "deploy/docker"
PROCESSES = {"coordinator": "coordinator", "worker-1": "worker", "worker-2": "worker"}


def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def instructions(name):
    return re.findall(rf"^{name} (.*)$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)


def packages():
    last = (DOCKER / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
    return set(re.findall(r"^      ([a-z0-9+.-]+) \\$", last, re.MULTILINE))


def test_the_image_has_the_packages_of_the_binarys_libraries():
    """Of those that the binary itself names; the rest comes with them."""
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", WEIR).stdout))
    resolved = map(pathlib.Path, re.findall(r"(/\S+) \(0x", run("ldd", WEIR).stdout))
    # The folder too, without the links above it: 32-bit libraries beside them have the same names.
    places = {(path.parent.name, path.name) for path in resolved if path.name in needed}
    found = {}  # without Arrow's, which come with the binary
    for files in pathlib.Path("/var/lib/dpkg/info").glob("lib*.list"):
        installed = {tuple(line.rsplit("/", 2)[1:]) for line in files.read_text().splitlines() if line.count("/") > 1}
        found |= {library: files.stem.split(":")[0] for _, library in places & installed}
    assert len(found) > 10
    of_the_base = {"libc6", "libgcc-s1", "libstdc++6"}
    assert set(found.values()) - of_the_base <= packages(), found
    # libssl3 is the binary's through libcurl, too.
    assert packages() - set(found.values()) <= {"ca-certificates", "libssl3"}


def test_pods_fit_the_image():
    user, group = map(int, instructions("USER")[0].split(":"))
    assert instructions("ENTRYPOINT") == ['["weir"]']
    exposed = set(map(int, instructions("EXPOSE")[0].split()))
    for stateful in of_kind(overlay("prod"), "StatefulSet"):
        pod = stateful["spec"]["template"]["spec"]
        assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (user, group)
        assert {p["containerPort"] for p in pod["containers"][0]["ports"]} <= exposed
        assert "command" not in pod["containers"][0]


@pytest.mark.parametrize("service", PROCESSES)
def test_compose_sets_what_the_binary_reads(service):
    made = compose()["services"][service]
    command = PROCESSES[service]
    assert made["command"] == [command]
    known = flags_by_variable(command)
    for key in made["environment"]:
        assert key in known or key in store_variables(), key
    name, port = made["environment"]["WEIR_ADVERTISE"].split(":")
    assert name == service and made["environment"]["WEIR_LISTEN"] == f"0.0.0.0:{port}"
    assert made["environment"]["WEIR_INSECURE"] == "true"  # beyond loopback, and without certificates


def test_compose_listens_on_loopback_only():
    for name, service in compose()["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_compose_has_the_files_that_it_mounts():
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            if volume.startswith("."):
                assert (DOCKER / volume.split(":")[0]).exists(), (name, volume)


def test_prometheus_takes_its_configuration(tmp_path):
    for file in (DOCKER / "prometheus.yaml", MONITORING / "weir.rules.yaml"):
        shutil.copy(file, tmp_path)
    done = run(tool("promtool"), "check", "config", tmp_path / "prometheus.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    services = compose()["services"]
    for scrape in yaml.safe_load((DOCKER / "prometheus.yaml").read_text())["scrape_configs"]:
        for target in scrape["static_configs"][0]["targets"]:
            name, port = target.split(":")
            assert services[name]["environment"]["WEIR_HTTP"] == f"0.0.0.0:{port}"
            assert scrape["job_name"] == f"weir-{PROCESSES[name]}"

