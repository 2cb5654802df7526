"""No report holds a feature value or an id of a record; one for the public holds no row about a single record either."""

import json
import re

import numpy as np
import pandas as pd
import pytest

N = 240
FORMATS = ("report.html", "report.json", "report.md")
# Nine digits that no statistic comes by: a cell is found again in whatever way a part of it is printed.
PLANTED = re.compile(r"73519\d|planted-word|planted-id", re.IGNORECASE)


def table(rng):
    label = rng.integers(0, 2, N)
    columns = {f"x{place}": np.round(735190.0 + rng.random(N) * 9 + label, 4) for place in range(4)}
    words = np.array([f"planted-word-{number}" for number in range(4)])
    return pd.DataFrame(
        {
            **columns,
            "word": words[rng.integers(0, 4, N)],
            "town": np.where(rng.random(N) < 0.5, "Here", "There"),
            "id": [f"planted-id-{number}" for number in range(N)],
            "label": label,
        }
    )


def audit(command, **changes):
    table(np.random.default_rng(0)).to_csv(command.folder / "people.csv", index=False)
    name = command.config(
        data={"source": "people.csv", "label": "label", "id": "id", "groups": ["town"]},
        design={"n_models": 16},
        attacks=["loss", "lira", "rmia", "quantile"],
        **changes,
    )
    result = command.inside("run", name, "--out", "out", "--engine", "inline", "--quiet")
    return {name: (command.folder / "out" / name).read_text() for name in FORMATS} | {"stdout": result.stdout}


def row_numbers(content):
    """Values of every key that names a record, wherever it stands."""
    if isinstance(content, dict):
        found = [
            value for key, value in content.items() if key in ("row", "rows", "record", "unit_ids", "most_at_risk")
        ]
        return found + [one for value in content.values() for one in row_numbers(value)]
    return [one for value in content for one in row_numbers(value)] if isinstance(content, list) else []


@pytest.mark.slow
def test_a_report_holds_no_value_and_no_id_of_a_record(command):
    texts = audit(command)
    for name, text in texts.items():
        assert not PLANTED.search(text), (name, PLANTED.search(text))
    assert "Here" in texts["report.html"]  # groups are named: the config asks for them
    assert row_numbers(json.loads(texts["report.json"])) and "row of the data" in texts["report.html"]


@pytest.mark.slow
def test_a_report_for_the_public_holds_nothing_about_single_records(command):
    texts = audit(command, report={"audience": "public"})
    for name, text in texts.items():
        assert not PLANTED.search(text), name
        assert "row of the data" not in text and "win most pairs" not in text, name
    report = json.loads(texts["report.json"])
    assert row_numbers({key: report[key] for key in report if key != "provenance"}) == []
    assert "Reports for the public list no records" in texts["report.html"]


def test_scores_with_features_leave_none_of_them_in_the_report(command):
    rng = np.random.default_rng(0)
    member = rng.integers(0, 2, N)
    features = {"feature_a": np.round(735190.0 + rng.random(N) * 9, 4), "feature_b": 735190 + rng.integers(0, 9, N)}
    columns = {"loss": rng.exponential(np.where(member, 0.3, 1.0)), "member": member, **features}
    pd.DataFrame(columns).to_csv(command.folder / "scores.csv", index=False)
    result = command.inside("scores", "scores.csv", "--out", "out")
    assert "blind baseline" in result.stdout
    for name in FORMATS:
        assert not PLANTED.search((command.folder / "out" / name).read_text()), name
