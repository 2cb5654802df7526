"""What the study is expected to show, on means over ratios and seeds."""

import itertools
from collections.abc import Sequence

import numpy as np

from privaudit.estimators import control_interval
from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.poisoning.contest import ATTACKS, FEW, KL_FEW, SNAP_FEW
from privaudit.studies.poisoning.played import Played
from privaudit.studies.poisoning.settings import CLIPPED
from privaudit.studies.study import Check

GAIN, LEVEL = 0.10, 0.999
Groups = Sequence[Sequence[Played]]  # the seeds of each setting


def checks(grouped: Groups) -> tuple[Check, ...]:
    """Return all checks of the full study.

    Args:
        grouped: the seeds of each setting.
    """
    near = [played for played in grouped if not played[0].setting.is_rare]
    gains = tuple(gained(played[0].setting.training.name, played, GAIN) for played in near)
    return (*gains, of_the_poison(near), *(direction(played) for played in near), control(near))


def quick_checks(grouped: Groups) -> tuple[Check, ...]:
    """Return those that one seed and few models allow.

    Args:
        grouped: the seeds of each setting.
    """
    clipped = next(played for played in grouped if played[0].setting.training.name == CLIPPED)
    return (gained(CLIPPED, clipped, 0.0), control(grouped))


def gained(name: str, played: Sequence[Played], least: float) -> Check:
    """Compare SNAP with poison to KL without, at the same few shadow models; mean over the shares of poison.

    Args:
        name: of the training.
        played: its seeds.
        least: gain that is wanted, 0 = any.
    """
    found = mean_of([_over_shares(one, SNAP_FEW, KL_FEW) for one in played])
    shares = played[0].setting.shares[1:]
    return Check(
        name=f"{name}: accuracy of snap at {' and '.join(f'{share:g}' for share in shares)} minus kl without poison, {FEW} shadow models",
        wanted=f"mean at least {least:g}" if least else "mean above 0",
        measured=str(found),
        is_met=found.value >= least if least else found.value > 0,
    )


def _over_shares(one: Played, better: str, worse: str) -> float:
    clean, *shares = one.setting.shares
    return float(np.mean([one.accuracy(better, share) - one.accuracy(worse, clean) for share in shares]))


def of_the_poison(grouped: Groups) -> Check:
    """Compare SNAP's rule on victims with and without poison: what the poison itself adds, mean over trainings.

    Args:
        grouped: the seeds of each setting, in the same order.
    """
    by_seed = zip(*grouped, strict=True)
    found = mean_of([float(np.mean([_over_shares(one, SNAP_FEW, SNAP_FEW) for one in own])) for own in by_seed])
    return Check(
        name=f"accuracy of snap's rule with minus without poison, mean over {len(grouped)} trainings",
        wanted="mean above 0",
        measured=str(found),
        is_met=found.value > 0,
    )


def direction(played: Sequence[Played]) -> Check:
    """Look whether poison moves log-odds the farther the smaller the ratio is.

    Args:
        played: seeds of one setting.
    """
    setting = played[0].setting
    share, ratios = setting.shares[-1], sorted(setting.ratios)
    means = [float(np.mean([one.figures[share].shift[ratio].measured for one in played])) for ratio in ratios]
    return Check(
        name=f"{setting.training.name}: shift of the log-odds at ratios {', '.join(f'{ratio:g}' for ratio in ratios)}",
        wanted="falling, all above 0",
        measured=", ".join(f"{mean:.3f}" for mean in means),
        is_met=all(before > after for before, after in itertools.pairwise([*means, 0.0])),
    )


def control(grouped: Groups) -> Check:
    """Look whether every attack guesses where there is nothing to tell: at equal ratios, with and without poison.

    Args:
        grouped: the seeds of each setting.
    """
    found = [
        figures.control[attack]
        for played in grouped
        for one in played
        for figures in one.figures.values()
        for attack in ATTACKS
    ]
    n_victims = grouped[0][0].setting.n_victims
    lower, upper = control_interval(n_victims, level=LEVEL, n_looks=len(found))
    return Check(
        name=f"control at equal ratios: {len(ATTACKS)} attacks, every training, share of poison and seed",
        wanted=f"all within {lower:.3f} .. {upper:.3f} (binomial on the victims, {LEVEL:.1%} for all together)",
        measured=f"{min(found):.3f} .. {max(found):.3f}",
        is_met=all(lower <= value <= upper for value in found),
    )
