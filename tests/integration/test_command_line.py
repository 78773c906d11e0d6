"""The command line beside its commands: completion in a real shell, contexts, colours, logs as JSON."""

import json
import os
import subprocess

import pytest

from cluster import WEIR, Cluster
from test_main_job import ACTIVITY, source


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Without a worker: its job waits."""
    with Cluster(tmp_path_factory.mktemp("cluster"), workers=0, environment={"WEIR_LOG_FORMAT": "json"}) as running:
        running.submit(source() + ACTIVITY % "", "activity", BROKERS="127.0.0.1:1", TOPIC="t", TABLES=running.directory / "lake")
        yield running


def complete(cluster, *words):
    """What bash offers for the last of the words."""
    script = ('source <(weir completion bash); COMP_WORDS=(weir "$@"); COMP_CWORD=$#; _weir; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, timeout=30, cwd=cluster.directory,
                          env={**os.environ, "PATH": f"{WEIR.parent}:{os.environ['PATH']}", "WEIR_COORDINATOR": cluster.address,
                               "WEIR_CONFIG": str(cluster.directory / "none.json")}, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def test_bash_completes_commands_jobs_and_files(cluster):
    assert complete(cluster, "job", "che") == ["checkpoint", "checkpoints"]
    assert complete(cluster, "job", "get", "") == ["activity"]
    assert complete(cluster, "job", "get", "x") == []
    (cluster.directory / "a job.sql").write_text("")
    assert complete(cluster, "job", "submit", "a j") == ["a job.sql"]
    assert complete(cluster, "table", "freshness", "--wait") == ["--wait-until"]


def test_zsh_gets_a_script_too(cluster):
    assert cluster.run("completion", "zsh").stdout.startswith("#compdef weir\n")
    assert cluster.run("completion", "fish").returncode == 2


def test_commands_go_where_the_context_says(cluster, tmp_path):
    config = tmp_path / "config/weir/config.json"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WEIR_")} | {"XDG_CONFIG_HOME": str(tmp_path / "config")}

    def weir(*arguments, **more):
        return subprocess.run([str(WEIR), *arguments], capture_output=True, text=True, timeout=30, cwd=tmp_path,
                              env=environment | more, stdin=subprocess.DEVNULL)

    assert weir("context", "set", "here", "--coordinator", cluster.address).returncode == 0
    assert weir("context", "set", "away", "--coordinator", "127.0.0.1:1").returncode == 0
    assert config.stat().st_mode & 0o777 == 0o600
    assert "activity" in weir("job", "list").stdout
    assert weir("job", "list", "--context", "away").returncode == 1
    assert weir("job", "list", WEIR_CONTEXT="away").returncode == 1
    assert weir("context", "use", "away").returncode == 0
    assert weir("job", "list").returncode == 1
    assert "activity" in weir("job", "list", "--coordinator", cluster.address).stdout, "the flag wins"
    assert "activity" in weir("job", "list", WEIR_COORDINATOR=cluster.address).stdout, "and so does the environment"
    config.chmod(0o666)
    refused = weir("job", "list")
    assert refused.returncode == 2 and "chmod 600" in refused.stderr


@pytest.fixture
def diff(tmp_path):
    """A command that shows lines in colours."""
    script = tmp_path / "new.sql"
    script.write_text(source() + ACTIVITY % "")
    return [str(WEIR), "job", "diff", "-f", script, "--var", "BROKERS=127.0.0.1:1", "--var", "TOPIC=t", "--var", f"TABLES={tmp_path}/t"]


def test_no_colours_where_a_program_reads(cluster, diff):
    for environment in ({}, {"TERM": "xterm"}):
        done = subprocess.run([*diff, "--coordinator", cluster.address], capture_output=True, timeout=30,
                              env={k: v for k, v in os.environ.items() if k != "NO_COLOR"} | environment, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 and b"\n+INSERT" in done.stdout and b"\x1b" not in done.stdout


@pytest.mark.parametrize("no_color, coloured", [("", True), ("1", False)])
def test_colours_on_a_terminal_respect_no_color(cluster, diff, no_color, coloured):
    master, slave = os.openpty()
    done = subprocess.run([*diff, "--coordinator", cluster.address], stdout=slave, stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, timeout=30, env={**os.environ, "TERM": "xterm", "NO_COLOR": no_color})
    os.close(slave)
    shown = os.read(master, 65536)
    os.close(master)
    assert done.returncode == 0 and b"+INSERT" in shown
    assert (b"\x1b[32m+INSERT" in shown) == coloured


def test_logs_are_objects_with_the_job(cluster):
    lines = [line for line in cluster.coordinator.log().splitlines() if line.startswith("{")]
    objects = [json.loads(line) for line in lines]
    assert all({"time", "level", "text"} <= set(line) for line in objects)
    assert any(line["text"] == "audit" and line["job"].startswith("activity-") for line in objects)
    others = [line for line in cluster.coordinator.log().splitlines() if " INFO " in line or " WARNING " in line]
    assert others == [], "nothing is logged as text beside it"
