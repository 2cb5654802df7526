"""The examples run as they stand, smaller."""

import runpy
import warnings
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.slow


@pytest.fixture
def run(monkeypatch, capsys):
    """What an example prints, run as a script in this process."""

    def _run(name, **settings):
        for key, value in settings.items():
            monkeypatch.setenv(key, value)
        with warnings.catch_warnings(), torch.random.fork_rng():
            warnings.simplefilter("ignore")  # Opacus's, which end no user's process
            runpy.run_path(str(ROOT / "docs" / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return _run


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


def test_adult(run):
    assert run("canaries_adult.py", RECORDS="1000", EPOCHS="2").startswith("too_weak")


@pytest.mark.skipif(not (DATA / "fashion_mnist_25k.npz").exists(), reason="needs fashion_mnist_25k.npz")
def test_fashion(run):
    shown = run("canaries_fashion.py", RECORDS="500", STEPS="10", PRIVAUDIT_DATA=str(DATA))
    assert shown.startswith("too_weak") and "'curve_refuted': 0.0" in shown
