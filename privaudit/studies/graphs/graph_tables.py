"""The tables of the study: by law, by protocol, what was leaked, and the control."""

from collections.abc import Mapping, Sequence

import numpy as np

from privaudit.estimators import n_leaked_draw_metrics
from privaudit.studies.distribution.contest import GAUSS, KL
from privaudit.studies.graphs.graph_contest import GRAPH_ATTACKS, PIN
from privaudit.studies.graphs.graph_played import GraphPlayed, control_mean, mean_graph_accuracy
from privaudit.studies.leaderboard.intervals import Mean
from privaudit.studies.study import Cell, StudyTable
from privaudit.types import Metric

DIGITS = 3
LEAKED = (KL, GAUSS, PIN)
Seeds = Sequence[GraphPlayed]
LABELS = {
    "fresh": "a fresh graph per model: about the law",
    "independent": "two base graphs: about the law as far as two graphs show it",
    "shared": "INFLATED: partly the shared base graph itself",
}


def law_table(by_name: Mapping[str, Seeds]) -> StudyTable:
    """Accuracy of every attack, two columns for each setting with two worlds.

    Args:
        by_name: setting -> its seeds.
    """
    rows = []
    for attack in GRAPH_ATTACKS:
        means = [mean_graph_accuracy(played, attack) for played in by_name.values()]
        rows.append((attack, *(_round(number) for mean in means for number in (mean.value, mean.half_width))))
    return StudyTable(
        title=f"Fresh graphs of {_seeds(by_name)}: clustering (closing 0 against 0.9) and mean degree (10 against 4)",
        columns=("attack", *(head for name in by_name for head in (name, "+-"))),
        rows=tuple(rows),
        notes=(f"accuracy; {_models(by_name)}.", _task(by_name)),
    )


def protocol_table(by_name: Mapping[str, Seeds], title: str) -> StudyTable:
    """Mean accuracy over worlds, a row for each setting with its label.

    Args:
        by_name: setting -> its seeds.
        title: of the table.
    """
    rows: list[tuple[Cell, ...]] = []
    for name, played in by_name.items():
        setting = played[0].setting
        for value in setting.values[1:]:
            means = [mean_graph_accuracy(played, attack, value) for attack in GRAPH_ATTACKS]
            rows.append(
                (
                    name,
                    f"{setting.values[0]:g} / {value:g}",
                    *(_round(mean.value) for mean in means),
                    LABELS[setting.protocol],
                )
            )
    return StudyTable(
        title=f"{title}, {_seeds(by_name)}",
        columns=("graphs", "degrees", *GRAPH_ATTACKS, "what it measures"),
        rows=tuple(rows),
        notes=(f"accuracy; {_models(by_name)}.", _task(by_name)),
    )


def leaked_table(by_name: Mapping[str, Seeds]) -> StudyTable:
    """Number of nodes' degrees, or clustering coefficients, that would tell as much as an attack did.

    Args:
        by_name: setting -> its seeds; only those about the law.
    """
    rows: list[tuple[Cell, ...]] = []
    for name, played in by_name.items():
        setting = played[0].setting
        for value in setting.values[1:]:
            draws = [np.concatenate([one.draws[own] for one in played]) for own in (setting.values[0], value)]
            for attack in LEAKED:
                accuracy = _metric(mean_graph_accuracy(played, attack, value))
                found = n_leaked_draw_metrics(
                    accuracy, *draws, property=setting.property, has_zipf=setting.property == "degree"
                )
                ends = (found[0].value, found[0].lower, found[0].upper)
                zipf = found[1].value if len(found) > 1 else None
                compared = f"{setting.values[0]:g} / {value:g}"
                rows.append(
                    (name, compared, attack, _round(accuracy.value), *(_leaked(end) for end in ends), _leaked(zipf))
                )
    return StudyTable(
        title="n_leaked: how many nodes' degrees, or clustering coefficients, would let one be right as often",
        columns=("setting", "values", "attack", "accuracy", "n_leaked", "lower", "upper", "published (Zipf)"),
        rows=tuple(rows),
        notes=(
            (
                "by the exact divergence of histograms of the victims' graphs, at the mean accuracy over seeds and the ends of its "
                "t-interval; a lower bound on what the best guesser needs. Of clustering coefficients the number is this project's own. "
                "The published surrogate fits Zipf laws, which degrees of block graphs do not follow. Nodes of one graph are not "
                "independent draws."
            ),
        ),
    )


def control_table_of(by_name: Mapping[str, Seeds]) -> StudyTable:
    """Every attack on two worlds of one law, mean over seeds, a row for each setting.

    Args:
        by_name: settings with a control -> their seeds.
    """
    rows = [
        (name, len(played), *(_round(control_mean(played, attack).value) for attack in GRAPH_ATTACKS))
        for name, played in by_name.items()
    ]
    return StudyTable(
        title="Control: two worlds of one law, graphs drawn and models trained apart",
        columns=("setting", "seeds", *GRAPH_ATTACKS),
        rows=tuple(rows),
        notes=("accuracy, mean over seeds; with base graphs, both worlds are parts of the same ones.",),
    )


def _metric(mean: Mean) -> Metric:
    has_interval = np.isfinite(mean.half_width)
    return Metric(
        name="accuracy",
        value=mean.value,
        lower=max(0.0, mean.lower) if has_interval else None,
        upper=min(1.0, mean.upper) if has_interval else None,
        confidence=0.95 if has_interval else None,
        rule="mean over seeds with its t-interval",
    )


def _seeds(by_name: Mapping[str, Seeds]) -> str:
    n = len(next(iter(by_name.values())))
    return f"{n} seed{'s' if n > 1 else ''}"


def _models(by_name: Mapping[str, Seeds]) -> str:
    setting = next(iter(by_name.values()))[0].setting
    return f"{setting.n_shadows} shadow models and {setting.n_victims} victims per world"


def _task(by_name: Mapping[str, Seeds]) -> str:
    each = [f"{name} {np.mean([one.task_accuracy for one in played]):.2f}" for name, played in by_name.items()]
    return f"task accuracy of the base's victims: {'; '.join(each)}."


def _round(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, DIGITS)


def _leaked(value: float | None) -> Cell:
    if value is None:
        return None
    return round(value, 2) if np.isfinite(value) else "inf"
