"""The tables of the study: accuracies, what poison adds, its price, and what it does to log-odds."""

from collections.abc import Sequence

import numpy as np

from privaudit.studies.leaderboard.intervals import Mean
from privaudit.studies.poisoning.contest import ATTACKS, FEW, KL_FEW, PUBLISHED, SNAP_FEW
from privaudit.studies.poisoning.played import Played, gain, mean_accuracy
from privaudit.studies.poisoning.settings import Setting
from privaudit.studies.study import Cell, StudyTable

DIGITS = 3
Groups = Sequence[Sequence[Played]]  # the seeds of each setting


def attack_table(played: Sequence[Played]) -> StudyTable:
    """Every attack at every share of poison, mean over ratios.

    Args:
        played: seeds of one setting.
    """
    setting, rows = played[0].setting, []
    for attack in ATTACKS:
        means = [mean_accuracy(played, attack, share) for share in setting.shares]
        rows.append((attack, *(cell for mean in means for cell in _cells(mean))))
    return StudyTable(
        title=f"{setting.training.name}: accuracy by share of poison, {_seeds(played)}",
        columns=("attack", *(head for share in setting.shares for head in (_words(share), "+-"))),
        rows=tuple(rows),
        notes=(
            (
                f"ratio {_ratios(setting)}: mean over both; {setting.n_shadows} shadow models and {setting.n_victims} victims per "
                f"world, attacks with {FEW} in their names see {FEW} of the shadow models. Under {_words(setting.shares[0])} snap's "
                "rule is put to models without poison."
            ),
        ),
    )


def gain_table(grouped: Groups) -> StudyTable:
    """What SNAP gains on KL without poison, and how much of it is the poison's; equally many shadow models.

    Args:
        grouped: the seeds of each setting.
    """
    rows: list[tuple[Cell, ...]] = []
    for played in grouped:
        setting = played[0].setting
        for share in setting.shares[1:]:
            pairs = ((SNAP_FEW, KL_FEW), (SNAP_FEW, SNAP_FEW), (PUBLISHED, KL_FEW), (KL_FEW, KL_FEW))
            gains = [gain(played, share, *pair) for pair in pairs]
            rows.append(
                (setting.training.name, _ratios(setting), share, *(cell for mean in gains for cell in _cells(mean)))
            )
    return StudyTable(
        title=f"Accuracy gained with {FEW} shadow models per world: an attack on poisoned victims minus one on victims without poison",
        columns=(
            "training",
            "ratios",
            "poison",
            *("snap - kl", "+-", "snap - snap's rule", "+-", "published snap - kl", "+-", "kl - kl", "+-"),
        ),
        rows=tuple(rows),
        notes=(
            (
                "snap - snap's rule is what the poison itself adds; the rest of the gain on kl is that snap's rule asks a better "
                "question of any model: how do answers to like records with and without the property differ?"
            ),
        ),
    )


def rare_table(grouped: Groups) -> StudyTable:
    """Accuracy by ratio where hardly any record has the property.

    Args:
        grouped: the seeds of each setting.
    """
    rows: list[tuple[Cell, ...]] = []
    shares = grouped[0][0].setting.shares
    for played in grouped:
        setting = played[0].setting
        for ratio in setting.ratios[1:]:
            chosen = [(KL_FEW, shares[0]), *((SNAP_FEW, share) for share in shares), (PUBLISHED, shares[-1])]
            means = [mean_accuracy(played, attack, share, ratio) for attack, share in chosen]
            rows.append(
                (setting.training.name, setting.ratios[0], ratio, *(cell for mean in means for cell in _cells(mean)))
            )
    heads = ("kl, no poison", *(f"snap, {_words(share)}" for share in shares), f"published snap, {_words(shares[-1])}")
    return StudyTable(
        title=f"Small ratios, {FEW} shadow models per world",
        columns=("training", "base", "ratio", *(cell for head in heads for cell in (head, "+-"))),
        rows=tuple(rows),
    )


def price_table(grouped: Groups) -> StudyTable:
    """Task accuracy of the base's victims.

    Args:
        grouped: the seeds of each setting.
    """
    rows: list[tuple[Cell, ...]] = []
    for played in grouped:
        setting = played[0].setting
        for share in setting.shares:
            task = [one.figures[share].task for one in played]
            means = [round(float(np.mean(column)), DIGITS + 1) for column in zip(*task, strict=True)]
            rows.append((setting.training.name, setting.ratios[0], share, *means))
    return StudyTable(
        title="The price: task accuracy of the base's victims",
        columns=("training", "base", "poison", "all", "women"),
        rows=tuple(rows),
    )


def shift_table(grouped: Groups) -> StudyTable:
    """How far poison moved log-odds in each world, and how far it would move the Bayes-optimal classifier's.

    Args:
        grouped: the seeds of each setting.
    """
    rows: list[tuple[Cell, ...]] = []
    for played in grouped:
        setting = played[0].setting
        for share in setting.shares[1:]:
            for ratio in sorted(setting.ratios):
                found = [one.figures[share].shift[ratio] for one in played]
                means = [round(float(np.mean(column)), DIGITS) for column in zip(*found, strict=True)]
                rows.append((setting.training.name, share, ratio, *means))
    return StudyTable(
        title="Shift of the planted class's log-odds, women of the true class",
        columns=("training", "poison", "ratio", "measured", "theory"),
        rows=tuple(rows),
        notes=(
            (
                "theory: ln(e^phi + c) - phi with c = p / ((1 - p) t pi_v), at the mean log-odds phi of the victims without poison. It is "
                "for a classifier that can say anything of any record; a short or penalised training of a small model follows part "
                "of the way, in the same direction: the larger the smaller the ratio."
            ),
        ),
    )


def control_table(grouped: Groups) -> StudyTable:
    """Every attack on two worlds of one ratio, mean over seeds.

    Args:
        grouped: the seeds of each setting.
    """
    chosen = [(played, share) for played in grouped for share in played[0].setting.shares]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            attack,
            *(
                round(float(np.mean([one.figures[share].control[attack] for one in played])), DIGITS)
                for played, share in chosen
            ),
        )
        for attack in ATTACKS
    )
    return StudyTable(
        title="Control: two worlds of the same ratio, drawn and trained apart",
        columns=("attack", *(f"{played[0].setting.training.name}, {_words(share)}" for played, share in chosen)),
        rows=rows,
    )


def _words(share: float) -> str:
    return f"{100 * share:.3g} % poison" if share else "no poison"


def _ratios(setting: Setting) -> str:
    return f"{setting.ratios[0]:g} against {' and '.join(f'{ratio:g}' for ratio in setting.ratios[1:])}"


def _seeds(played: Sequence[Played]) -> str:
    return f"{len(played)} seed{'s' if len(played) > 1 else ''}"


def _cells(mean: Mean) -> tuple[Cell, Cell]:
    value = round(mean.value, DIGITS) + 0.0  # no -0
    return value, round(mean.half_width, DIGITS) if np.isfinite(mean.half_width) else None
