"""A real API server of Kubernetes takes every object of every overlay, and each Pod under the restricted profile."""

import copy

import pytest
import yaml

from kubernetes_api import ApiServer, Refused
from tools import CACHE, OVERLAYS, of_kind, overlay, tool, workloads

pytestmark = pytest.mark.xdist_group("apiserver")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    tool("kube-apiserver", "apiserver")  # and the definitions of custom resources
    with ApiServer.started(tmp_path_factory.mktemp("api")) as server:
        for name in ("podmonitors", "prometheusrules"):
            definition = yaml.load((CACHE / f"crds/monitoring.coreos.com_{name}.yaml").read_text(), yaml.CSafeLoader)
            server.create(definition)
            server.wait_until_served(definition["spec"]["names"]["kind"], "monitoring.coreos.com/v1")
        made = set()
        for overlay_name in OVERLAYS:
            for namespace in of_kind(overlay(overlay_name), "Namespace"):
                if namespace["metadata"]["name"] not in made:
                    server.create(namespace)
                    made.add(namespace["metadata"]["name"])
        yield server


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_object_is_taken(api, name):
    objects = [o for o in overlay(name) if o["kind"] != "Namespace"]
    assert objects
    for thing in objects:
        taken = api.create(thing, dry_run=True)
        assert taken["metadata"]["name"] == thing["metadata"]["name"]


def pods(objects):
    """A Pod made from each template."""
    for workload in workloads(objects):
        template = workload["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": copy.deepcopy(template["spec"]),
               "metadata": {**template["metadata"], "name": workload["metadata"]["name"],
                            "namespace": workload["metadata"]["namespace"]}}
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            claimed = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "claim"}}
            pod["spec"]["volumes"].append(claimed)
        yield pod


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_pod_is_admitted_under_the_restricted_profile(api, name):
    made = list(pods(overlay(name)))
    assert len(made) >= 2
    for pod in made:
        api.create(pod, dry_run=True)


def test_what_is_wrong_is_refused(api):
    service = next(o for o in overlay("prod") if o["kind"] == "Service")
    with pytest.raises(Refused, match='unknown field "spec.selectors"'):
        api.create({**service, "spec": {**service["spec"], "selectors": {}}}, dry_run=True)
    pod = next(pods(overlay("prod")))
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(Refused, match="violates PodSecurity .*restricted"):
        api.create(pod, dry_run=True)
    rule = next(o for o in overlay("monitoring") if o["kind"] == "PrometheusRule")
    with pytest.raises(Refused, match="groups"):
        api.create({**rule, "spec": {"groups": "none"}}, dry_run=True)
