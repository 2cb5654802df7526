"""The examples run as they stand, smaller."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.slow


def run(name, **settings):
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "examples" / name)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["canaries_adult.py", "canaries_fashion.py"])
def test_at_most_five_lines_are_the_audits(name):
    lines = (ROOT / "docs" / "examples" / name).read_text().splitlines()
    marked = [line for line in lines if line.rstrip()[-3:-1] == "# " and line.rstrip()[-1].isdigit()]
    ours = [
        line
        for line in lines
        if "audit" in line.lower()
        and "PRIVAUDIT_DATA" not in line
        and not line.startswith(('"""', "from privaudit.data"))
    ]
    assert len(marked) <= 5
    assert [line for line in ours if line not in marked] == []


def test_adult():
    assert run("canaries_adult.py", RECORDS="1000", EPOCHS="2").startswith("too_weak")


@pytest.mark.skipif(not (DATA / "fashion_mnist_25k.npz").exists(), reason="needs fashion_mnist_25k.npz")
def test_fashion():
    shown = run("canaries_fashion.py", RECORDS="500", STEPS="10", PRIVAUDIT_DATA=str(DATA))
    assert shown.startswith("too_weak") and "'curve_refuted': 0.0" in shown
