"""What the study is expected to show: means over seeds with their t-intervals."""

from collections.abc import Sequence

from privaudit.studies.chameleon.arms import ADAPTIVE, FPR, PRIVATE, PRIVATE_AWARE, TIE_BREAK, fixed_arm
from privaudit.studies.chameleon.played import Played
from privaudit.studies.leaderboard.intervals import Mean, mean_of
from privaudit.studies.study import Check

BEYOND, LEAST_TIED, LARGEST_LOSS, LARGEST_FALL, PRIVATE_AUC = 3.0, 0.2, 0.03, 0.03, 0.56
HALF, QUICK_SHARE = 0.5, 0.75
RATES = {"floor": "TPR at 1 % FPR, floor rule", "wider": "expected TPR at 5 % FPR"}


def checks(played: Sequence[Played], *, fixed: Sequence[int]) -> tuple[Check, ...]:
    """Return all checks of the full study.

    Args:
        played: the seeds.
        fixed: the fixed numbers of copies that were played, 0 and the largest one among them.
    """
    private = [_private(played, arm) for arm in (PRIVATE, PRIVATE_AWARE) if arm in played[0].arms]
    return (
        _beyond_baselines(played, ADAPTIVE),
        _tie_break(played),
        _rise_and_fall(played, fixed),
        _against_fixed(played, fixed),
        _accuracy(played),
        *private,
    )


def quick_checks(played: Sequence[Played], *, fixed: Sequence[int]) -> tuple[Check, ...]:
    """Return those that few seeds of few small models allow.

    Args:
        played: the seeds.
        fixed: the fixed numbers of copies that were played.
    """
    return (_beyond_baselines(played, TIE_BREAK), _rise_and_fall(played, fixed, "wider", share=QUICK_SHARE))


def arm_mean(played: Sequence[Played], arm: str, figure: str) -> Mean:
    """Return the mean over seeds of one figure of a poisoned arm.

    Args:
        played: the seeds.
        arm: its name.
        figure: a field of `Figures`.
    """
    return mean_of([float(getattr(one.arms[arm], figure)) for one in played])


def best_baseline(played: Sequence[Played]) -> tuple[str, float]:
    """Return the plain attack with the largest mean expected rate, and that rate."""
    rates = {name: mean_of([one.baselines[name].expected for one in played]).value for name in played[0].baselines}
    best = max(rates, key=lambda name: rates[name])
    return best, rates[best]


def _beyond_baselines(played: Sequence[Played], arm: str) -> Check:
    floor = arm_mean(played, arm, "floor")
    name, rate = best_baseline(played)
    least = BEYOND * max(FPR, rate)
    return Check(
        name=f"{arm}: TPR at 1 % FPR, floor rule, against plain label-only attacks",
        wanted=f"mean at least {BEYOND:g} times the larger of 1 % and the best expected TPR, i.e. {least:.3f}",
        measured=f"{floor}; best is {name} with {rate:.4f}",
        is_met=floor.value >= least,
    )


def _tie_break(played: Sequence[Played]) -> Check:
    rates = [one.arms[TIE_BREAK].floor for one in played]
    return Check(
        name=f"{TIE_BREAK}: TPR at 1 % FPR, floor rule",
        wanted=f"at least {LEAST_TIED:g} in each seed",
        measured=", ".join(f"{rate:.3f}" for rate in rates),
        is_met=min(rates) >= LEAST_TIED,
    )


def _rise_and_fall(
    played: Sequence[Played], fixed: Sequence[int], figure: str = "floor", *, share: float = HALF
) -> Check:
    most = max(fixed)
    rates = {copies: arm_mean(played, fixed_arm(copies), figure).value for copies in fixed}
    peak = max(rates, key=lambda copies: rates[copies])
    listed = ", ".join(f"{rate:.3f}" for rate in rates.values())
    return Check(
        name=f"fixed numbers of copies: {RATES[figure]}",
        wanted=f"mean largest between 0 and {most} copies, and at {most} at most {share:g} of that",
        measured=f"{listed} for {', '.join(map(str, fixed))}",
        is_met=0 < peak < most and rates[most] <= share * rates[peak],
    )


def _against_fixed(played: Sequence[Played], fixed: Sequence[int]) -> Check:
    areas = {copies: arm_mean(played, fixed_arm(copies), "auc").value for copies in fixed}
    best = max(areas, key=lambda copies: areas[copies])
    difference = mean_of([one.arms[ADAPTIVE].auc - one.arms[fixed_arm(best)].auc for one in played])
    return Check(
        name=f"adaptive minus the best fixed number of copies ({best}), AUC",
        wanted=f"mean at least -{LARGEST_LOSS:g}",
        measured=str(difference),
        is_met=difference.value >= -LARGEST_LOSS,
    )


def _accuracy(played: Sequence[Played]) -> Check:
    fall = mean_of([one.accuracy[fixed_arm(0)] - one.accuracy[ADAPTIVE] for one in played])
    return Check(
        name="accuracy on test images, unpoisoned minus adaptive",
        wanted=f"mean at most {LARGEST_FALL:g}",
        measured=str(fall),
        is_met=fall.value <= LARGEST_FALL,
    )


def _private(played: Sequence[Played], arm: str) -> Check:
    """A rate below 1 % is as good as one that cannot be told from it."""
    rate, area = arm_mean(played, arm, "expected"), arm_mean(played, arm, "auc")
    each = ", ".join(f"{one.arms[arm].expected:.4f}" for one in played)
    return Check(
        name=f"{arm}: expected TPR at 1 % FPR, and AUC",
        wanted=f"interval contains 1 % or lies below it; AUC at most {PRIVATE_AUC:g}",
        measured=f"{rate.value:.4f} +- {rate.half_width:.4f} ({each}); {area}",
        is_met=rate.lower <= FPR and area.value <= PRIVATE_AUC,
    )
