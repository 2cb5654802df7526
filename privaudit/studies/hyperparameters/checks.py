"""What the study is expected to show: means over repeats with their t-intervals."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from privaudit.estimators.equivalence import equivalence_test
from privaudit.studies.hyperparameters.contest import ACCURATE, ATTACKS, CHOSEN, DRAWN, ORACLE, Figures
from privaudit.studies.hyperparameters.played import DRAWN_TARGETS, ELSEWHERE, PRIVATE, PRIVATE_DRAWN, TUNED, Played
from privaudit.studies.leaderboard.intervals import Mean, mean_of
from privaudit.studies.study import Check

LARGEST_LOSS, QUICK_LOSS, QUICK_GAIN, LEAST_SHARE = 0.03, 0.06, 0.02, 0.7
LEAST_GAIN = {"CIFAR-10 features": 0.10, "digits": 0.05}
MARGIN = {"CIFAR-10 features": 0.05, "digits": 0.02}


def checks(by_task: Mapping[str, Sequence[Played]]) -> tuple[Check, ...]:
    """Return all checks of the full study.

    Args:
        by_task: task -> its repeats.
    """
    found: list[Check] = []
    for name, played in by_task.items():
        found += [_near_oracle(name, played, LARGEST_LOSS), _share_of_oracle(name, played)]
        found += [_above_random(name, played, LEAST_GAIN[name])]
        found += [_accuracy_below(name, played, kind) for kind in (TUNED, DRAWN_TARGETS)]
        found += [_equivalent(name, played, attack) for attack in (CHOSEN, ORACLE)]
        found += _within_claim(name, played)
    return tuple(found)


def quick_checks(by_task: Mapping[str, Sequence[Played]]) -> tuple[Check, ...]:
    """Return those that two repeats allow; fewer candidates cost KL more.

    Args:
        by_task: task -> its repeats.
    """
    found: list[Check] = []
    for name, played in by_task.items():
        found += [_near_oracle(name, played, QUICK_LOSS), _above_random(name, played, QUICK_GAIN)]
        found += [_accuracy_below(name, played, DRAWN_TARGETS), *_within_claim(name, played)]
    return tuple(found)


def difference(
    played: Sequence[Played], kind: str, first: str, second: str, figure: Callable[[Figures], float]
) -> Mean:
    """Return the mean difference of two attacks on the same targets.

    Args:
        played: repeats.
        kind: of targets.
        first: an attack.
        second: another.
        figure: which of their figures.
    """
    there = [one.figures[kind] for one in played if kind in one.figures]
    return mean_of([figure(one[first]) - figure(one[second]) for one in there])


def area(figures: Figures) -> float:
    """Return the AUC."""
    return figures.auc


def _near_oracle(name: str, played: Sequence[Played], largest: float) -> Check:
    mean = difference(played, TUNED, CHOSEN, ORACLE, area)
    return Check(
        name=f"{name}: KL minus known hyperparameters, AUC",
        wanted=f"mean at least -{largest:g}",
        measured=str(mean),
        is_met=mean.value >= -largest,
    )


def _share_of_oracle(name: str, played: Sequence[Played]) -> Check:
    there = [one.figures[TUNED] for one in played if TUNED in one.figures]
    chosen, known = (float(np.mean([one[attack].tpr for one in there])) for attack in (CHOSEN, ORACLE))
    return Check(
        name=f"{name}: KL over known hyperparameters, TPR at 1 % FPR",
        wanted=f"at least {LEAST_SHARE:g}",
        measured=f"{chosen / known:.3f} ({chosen:.3f} of {known:.3f})",
        is_met=chosen >= LEAST_SHARE * known,
    )


def _above_random(name: str, played: Sequence[Played], least: float) -> Check:
    mean = difference(played, DRAWN_TARGETS, CHOSEN, DRAWN, area)
    return Check(
        name=f"{name}, hyperparameters drawn at random: KL minus random, AUC",
        wanted=f"mean at least {least:g}",
        measured=str(mean),
        is_met=mean.value >= least,
    )


def _accuracy_below(name: str, played: Sequence[Played], kind: str) -> Check:
    mean = difference(played, kind, CHOSEN, ACCURATE, area)
    return Check(
        name=f"{name}, hyperparameters {kind}: KL minus accuracy, AUC",
        wanted="mean at least 0",
        measured=str(mean),
        is_met=mean.value >= 0,
    )


def _equivalent(name: str, played: Sequence[Played], attack: str) -> Check:
    there = [one.figures for one in played if ELSEWHERE in one.figures]
    differences = [one[TUNED][attack].tpr - one[ELSEWHERE][attack].tpr for one in there]
    test = equivalence_test(differences, MARGIN[name], 0.95)
    return Check(
        name=f"{name}, {attack}: tuned on the training data minus on other records, TPR at 1 % FPR",
        wanted=f"equivalent within {MARGIN[name]:g} (two one-sided tests at 5 %)",
        measured=f"90 % interval {test.lower:.3f} to {test.upper:.3f}, signed-rank p {test.signed_rank_p:.2g}",
        is_met=test.is_equivalent,
    )


def _within_claim(name: str, played: Sequence[Played]) -> list[Check]:
    found = []
    for kind in (PRIVATE, PRIVATE_DRAWN):
        there = [one for one in played if kind in one.figures]
        above = {
            attack: mean_of([one.figures[kind][attack].auc - one.claim[kind] for one in there]) for attack in ATTACKS
        }
        highest = max(above, key=lambda attack: above[attack].lower)
        found.append(
            Check(
                name=f"{name}, {kind}: AUC minus the claim's, every attack",
                wanted="lower 95 % end at most 0",
                measured=f"highest {above[highest]} ({highest})",
                is_met=above[highest].lower <= 0,
            )
        )
    return found
