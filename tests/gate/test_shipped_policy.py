import tomllib
from pathlib import Path

import pytest
import yaml

import privaudit.gate
from privaudit.gate import judge, load_policy, shipped_policy

FILE = Path(privaudit.gate.__file__).with_name("shipped_policy.yaml")


def test_its_limits():
    policy = shipped_policy()
    limits = [(rule.id, rule.metric, rule.at, rule.max) for rule in policy.rules]
    assert limits == [
        ("few members found", "tpr_at_fpr", 0.01, 0.03),
        ("small advantage over guessing", "auc", None, 0.60),
    ]
    assert policy.confidence == 0.99
    assert not policy.allow_inconclusive and not policy.waivers and policy.baseline is None
    assert policy == load_policy(FILE)


def test_it_is_commented_and_packaged():
    text = FILE.read_text()
    assert sum(line.lstrip().startswith("#") for line in text.splitlines()) >= 4
    assert set(yaml.safe_load(text)) == {"schema_version", "confidence", "rules"}
    root = Path(__file__).resolve().parents[2]
    data = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert "*.yaml" in data["privaudit.gate"]


@pytest.mark.parametrize(
    ("shift", "n", "outcome"), [(0.0, 8000, "pass"), (1.0, 1000, "fail"), (0.0, 300, "inconclusive")]
)
def test_what_it_says(attack, report_of, shift, n, outcome):
    import numpy as np

    rng = np.random.default_rng(1)
    report = report_of(
        *(attack(rng.normal(shift, 1, n), rng.normal(0, 1, n), name=name) for name in ("loss-0", "lira-0"))
    )
    assert judge(report, shipped_policy()).outcome == outcome
