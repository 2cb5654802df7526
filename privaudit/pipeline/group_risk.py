"""Groups of records: rates, differences from the rest, and which of them are more than chance.

Disparity between groups: Kulynych, Yaghini, Cherubin, Veale, Troncoso, "Disparate vulnerability to membership inference
attacks", PoPETs 2022. What is tested, and how intervals are made, is this project's own.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.estimators import auc
from privaudit.estimators.clustered_rates import GroupRate, difference_interval, effective_interval, group_rates
from privaudit.estimators.false_discovery import benjamini_yekutieli
from privaudit.estimators.label_permutation import label_permutation_p_values, rate_residuals
from privaudit.estimators.thresholds_from_shadows import floor_threshold
from privaudit.pipeline.reliability import Played
from privaudit.types import Finding, Metric

GROUP_FPR = 0.01
MOST_VALUES = 100
FEWEST_DRAWS = 1999
MOST_CELLS = 200_000_000  # records dealt out, over all draws
CLUSTERED = (
    "Interval for all groups of the report at once (Bonferroni), exact (Clopper-Pearson) for the number of independent "
    "outcomes that those of the group are worth: outcomes of one record, and of one model, are alike (two-way design effect). "
    "With several models it is about other records of the group and other trainings, with one about other records; always at the "
    "threshold that was used, which was set on these records: the threshold's own error is not in the interval"
)
TPR_RULE = (
    "share of the group's members called members, with one threshold per model for all groups, at which the model has this "
    f"false positive rate over all records (floor rule). {CLUSTERED}"
)
FPR_RULE = f"share of the group's non-members called members at that threshold. {CLUSTERED}"
AUC_RULE = (
    "area under the curve within the group, mean over the models; Clopper-Pearson interval, for all groups of the report at once "
    "(Bonferroni), of a rate over as many trials as one model's smaller side has records: no area varies more, and exact for "
    "one model whose area does, with all records of that side either above or below all others"
)
DIFFERENCE_RULE = "true positive rate of the group less that of all other records; interval from both (square and add), for all groups at once"
P_RULE = (
    "p-value of a permutation test, exact for one question: is the label unrelated to the records' outcomes? Small: outcomes of "
    "this group are distributed differently, in their rate or otherwise; it is no test that the true positive rates are equal. "
    "Adjusted over all groups of the report: calling those up to q different keeps the share of false ones at q "
    "(Benjamini-Yekutieli, under any dependence)"
)
TOO_SMALL = (
    "not measurable: fewer non-members than one false alarm takes at that rate, or more of them share the highest score, so that "
    "nobody is called"
)


class Split(NamedTuple):
    """Some records against all others.

    Attributes:
        grouping: what the records are grouped by.
        value: the group.
        rows: ``(n_coin_records,)`` True for its records.
        is_mirror: the other one of two groups; it asks the same question.
    """

    grouping: str
    value: str
    rows: NDArray[np.bool_]
    is_mirror: bool

    @property
    def name(self) -> str:
        """How a policy names the group."""
        return f"{self.grouping}={self.value}"


def splits_of(groupings: Mapping[str, NDArray[Any]]) -> tuple[list[Split], list[str]]:
    """Return every group of every grouping, and a note on each grouping that is left out.

    Args:
        groupings: name -> ``(n_coin_records,)`` value of each record.
    """
    splits, notes = [], []
    for grouping, values in groupings.items():
        kinds, number = np.unique(values, return_inverse=True)
        if not 2 <= len(kinds) <= MOST_VALUES:
            notes.append(
                f"{grouping} was left out: it has {len(kinds)} values, and 2 to {MOST_VALUES} can be compared."
            )
            continue
        splits += [
            Split(grouping, str(kind), number == place, len(kinds) == 2 and place == 1)
            for place, kind in enumerate(kinds)
        ]
    return splits, notes


def group_findings(
    played: Played, splits: list[Split], *, attack: str, params: Mapping[str, Any], confidence: float, seed: int
) -> tuple[Finding, ...]:
    """Return one finding per group.

    Args:
        played: models in the target's role.
        splits: the groups.
        attack: whose scores they are.
        params: what all findings say of how they were made.
        confidence: at which each kind of interval holds for all groups together.
        seed: of the permutations.
    """
    if not splits:
        return ()
    each = 1.0 - (1.0 - confidence) / len(splits)
    called = _called(played)
    p_values = _p_values(called, played.is_in, splits, seed) if called is not None else [None] * len(splits)
    rows = [split.rows for split in splits]
    sides = [~row for row in rows]
    if called is not None:
        found, rest = (group_rates(called, played.is_in, side) for side in (rows, sides))
        false = group_rates(called, ~played.is_in, rows)
    else:
        found = rest = false = (GroupRate(0, 0, 0.0),) * len(splits)
    return tuple(
        _finding(
            split,
            group_auc(played, split.rows, each=each, confidence=confidence),
            _rate_metrics((tpr, other, fpr), p, each, confidence),
            attack,
            {**params, **_params(split, played, tpr, fpr)},
        )
        for split, tpr, other, fpr, p in zip(splits, found, rest, false, p_values, strict=True)
    )


def _called(played: Played) -> NDArray[np.bool_] | None:
    """Who is called a member at one threshold per model; ``None`` where a model cannot measure the rate, or nobody is called.

    Where scores come in steps, more non-members than that may share the highest one: then no threshold tells groups apart.
    """
    if ((~played.is_in).sum(axis=1) * GROUP_FPR < 1).any():
        return None
    models = zip(played.scores, played.is_in, strict=True)
    called = np.stack([row >= floor_threshold(row, inside, GROUP_FPR) for row, inside in models])
    return called if called.any() else None


def _p_values(
    called: NDArray[np.bool_], is_in: NDArray[np.bool_], splits: list[Split], seed: int
) -> list[float | None]:
    """Adjusted over the distinct questions: two groups of one grouping ask the same one."""
    residuals = rate_residuals(called, is_in)
    asked = [split for split in splits if not split.is_mirror]
    draws = _n_draws(len(asked), len(residuals))
    sizes, sums = [int(split.rows.sum()) for split in asked], [int(residuals[split.rows].sum()) for split in asked]
    adjusted = benjamini_yekutieli(label_permutation_p_values(residuals, sizes, sums, n_draws=draws, seed=seed))
    found = {split.name: float(p) for split, p in zip(asked, adjusted, strict=True)}
    twin = {split.grouping: found[split.name] for split in asked}  # of the two groups, the one that was asked about
    return [twin[split.grouping] if split.is_mirror else found[split.name] for split in splits]


def _n_draws(n_groups: int, n_records: int) -> int:
    """Enough to find one difference among all the groups, as far as a few seconds allow."""
    wanted = math.ceil(20 * n_groups * (1 + math.log(n_groups)))
    return max(FEWEST_DRAWS, min(wanted, MOST_CELLS // n_records))


def group_auc(played: Played, rows: NDArray[np.bool_], *, each: float, confidence: float) -> tuple[Metric, int]:
    """Return the mean over models of the area within a group, and the records per side that its interval counts.

    Args:
        played: models in the target's role.
        rows: ``(n_coin_records,)`` True for the group's records.
        each: confidence of this interval alone.
        confidence: of those of all groups together.

    The mean's variance is no larger than the mean of one model's, whatever the models have in common: the interval is that
    of one model with the harmonic mean of the sizes.
    That variance is at most A (1 - A) / n with n records on the smaller side, as of a rate of n trials, and is that of a rate
    where each record of that side lies above or below all others: Clopper-Pearson for it.

    Source: Birnbaum and Klose, Annals of Mathematical Statistics 1957 (the bound).
    """
    areas, sizes = [], []
    for scores, inside in zip(played.scores[:, rows], played.is_in[:, rows], strict=True):
        smaller = min(int(inside.sum()), int((~inside).sum()))
        if smaller:
            areas.append(auc(scores, inside))
            sizes.append(smaller)
    if not areas:
        return Metric(name="group_auc", value=None, rule="not measurable: no model has members and non-members"), 0
    n, value = int(len(sizes) / sum(1 / size for size in sizes)), float(np.mean(areas))
    lower, upper = effective_interval(value, float(n), confidence=each)
    return Metric(name="group_auc", value=value, lower=lower, upper=upper, confidence=confidence, rule=AUC_RULE), n


def _params(split: Split, played: Played, tpr: GroupRate, fpr: GroupRate) -> dict[str, Any]:
    """What the group is, and what its intervals count; a gate makes that of the area anew."""
    inside = played.is_in[:, split.rows]
    return {
        "group": split.name,
        "grouping": split.grouping,
        "value": split.value,
        "n_records": int(split.rows.sum()),
        "n_effective_in": tpr.n_effective,
        "n_effective_out": fpr.n_effective,
        "n_in": int(inside.sum()),
        "n_out": int((~inside).sum()),
    }


def _finding(
    split: Split, area: tuple[Metric, int], rates: tuple[Metric, ...], attack: str, params: dict[str, Any]
) -> Finding:
    n_in, n_out = params.pop("n_in"), params.pop("n_out")
    return Finding(
        id=f"{attack}-{split.name}",
        method=attack,
        params={**params, "n_auc": area[1]},
        n_in=n_in,
        n_out=n_out,
        metrics=(area[0], *rates),
    )


def _rate_metrics(
    rates: tuple[GroupRate, GroupRate, GroupRate], p: float | None, each: float, confidence: float
) -> tuple[Metric, ...]:
    tpr, other, fpr = rates
    names = ("group_tpr", "group_fpr", "tpr_difference", "tpr_difference_p")
    if tpr.value is None or fpr.value is None or other.value is None or fpr.n * GROUP_FPR < 1:
        return tuple(Metric(name=name, at=GROUP_FPR, value=None, rule=TOO_SMALL) for name in names)
    ends = [rate.interval(confidence=each) for rate in (tpr, fpr)]
    ends.append(difference_interval(tpr, other, confidence=each))
    values = (tpr.value, fpr.value, tpr.value - other.value)
    rules = (TPR_RULE, FPR_RULE, DIFFERENCE_RULE)
    metrics = [
        Metric(name=name, at=GROUP_FPR, value=value, lower=low, upper=high, confidence=confidence, rule=rule)
        for name, value, (low, high), rule in zip(names, values, ends, rules, strict=False)
    ]
    return (*metrics, Metric(name=names[3], at=GROUP_FPR, value=p, rule=P_RULE))
