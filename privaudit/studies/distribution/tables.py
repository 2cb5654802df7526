"""The tables of the study: by ratio, by setting, what was leaked, the control and the channels beside the model."""

from collections.abc import Mapping, Sequence

import numpy as np

from privaudit.estimators import n_leaked
from privaudit.studies.distribution.contest import ATTACKS
from privaudit.studies.distribution.played import Played, mean_accuracy
from privaudit.studies.study import Cell, StudyTable

BASE = 0.5
DIGITS = 3


def ratio_table(played: Sequence[Played], title: str) -> StudyTable:
    """Accuracy of every attack at every ratio.

    Args:
        played: seeds of one setting.
        title: of the table.
    """
    ratios = sorted(played[0].figures)
    rows = []
    for attack in ATTACKS:
        each = [_round(mean_accuracy(played, attack, ratio).value) for ratio in ratios]
        mean = mean_accuracy(played, attack)
        area = np.mean([one.figures[ratio][attack].auc for one in played for ratio in ratios])
        rows.append((attack, *each, _round(mean.value), _round(mean.half_width), _round(float(area))))
    base = played[0].setting.ratios[0]
    return StudyTable(
        title=title,
        columns=("attack", *(f"{ratio:g}" for ratio in ratios), "mean", "+-", "AUC"),
        rows=tuple(rows),
        notes=(
            f"accuracy (mean of both worlds' shares of right answers) against the base {base:g}; {_models(played)}.",
            f"task accuracy of the base's victims: {np.mean([one.task_accuracy for one in played]):.3f}.",
        ),
    )


def leak_table(played: Sequence[Played], attacks: Sequence[str]) -> StudyTable:
    """Number of draws of the property that would tell as much, at the mean accuracy.

    Args:
        played: seeds of one setting.
        attacks: to list.
    """
    base, rows = played[0].setting.ratios[0], []
    for attack in attacks:
        for ratio in sorted(played[0].figures):
            accuracy = mean_accuracy(played, attack, ratio).value
            leaked = [n_leaked(accuracy, base, ratio, method) for method in ("paper", "kl", "exact")]
            rows.append((attack, ratio, _round(accuracy), *(_finite(number) for number in leaked)))
    return StudyTable(
        title="n_leaked: how many draws of the property would let one be right as often",
        columns=("attack", "ratio", "accuracy", "paper", "kl", "exact"),
        rows=tuple(rows),
        notes=(
            (
                "at the mean accuracy over seeds, never clipped: inf where every victim was told rightly. paper and kl are lower "
                "bounds on exact."
            ),
        ),
    )


def setting_table(by_name: Mapping[str, Sequence[Played]], title: str, attacks: Sequence[str]) -> StudyTable:
    """Mean accuracy over ratios and seeds, a row for each setting.

    Args:
        by_name: setting -> its seeds; the last one's ratios, or those of them that a setting has, are compared.
        title: of the table.
        attacks: to list.
    """
    rows = []
    compared = set(list(by_name.values())[-1][0].figures)
    for name, played in by_name.items():
        ratios = sorted(compared & set(played[0].figures))
        cells: list[Cell] = [name, ", ".join(f"{ratio:g}" for ratio in ratios)]
        cells += [played[0].setting.n_shadows, played[0].setting.n_victims]
        cells.append(_round(float(np.mean([one.task_accuracy for one in played]))))
        for attack in attacks:
            mean = mean_accuracy(played, attack, *ratios)
            cells += [_round(mean.value), _round(mean.half_width)]
        rows.append(tuple(cells))
    heads = [head for attack in attacks for head in (attack, "+-")]
    return StudyTable(
        title=title,
        columns=("setting", "ratios", "shadow models", "victims", "task accuracy", *heads),
        rows=tuple(rows),
        notes=("mean accuracy over the ratios against the base; shadow models and victims of each world.",),
    )


def attack_table(by_name: Mapping[str, Sequence[Played]], title: str) -> StudyTable:
    """Mean accuracy over ratios and seeds, a row for each attack and two columns for each setting.

    Args:
        by_name: setting -> its seeds.
        title: of the table.
    """
    rows = []
    for attack in ATTACKS:
        means = [mean_accuracy(played, attack) for played in by_name.values()]
        rows.append((attack, *(_round(number) for mean in means for number in (mean.value, mean.half_width))))
    ratios = {name: ", ".join(f"{ratio:g}" for ratio in sorted(played[0].figures)) for name, played in by_name.items()}
    return StudyTable(
        title=title,
        columns=("attack", *(head for name in by_name for head in (name, "+-"))),
        rows=tuple(rows),
        notes=(f"mean accuracy over the ratios: {'; '.join(f'{name} {own}' for name, own in ratios.items())}.",),
    )


def control_table(played: Sequence[Played]) -> StudyTable:
    """Every attack on two worlds of one law, seed by seed.

    Args:
        played: seeds of the setting with a control.
    """
    rows = tuple((attack, *(_round(one.control[attack].accuracy) for one in played)) for attack in ATTACKS)
    return StudyTable(
        title="Control: two worlds of the same ratio, drawn and trained apart",
        columns=("attack", *(f"seed {one.seed}" for one in played)),
        rows=rows,
    )


def channel_table(by_name: Mapping[str, Sequence[Played]]) -> StudyTable:
    """What the size and classes of training sets tell without any model, over the seeds.

    Args:
        by_name: setting -> its seeds.
    """
    rows: list[tuple[Cell, ...]] = []
    for name, played in by_name.items():
        found = [channel for one in played for channel in one.channels]
        for channel in dict.fromkeys(one.name for one in found):
            accuracy = np.mean([one.accuracy for one in found if one.name == channel])
            is_named = all(any(channel in warning for warning in one.warnings) for one in played)
            rows.append((name, channel, _round(float(accuracy)), is_named))
    return StudyTable(
        title="What tells worlds apart without a model",
        columns=("setting", "number", "accuracy", "named in every seed"),
        rows=tuple(rows),
        notes=(
            (
                "settings that are not listed have training sets of one size, without repeats, and the same class counts; there a "
                "model is all that can tell."
            ),
        ),
    )


def _models(played: Sequence[Played]) -> str:
    setting = played[0].setting
    return f"{setting.n_shadows} shadow models and {setting.n_victims} victims per world"


def _round(value: float) -> float | None:
    return round(value, DIGITS) if np.isfinite(value) else None  # no interval from a single seed


def _finite(value: float) -> Cell:
    return round(value, 2) if np.isfinite(value) else "inf"
