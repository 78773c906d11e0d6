"""deploy/kubernetes: every overlay builds, its parts fit one another, and the real binary does what they say of it."""

import functools
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from authority import Authority
from cluster import WEIR, wait_for
from network_policy import NAMESPACE_LABEL, Peer, allows
from ports import free_ports
from tools import OVERLAYS, ROOT, of_kind, overlay, overlay_text, run, tool, workloads

START_TIMEOUT_S = 60

overlays = pytest.mark.parametrize("name", OVERLAYS)


def by_name(objects, kind, name):
    found = [o for o in of_kind(objects, kind) if o["metadata"]["name"] == name]
    assert len(found) == 1, f"{kind} {name}: {len(found)} of them"
    return found[0]


def pod_of(objects, kind, name):
    return by_name(objects, kind, name)["spec"]["template"]["spec"]


def container_of(objects, name):
    return pod_of(objects, "StatefulSet", name)["containers"][0]


def config_of(objects, name):
    """{key: value} of the ConfigMaps and of the plain variables that the StatefulSet's container gets."""
    container = container_of(objects, name)
    values = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            values |= by_name(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    return values | {e["name"]: e["value"] for e in container["env"] if "value" in e}


def seconds(duration):
    return int(re.fullmatch(r"(\d+)s", duration)[1])


# The manifests among themselves.

@overlays
def test_names_are_unique_and_in_one_namespace(name):
    objects = overlay(name)
    names = [(o["kind"], o["metadata"]["name"]) for o in objects]
    assert len(names) == len(set(names))
    namespace = of_kind(objects, "Namespace")[0]["metadata"]["name"]
    others = {o["metadata"].get("namespace") for o in objects if o["kind"] != "Namespace"}
    assert others == {namespace}


@overlays
def test_selectors_find_their_pods(name):
    objects = overlay(name)
    templates = {w["metadata"]["name"]: w["spec"]["template"] for w in workloads(objects)}

    def selected(selector):
        assert selector
        return {n for n, t in templates.items() if selector.items() <= t["metadata"]["labels"].items()}

    for workload in workloads(objects):
        own = {workload["metadata"]["name"]}
        assert selected(workload["spec"]["selector"]["matchLabels"]) == own
        for spread in workload["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            assert selected(spread["labelSelector"]["matchLabels"]) == own
    for budget in of_kind(objects, "PodDisruptionBudget"):
        assert selected(budget["spec"]["selector"]["matchLabels"]) == {budget["metadata"]["name"]}
        assert budget["spec"]["maxUnavailable"] == 1
    for service in of_kind(objects, "Service"):
        found = selected(service["spec"]["selector"])
        assert len(found) == 1, service["metadata"]["name"]
        ports = {p["name"] for p in templates[found.pop()]["spec"]["containers"][0]["ports"]}
        assert {p["targetPort"] for p in service["spec"]["ports"]} <= ports
    for stateful in of_kind(objects, "StatefulSet"):
        assert stateful["spec"]["podManagementPolicy"] == "Parallel"
        headless = by_name(objects, "Service", stateful["spec"]["serviceName"])["spec"]
        assert headless["clusterIP"] == "None" and headless["publishNotReadyAddresses"] is True
        assert selected(headless["selector"]) == {stateful["metadata"]["name"]}


@overlays
def test_what_pods_refer_to_is_there(name):
    """Secrets of production come from elsewhere: exactly those that the overlay names in its comment."""
    objects = overlay(name)
    there = {(o["kind"], o["metadata"]["name"]) for o in objects}
    missing = set()
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        container = pod["containers"][0]
        references = [("ServiceAccount", pod["serviceAccountName"])] if "serviceAccountName" in pod else []
        for source in container.get("envFrom", []):
            references += [(kind, source[key]["name"]) for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
                           if key in source]
        for entry in container["env"]:
            if "secretKeyRef" in entry.get("valueFrom", {}):
                reference = entry["valueFrom"]["secretKeyRef"]
                references.append(("Secret", reference["name"]))
                assert reference["key"] in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        references += [("Secret", v["secret"]["secretName"]) for v in pod["volumes"] if "secret" in v]
        missing |= set(references) - there
        volumes = {v["name"] for v in pod["volumes"]}
        volumes |= {c["metadata"]["name"] for c in workload["spec"].get("volumeClaimTemplates", [])}
        assert {m["name"] for m in container["volumeMounts"]} <= volumes
    secrets = [] if name == "dev" else ["weir-object-store"]
    if name.endswith("-tls"):
        secrets += ["weir-coordinator-tls", "weir-worker-tls"]
    assert missing == {("Secret", secret) for secret in secrets}


@overlays
def test_pods_are_restricted(name):
    """The restricted profile of Kubernetes, and what it doesn't ask for: a read-only root, no token."""
    objects = overlay(name)
    labels = of_kind(objects, "Namespace")[0]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) - {"name"} <= {"emptyDir", "secret"} for volume in pod["volumes"])
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
            resources = container["resources"]
            assert resources["requests"]["memory"] == resources["limits"]["memory"]


# Which connections there must be, and which there must not.
OWN = "weir"
WORKER = Peer((("app.kubernetes.io/name", "weir"), ("app.kubernetes.io/component", "worker")), ((NAMESPACE_LABEL, OWN),),
              ports=(("exchange", 7080), ("http", 7081)))
COORDINATOR = Peer((("app.kubernetes.io/name", "weir"), ("app.kubernetes.io/component", "coordinator")),
                   ((NAMESPACE_LABEL, OWN),), ports=(("grpc", 7070), ("http", 7071)))
CLIENT = Peer((("weir.dev/client", "true"),), ((NAMESPACE_LABEL, OWN),))
STRANGER = Peer((("app", "stranger"),), ((NAMESPACE_LABEL, OWN),))
FOREIGN_CLIENT = Peer((("weir.dev/client", "true"),), ((NAMESPACE_LABEL, "elsewhere"),))
PROMETHEUS = Peer((("app", "prometheus"),), ((NAMESPACE_LABEL, "monitoring"),))
DNS = Peer((("k8s-app", "kube-dns"),), ((NAMESPACE_LABEL, "kube-system"),))
API_SERVER = Peer((("component", "kube-apiserver"),), ((NAMESPACE_LABEL, "kube-system"),))


def outside(address):
    return Peer(address=address)


ALLOWED = [
    (WORKER, COORDINATOR, 7070), (COORDINATOR, COORDINATOR, 7070), (WORKER, WORKER, 7080), (COORDINATOR, WORKER, 7080),
    (PROMETHEUS, WORKER, 7081), (PROMETHEUS, COORDINATOR, 7071),
    (WORKER, DNS, 53), (COORDINATOR, DNS, 53),
    (WORKER, outside("10.20.0.7"), 9092), (WORKER, outside("10.20.0.7"), 9094), (COORDINATOR, outside("10.20.0.7"), 9093),
    (WORKER, outside("52.218.0.9"), 443), (COORDINATOR, outside("52.218.0.9"), 443),
]
DENIED = [
    (STRANGER, COORDINATOR, 7070), (STRANGER, COORDINATOR, 7071), (STRANGER, WORKER, 7080), (STRANGER, WORKER, 7081),
    (FOREIGN_CLIENT, COORDINATOR, 7070), (CLIENT, WORKER, 7080), (PROMETHEUS, WORKER, 7080), (PROMETHEUS, COORDINATOR, 7070),
    (WORKER, COORDINATOR, 7071), (WORKER, API_SERVER, 443), (WORKER, DNS, 443), (WORKER, STRANGER, 443),
    (WORKER, outside("169.254.169.254"), 443), (WORKER, outside("10.20.0.7"), 22), (WORKER, outside("10.20.0.7"), 9095),
    (STRANGER, outside("52.218.0.9"), 443),
]


def test_the_network_lets_through_what_is_needed_and_nothing_else():
    policies = of_kind(overlay("prod"), "NetworkPolicy")
    for source, target, port in ALLOWED:
        assert allows(policies, OWN, source, target, port, "UDP" if port == 53 else "TCP"), (source, target, port)
    for source, target, port in DENIED:
        assert not allows(policies, OWN, source, target, port), (source, target, port)
    # A client's own way out is the business of who runs it.
    out = {"spec": {"podSelector": {"matchLabels": {"weir.dev/client": "true"}}, "policyTypes": ["Egress"], "egress": [{}]}}
    assert allows([*policies, out], OWN, CLIENT, COORDINATOR, 7070)
    assert not allows(policies, OWN, CLIENT, COORDINATOR, 7070)


def test_a_policy_with_one_rule_too_few_is_noticed():
    policies = of_kind(overlay("prod"), "NetworkPolicy")
    for gone in ("weir-coordinator", "weir-worker", "weir-metrics", "weir-out"):
        rest = [p for p in policies if p["metadata"]["name"] != gone]
        assert not all(allows(rest, OWN, *flow, "UDP" if flow[2] == 53 else "TCP") for flow in ALLOWED), gone
    rest = [p for p in policies if p["metadata"]["name"] != "weir-default-deny"]
    assert any(allows(rest, OWN, *flow) for flow in DENIED)


# What kube-score finds and we leave, each with its reason.
ACCEPTED = {
    "container-image-pull-policy": "tags are never reused; IfNotPresent keeps a restart independent of the registry",
    "container-ephemeral-storage-request-and-limit": "emptyDir volumes carry a sizeLimit of their own; the root is read-only",
    "container-resources": "a coordinator without a CPU limit: throttled, it would lose its lease",
    "statefulset-has-host-podantiaffinity": "topologySpreadConstraints say the same",
    "deployment-has-host-podantiaffinity": "dev's MinIO is one pod",
    "deployment-has-poddisruptionbudget": "dev's MinIO is one pod",
    "deployment-strategy": "dev's MinIO is one pod, and two must not have its volume",
    "deployment-replicas": "dev's MinIO is one pod",
}


@overlays
def test_kube_score_finds_nothing_new(name):
    done = run(tool("kube-score"), "score", "--output-format", "json", "-", input=overlay_text(name), stdin=None)
    found = {}
    for judged in json.loads(done.stdout):
        for check in judged["checks"] or []:
            if check["grade"] < 10 and not check["skipped"]:
                found.setdefault(check["check"]["id"], []).append((judged["object_name"], check["comments"]))
    assert set(found) <= set(ACCEPTED), {k: v for k, v in found.items() if k not in ACCEPTED}


def test_kube_score_sees_a_bad_pod():
    text = overlay_text("prod").replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    done = run(tool("kube-score"), "score", "--output-format", "json", "-", input=text, stdin=None)
    grades = {c["check"]["id"]: c["grade"] for judged in json.loads(done.stdout) for c in judged["checks"] or []
              if judged["object_name"].endswith("StatefulSet/apps/v1/weir/weir-worker")}
    assert grades["container-security-context-readonlyrootfilesystem"] < 10


# The manifests and the binary.

@functools.cache
def flags_by_variable(command):
    """{environment variable: flag} of `weir COMMAND`, its global options too, as --help names them."""
    text = run(WEIR, command, "--help").stdout + run(WEIR, "--help").stdout
    return {m[2]: m[1] for m in re.finditer(r"(--[a-z-]+)(?:(?!--)[\s\S])*?\(Env:(\w+)\)", text)}


def store_variables():
    """What processes read about the object store: the first table of docs/object-storage.md, and the credentials."""
    return set(re.findall(r"`((?:AWS|WEIR_S3)_[A-Z0-9_]+)`", (ROOT / "docs/object-storage.md").read_text()))


@overlays
def test_every_setting_is_one_that_the_binary_reads(name):
    objects = overlay(name)
    for command in ("coordinator", "worker"):
        known = flags_by_variable(command)
        for key in config_of(objects, f"weir-{command}"):
            assert key in known or key in store_variables(), f"weir {command} doesn't read {key}"
    for config in of_kind(objects, "ConfigMap"):
        assert config["metadata"]["name"].startswith(("weir-coordinator-", "weir-worker-", "weir-store-", "weir-dashboard"))


@pytest.mark.parametrize("command, variable, value", [
    ("coordinator", "WEIR_LISTEN", "nowhere"), ("coordinator", "WEIR_HTTP", "nowhere"), ("coordinator", "WEIR_DATA", "s3://"),
    ("coordinator", "WEIR_ADVERTISE", "nowhere"), ("worker", "WEIR_ADVERTISE", "nowhere"),
    ("worker", "WEIR_COORDINATOR", ","), ("worker", "WEIR_LISTEN", "nowhere"), ("worker", "WEIR_HTTP", "nowhere"),
    ("worker", "WEIR_CACHE", "/proc/weir"), ("worker", "WEIR_DRAIN_TIMEOUT", "soon"), ("worker", "WEIR_SLOTS", "0"),
    ("worker", "WEIR_MEMORY", "much"),
])
def test_a_wrong_setting_is_refused(command, variable, value, tmp_path):
    listen, http = free_ports(2)
    environment = {**os.environ, "WEIR_LISTEN": f"127.0.0.1:{listen}", "WEIR_HTTP": f"127.0.0.1:{http}",
                   "WEIR_DATA": str(tmp_path / "data"), "WEIR_CACHE": str(tmp_path / "cache"), variable: value}
    done = run(WEIR, command, env=environment, cwd=tmp_path)
    assert done.returncode in (1, 2), done.stderr
    assert value.strip("/,") in done.stderr or flags_by_variable(command)[variable] in done.stderr, done.stderr


@overlays
def test_ports_are_those_of_the_settings(name):
    objects = overlay(name)
    for stateful, listen in (("weir-coordinator", "grpc"), ("weir-worker", "exchange")):
        ports = {p["name"]: p["containerPort"] for p in container_of(objects, stateful)["ports"]}
        config = config_of(objects, stateful)
        assert config["WEIR_LISTEN"] == f"0.0.0.0:{ports[listen]}"
        assert config["WEIR_HTTP"] == f"0.0.0.0:{ports['http']}"
        assert config["WEIR_ADVERTISE"].endswith(f":{ports[listen]}")
        # Beyond loopback it's one or the other.
        assert ("WEIR_TLS_CERT" in config) != (config["WEIR_INSECURE"] == "true")
        # --slots and --memory come from the pod's limits.
        assert not {"WEIR_SLOTS", "WEIR_MEMORY"} & set(config)
        assert not any(a.startswith("--") for a in container_of(objects, stateful)["args"])
    replicas = by_name(objects, "StatefulSet", "weir-coordinator")["spec"]["replicas"]
    assert config_of(objects, "weir-worker")["WEIR_COORDINATOR"].split(",") == [
        f"weir-coordinator-{i}.weir-coordinator:7070" for i in range(replicas)]


@overlays
def test_the_grace_period_holds_the_drain(name):
    objects = overlay(name)
    grace = pod_of(objects, "StatefulSet", "weir-worker")["terminationGracePeriodSeconds"]
    assert grace >= seconds(config_of(objects, "weir-worker")["WEIR_DRAIN_TIMEOUT"]) + 10


@pytest.mark.parametrize("overlay_name", ["prod", "prod-tls"])
def test_processes_live_by_the_manifests_settings(overlay_name, tmp_path):
    """Both processes with the variables, arguments and probes of their pods; only addresses and paths are this machine's."""
    objects = overlay(overlay_name)
    authority = Authority(tmp_path / "certificates")
    authority.issue("weir-client", "weir-client")
    grpc, http, exchange, worker_http = free_ports(4)
    own = {
        "weir-coordinator": {"WEIR_LISTEN": f"127.0.0.1:{grpc}", "WEIR_HTTP": f"127.0.0.1:{http}",
                             "WEIR_DATA": str(tmp_path / "data"), "WEIR_ADVERTISE": f"127.0.0.1:{grpc}"},
        "weir-worker": {"WEIR_COORDINATOR": f"127.0.0.1:{grpc}", "WEIR_LISTEN": f"127.0.0.1:{exchange}",
                        "WEIR_HTTP": f"127.0.0.1:{worker_http}", "WEIR_CACHE": str(tmp_path / "cache"),
                        "WEIR_ADVERTISE": f"127.0.0.1:{exchange}"},
    }
    running = []
    try:
        for name, port in (("weir-coordinator", http), ("weir-worker", worker_http)):
            container = container_of(objects, name)
            environment = {**os.environ, **config_of(objects, name), **own[name]}
            if "WEIR_TLS_CERT" in environment:
                environment |= mounted_certificate(objects, name, authority)
            log = open(tmp_path / f"{name}.log", "wb")
            process = subprocess.Popen([WEIR, *container["args"]], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
            running.append((process, log))
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                get = container[probe]["httpGet"]
                assert get["port"] == "http"
                url = f"{get.get('scheme', 'HTTP').lower()}://127.0.0.1:{port}{get['path']}"
                wait_for(lambda: answers(url, process), START_TIMEOUT_S,
                         lambda: f"{name}'s {probe}:\n{pathlib.Path(log.name).read_text()}")
        client = {**os.environ, "WEIR_COORDINATOR": f"127.0.0.1:{grpc}"}
        if overlay_name == "prod-tls":
            assert run(WEIR, "worker", "list", env=client).returncode != 0
            client |= authority.environment("weir-client")
        listed = json.loads(run(WEIR, "worker", "list", "-o", "json", env=client).stdout)
        assert [w["address"] for w in listed["workers"]] == [f"127.0.0.1:{exchange}"]
        for process, _ in reversed(running):
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    finally:
        for process, log in running:
            if process.poll() is None:
                process.kill()
                process.wait()
            log.close()


def mounted_certificate(objects, name, authority):
    """The variables that name the files of the pod's Secret, which here are in a folder of the authority."""
    container = container_of(objects, name)
    volume, = [v for v in pod_of(objects, "StatefulSet", name)["volumes"] if "secret" in v]
    mount, = [m["mountPath"] for m in container["volumeMounts"] if m["name"] == volume["name"]]
    authority.issue(name, name)
    files = authority.directory / name
    files.mkdir()
    made = authority.environment(name)
    for variable, file in (("WEIR_TLS_CERT", "tls.crt"), ("WEIR_TLS_KEY", "tls.key"), ("WEIR_TLS_CA", "ca.crt")):
        assert config_of(objects, name)[variable] == f"{mount}/{file}"
        shutil.copy(made[variable], files / file)
        made[variable] = str(files / file)
    return made


def answers(url, process):
    assert process.poll() is None, "the process ended"
    try:
        # As the kubelet asks: without a certificate, and without a look at the server's.
        with urllib.request.urlopen(url, timeout=2, context=ssl._create_unverified_context()) as reply:
            return reply.status == 200
    except OSError:
        return False


def test_devs_minio_starts_with_the_bucket_of_the_cluster(tmp_path):
    from minio import binary
    from s3 import Bucket

    objects = overlay("dev")
    container = pod_of(objects, "Deployment", "minio")["containers"][0]
    secret = next(s["stringData"] if "stringData" in s else decoded(s["data"]) for s in of_kind(objects, "Secret"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/minio").symlink_to(binary())
    port, = free_ports(1)
    command = [part.replace("/data", str(tmp_path / "data")).replace(":9000", f"127.0.0.1:{port}")
               for part in container["command"]]
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "MINIO_BROWSER": "off",
                   "MINIO_ROOT_USER": secret["AWS_ACCESS_KEY_ID"], "MINIO_ROOT_PASSWORD": secret["AWS_SECRET_ACCESS_KEY"]}
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}{container['readinessProbe']['httpGet']['path']}", process),
                 START_TIMEOUT_S, lambda: "MinIO")
        name = re.fullmatch(r"s3://([^/]+)/.*", config_of(objects, "weir-coordinator")["WEIR_DATA"])[1]
        bucket = Bucket(f"http://127.0.0.1:{port}", name, secret["AWS_ACCESS_KEY_ID"], secret["AWS_SECRET_ACCESS_KEY"])
        wait_for(lambda: takes(bucket), START_TIMEOUT_S, lambda: "MinIO to take an object")
        assert bucket.keys() == ["cluster/x"]
    finally:
        process.kill()
        process.wait()


def takes(bucket):
    try:
        bucket.put("cluster/x", b"1")
        return True
    except urllib.error.HTTPError as error:
        assert error.code == 503, error  # it starts
        return False


def decoded(data):
    import base64
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
