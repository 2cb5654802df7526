"""Interrupts lose at most the models in flight; the same seed gives the same bytes everywhere."""

import contextlib
import json
import os
import shutil
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPORTS = ("report.json", "report.html", "report.md")


def reports(folder):
    return {name: (folder / name).read_bytes() for name in REPORTS}


def kill_when(process, is_time, how):
    deadline = time.monotonic() + 120
    while not is_time():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    how(process)
    process.communicate(timeout=60)


def kill_nine(process):
    os.killpg(process.pid, signal.SIGKILL)


def test_kill_nine_in_the_middle_of_training_then_the_same_command(command, small):
    run = ("run", command.config(), "--out", "out", "--quiet", "--engine", "inline")
    models = command.folder / "out" / "models"
    process = command.start(*run)
    kill_when(process, lambda: len(list(models.glob("0*.safetensors"))) >= 3, kill_nine)
    kept = {path: path.stat().st_mtime_ns for path in models.glob("0*.safetensors")}
    assert 3 <= len(kept) < 12
    assert not (command.folder / "out" / "report.json").exists()
    command.inside(*run)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items()), "finished models were trained again"
    assert reports(command.folder / "out") == reports(small)


def test_kill_nine_of_the_parent_alone(command, small):
    """Workers that outlive their parent for a moment leave whole files or none."""
    config = command.config()
    models = command.folder / "out" / "models"
    process = command.start("run", config, "--out", "out", "--quiet", "--workers", "2")
    kill_when(process, lambda: len(list(models.glob("0*.safetensors"))) >= 2, lambda p: os.kill(p.pid, signal.SIGKILL))
    command.inside("run", config, "--out", "out", "--quiet", "--workers", "1")
    assert reports(command.folder / "out") == reports(small)


def worker_of(process, marker):
    """A worker of a run: a descendant of its process, known by its command line."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker in (path / "cmdline").read_text() and str(process.pid) in ancestors(path.name):
                return int(path.name)
    return None


def ancestors(pid):
    while pid not in ("0", "1"):
        pid = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1]
        yield pid


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc, which is Linux's")
@pytest.mark.parametrize(
    ("engine", "marker"),
    [
        ("process", "popen_loky"),
        pytest.param(
            "ray",
            "ray::answer_in_ray",
            marks=pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: privaudit[ray]"),
        ),
    ],
)
def test_workers_one_of_them_killed_give_the_bytes_of_inline(command, small, engine, marker):
    process = command.start("run", command.config(), "--out", "out", "--engine", engine, "--workers", "2", "-q")
    models = command.folder / "out" / "models"
    victims = []

    def is_time():
        if models.exists() and any(models.iterdir()):
            victims.append(worker_of(process, marker))
        return bool(victims and victims[-1])

    kill_when(process, is_time, lambda _: os.kill(victims[-1], signal.SIGKILL))
    assert process.returncode == 0
    assert reports(command.folder / "out") == reports(small)


def test_interrupt_says_what_to_do(command):
    config = command.config(recipe={**recipe(), "steps": 2000})
    process = command.start("run", config, "--out", "out", "--quiet", "--workers", "1")
    models = command.folder / "out" / "models"
    deadline = time.monotonic() + 60
    while not models.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on from there" in err
    assert "Traceback" not in err.split("privaudit:")[0]


def recipe():
    return {
        "sample_rate": 0.1,
        "optimizer": {"name": "sgd", "lr": 0.1},
        "dp": {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5},
    }


def test_another_seed_gives_other_numbers(command, small):
    command.inside("run", command.config(), "--out", "out", "--seed", "1", "--engine", "inline", "--quiet")
    assert reports(command.folder / "out") != reports(small)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"recipe": {**recipe(), "steps": 60}}, "recipe.variants"),
        ({"data": {"source": "breast_cancer", "n_records": 300}}, "data.digest"),
        ({"design": {"n_models": 6}}, "design.n_models: 8 -> 6. Models can be added"),
        ({"seed": 7}, "design.seed: 0 -> 7"),
    ],
    ids=["recipe", "data", "fewer models", "seed"],
)
def test_stale_models_are_refused_with_the_reason_and_kept(command, small, changes, named):
    shutil.copytree(small, command.folder / "out")
    before = {path: path.read_bytes() for path in (command.folder / "out").rglob("*") if path.is_file()}
    result = command.inside("run", command.config(**changes), "--out", "out", "--engine", "inline", code=4)
    assert named in result.stderr and "hoose another --out" in result.stderr
    assert before == {path: path.read_bytes() for path in (command.folder / "out").rglob("*") if path.is_file()}


def test_other_attacks_use_the_same_models(command, small):
    shutil.copytree(small, command.folder / "out")
    config = command.config(attacks=[{"name": "lira", "variance": "pooled"}], confidence=0.9)
    result = command.inside("run", config, "--out", "out", "--engine", "inline")
    assert "all on disk already" in result.stderr
    again = command.inside("attack", "out", "--config", config)
    assert "90 %" in again.stdout and "RMIA" not in again.stdout
    report = json.loads((command.folder / "out" / "report.json").read_text())
    (verdict,) = report["verdicts"]
    assert verdict["outcome"] == "too_weak" and "changed after a first report" in verdict["reason"]
    bounds = [e for s in report["sections"] if s["kind"] == "mia" for f in s["findings"] for e in f["estimates"]]
    assert {bound["validity"] for bound in bounds} == {"heuristic"}
    command.inside("run", command.config(), "--out", "out", "--engine", "inline", "-q")  # the first analysis again
    assert reports(command.folder / "out") == reports(small)
