"""Runs the real command, in this process or in a fresh one."""

import contextlib
import importlib.util
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SMALL = {
    "data": {"source": "breast_cancer"},
    "model": {"build": "mlp", "params": {"hidden": [16]}},
    "recipe": {
        "steps": 60,
        "sample_rate": 0.1,
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
        "dp": {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5},
    },
    "design": {"n_models": 8},
    "control": {"n_models": 4},
}


def _heed_interrupts():
    """A shell's background job ignores SIGINT and hands that down; a person's terminal does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Command:
    """The installed command; called, it gets a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *args: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "privaudit", *args],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
            start_new_session=True,
            preexec_fn=_heed_interrupts,  # noqa: PLW1509 - the tests start no threads
        )

    def __call__(self, *args: str, code: int = 0) -> subprocess.CompletedProcess:
        process = self.start(*args)
        out, err = process.communicate(timeout=240)
        assert process.returncode == code, f"exit code {process.returncode}, expected {code}\n{out}\n{err}"
        assert "Traceback" not in err
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def inside(self, *args: str, code: int = 0) -> subprocess.CompletedProcess:
        """The same command in this process: where only words and files are looked at, torch need not load again."""
        from privaudit.cli.main import exit_code

        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            found = exit_code(list(args))
        assert found == code, f"exit code {found}, expected {code}\n{out.getvalue()}\n{err.getvalue()}"
        assert "Traceback" not in err.getvalue()
        return subprocess.CompletedProcess(args, found, out.getvalue(), err.getvalue())

    def config(self, name: str = "audit.yaml", **changes) -> str:
        content = {**SMALL, **changes}
        (self.folder / name).write_text(yaml.safe_dump(content))
        return name


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path)


@pytest.fixture(scope="session")
def new_command():
    """Makes a command that runs in a given folder."""
    return Command


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A small finished audit that tests copy and damage."""
    run = Command(tmp_path_factory.mktemp("small"))
    run.inside("run", run.config(), "--out", "out", "--engine", "inline", "--quiet")
    return run.folder / "out"


@pytest.fixture(scope="session")
def sample():
    """The module that builds reports by hand, for what looks at reports alone."""
    path = Path(__file__).parents[1] / "report" / "sample_report.py"
    spec = importlib.util.spec_from_file_location("sample_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
