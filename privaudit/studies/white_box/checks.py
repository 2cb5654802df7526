"""What the study is expected to show, on means over ratios and seeds."""

from collections.abc import Mapping, Sequence

import numpy as np

from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.study import Check
from privaudit.studies.white_box.contest import ATTACKS, KL, PUBLISHED, STRICT
from privaudit.studies.white_box.played import Played
from privaudit.studies.white_box.regressions import KL_REGRESSION, PIN_REGRESSION

CONTROL, QUICK_CONTROL = (0.40, 0.60), (0.25, 0.75)
ROUNDING = 1e-3  # of log-odds in float32
Seeds = Sequence[Played]


def checks(by_name: Mapping[str, Seeds], *, is_quick: bool) -> tuple[Check, ...]:
    """Return all checks.

    Args:
        by_name: models and number of shadow models -> seeds.
        is_quick: one seed of few victims.
    """
    found = []
    for played in by_name.values():
        found += [above(played, STRICT, KL, or_equal=True), control(played, QUICK_CONTROL if is_quick else CONTROL)]
        if played[0].task.hidden:
            found += [above(played, STRICT, PUBLISHED), unchanged(played)]
        if not is_quick:
            found.append(closer(played))
    return tuple(found)


def above(played: Seeds, better: str, worse: str, *, or_equal: bool = False) -> Check:
    """Compare two attacks on the same models.

    Args:
        played: seeds.
        better: expected to be right more often.
        worse: than this one.
        or_equal: as often is good enough.
    """
    gain = mean_of([one.accuracy(better) - one.accuracy(worse) for one in played])
    return Check(
        name=f"{played[0].name}: accuracy, {better} minus {worse}",
        wanted="mean at least 0" if or_equal else "mean above 0",
        measured=str(gain),
        is_met=gain.value > 0 or (or_equal and gain.value == 0),
    )


def control(played: Seeds, bounds: tuple[float, float]) -> Check:
    """Look whether every attack guesses where there is nothing to tell: at equal ratios.

    Args:
        played: seeds.
        bounds: of each attack's mean over seeds.
    """
    means = [float(np.mean([one.control[attack].accuracy for one in played])) for attack in ATTACKS]
    return Check(
        name=f"{played[0].name}: control at equal ratios, each of {len(ATTACKS)} attacks",
        wanted=f"mean over seeds within {bounds[0]:g} .. {bounds[1]:g}",
        measured=f"{min(means):.3f} .. {max(means):.3f}",
        is_met=all(bounds[0] <= mean <= bounds[1] for mean in means),
    )


def closer(played: Seeds) -> Check:
    """Compare the regressions' squared errors.

    Args:
        played: seeds.
    """
    gain = mean_of([one.squared_error(KL_REGRESSION) - one.squared_error(PIN_REGRESSION) for one in played])
    return Check(
        name=f"{played[0].name}: squared error of the ratio, {KL_REGRESSION} minus {PIN_REGRESSION}",
        wanted="mean above 0",
        measured=f"{gain.value:.5f} +- {gain.half_width:.5f}",
        is_met=gain.value > 0,
    )


def unchanged(played: Seeds) -> Check:
    """Look whether the strict form's answers stay when hidden units are put in another order.

    Args:
        played: seeds of models with hidden units.
    """
    strict, published = (max(one.changes[form] for one in played) for form in (STRICT, PUBLISHED))
    return Check(
        name=f"{played[0].name}: change of log-odds when hidden units are put in another order",
        wanted=f"strict form below {ROUNDING:g}, published form above",
        measured=f"{strict:.1e} and {published:.1e}",
        is_met=strict < ROUNDING < published,
    )
