"""Tools that scripts/bootstrap keeps in build/cache/deploy, fetched or compiled now if they aren't there."""

import functools
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
MONITORING = ROOT / "deploy/monitoring"
OVERLAYS = ["dev", "prod", "prod-tls", "monitoring", "monitoring-tls"]
CACHE = ROOT / "build/cache/deploy"


def tool(name, part="deploy"):
    path = CACHE / "bin" / name
    if not path.exists():
        subprocess.run([ROOT / "scripts/bootstrap", part], check=True, stdin=subprocess.DEVNULL)
    return path


def run(*command, **options):
    """The finished process, whatever its exit code."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60,
                          **{"stdin": subprocess.DEVNULL, **options})


@functools.cache
def overlay_text(name):
    """What `kubectl apply -k` would send."""
    done = run(tool("kustomize"), "build", KUBERNETES / "overlays" / name)
    assert done.returncode == 0, done.stderr
    return done.stdout


def overlay(name):
    """The overlay's objects."""
    return list(yaml.load_all(overlay_text(name), yaml.CSafeLoader))


def of_kind(objects, *kinds):
    return [o for o in objects if o["kind"] in kinds]


def workloads(objects):
    return of_kind(objects, "StatefulSet", "Deployment")
