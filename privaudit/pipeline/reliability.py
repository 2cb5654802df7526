"""What an attack's numbers are worth: thresholds set on shadow models, accusations at a prior, records judged one by one.

Shadow models that are neither a target nor a target's complement play the target, each with its own pair left out. The
target's coins enter where its own outcomes are counted, and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import UnsupportedError
from privaudit.estimators import rate_interval
from privaudit.estimators.accusation_value import predictive_value
from privaudit.estimators.clopper_pearson_bound import counts_at
from privaudit.estimators.null_calibration import null_p_values
from privaudit.estimators.rates_by_record import RateSpread, false_positive_spread, record_rates
from privaudit.estimators.thresholds_from_shadows import median_threshold
from privaudit.games.declared import run_declared
from privaudit.interfaces import Attack, AuditInputs
from privaudit.pipeline.primary import MAX_PLAYED, is_playable, untouched_shadows
from privaudit.types import AttackResult, ConfusionCounts, Finding, Metric

MIN_PLAYED = 4
THRESHOLD_FPRS = (0.001, 0.01)
RECORD_FPR = 0.01
PRIORS = (0.01, 0.1, 0.5)
DESCRIPTIVE = "Clopper-Pearson; descriptive only: the records of one model are not independent trials"
THRESHOLD_RULE = (
    "at the median of the thresholds at which shadow models, each in the target's role, have this false positive rate "
    "(floor rule); neither target nor its complement takes part. Played models have one pair of shadows fewer than the "
    "target: with few pairs the rate achieved differs from the one asked for. "
    f"Interval: {DESCRIPTIVE}"
)
PPV_RULE = (
    f"share of members among the records called members at the shadow models' threshold for {RECORD_FPR:.0%} FPR, if a "
    "record is a member with the stated prior; from the rates reached on the target, whose intervals at half the error "
    f"each give its ends ({DESCRIPTIVE})"
)
NO_PPV_RULE = f"undefined: no record of the target reaches the shadow models' threshold for {RECORD_FPR:.0%} FPR"
CALIBRATED_RULE = (
    "share of members whose score is significant for that record alone: its p-value under the predictive t distribution "
    "of the scores that it has under shadow models not trained on it. Exact for independent Gaussian scores, such as raw "
    "signals; scores made with the help of other models are neither, and the rate may be too low (skewed likelihood "
    "ratios) or too high: the achieved false positive rate stands beside it. "
    f"Interval: {DESCRIPTIVE}"
)
WORST_RULE = (
    "largest share, over records, of the played shadow models not trained on a record that call it a member at one "
    "threshold for all records, set on the other played models; records that all of them hold have no share. Of few models "
    "the largest of many shares is large by chance: compare worst_record_fpr_by_chance. The interval holds for all records "
    "at once (Bonferroni over Clopper-Pearson, models as independent trials)"
)
CHANCE_RULE = "the largest share to be expected if every record had the pooled false positive rate"
MOST_BY_RANK = 0.05  # of the records
CONSTANT_RULE = (
    "not measurable: too many records have the same score under all shadow models without them, and no p-value of so few models is "
    "as small as that"
)
NEEDS_RULE = "not measurable: a model that sets the threshold has too few non-members, or nobody is called at it"


class Played(NamedTuple):
    """Shadow models in the target's role.

    Attributes:
        scores: ``(n_played, n_coin_records)`` float64.
        is_in: ``(n_played, n_coin_records)`` bool.
    """

    scores: NDArray[np.float64]
    is_in: NDArray[np.bool_]


class Reliability(NamedTuple):
    """What is added to the finding of one target."""

    metrics: tuple[Metric, ...] = ()
    notes: tuple[str, ...] = ()

    def added_to(self, finding: Finding) -> Finding:
        """Return the finding with these metrics and notes after its own."""
        return replace(finding, metrics=(*finding.metrics, *self.metrics), notes=(*finding.notes, *self.notes))


def reliability_of(
    attack: Attack, inputs: AuditInputs, results: Sequence[AttackResult], *, confidence: float
) -> list[Reliability]:
    """Return, for each target's result, what the same attack on shadow models says about it.

    Args:
        attack: the attack.
        inputs: everything measured.
        results: of that attack, one per target.
        confidence: of the intervals.

    Returns:
        One per result; without metrics where too few shadow models are free, or the attack cannot do with them. A note
        says which.
    """
    try:
        played = play_shadows(attack, inputs)
    except UnsupportedError as error:
        note = f"no threshold from shadow models, and no test of single records: {error}"
        return [Reliability(notes=(note,)) for _ in results]
    spread = pooled_spread(played, RECORD_FPR, confidence=confidence)
    return [Reliability(metrics=_metrics(result, played, spread, confidence)) for result in results]


def play_shadows(attack: Attack, inputs: AuditInputs) -> Played:
    """Let shadow models play the target: one of each pair that has nothing to do with a target, at most 16.

    Args:
        attack: the attack.
        inputs: everything measured; targets and their pairs are taken out before the attack sees anything.

    Raises:
        UnsupportedError: if fewer than four pairs are left, or the attack cannot run on them.
    """
    if not is_playable(attack):
        raise UnsupportedError(f"what {attack.name} reads is measured on targets alone.")
    apart = inputs.restricted_to(untouched_shadows(inputs.design))
    pair = inputs.design.pair[apart.usable]
    numbers = apart.usable[(pair < 0) | (apart.usable < pair)][:MAX_PLAYED]
    if len(numbers) < MIN_PLAYED:
        raise UnsupportedError(
            f"{MIN_PLAYED} pairs of shadow models that are no target's are needed; {len(numbers)} are there. Raise "
            "design.n_models."
        )
    results = run_declared(attack, apart, targets=numbers.tolist())
    scores, labels = (np.stack([getattr(result, name) for result in results]) for name in ("scores", "label"))
    return Played(scores, labels.astype(bool))


def pooled_spread(played: Played, fpr: float, *, confidence: float) -> RateSpread | None:
    """Return how one threshold for all records treats single records.

    Args:
        played: shadow models in the target's role; each is judged at the median threshold of the others.
        fpr: the false positive rate asked for.
        confidence: of the interval of the worst record.

    Returns:
        The spread, ``None`` where a played model has too few non-members to measure the rate.
    """
    if not _is_measurable(played, fpr):
        return None
    rows = np.arange(len(played.scores))
    called = [
        played.scores[row] >= median_threshold(played.scores[rows != row], played.is_in[rows != row], fpr)
        for row in rows
    ]
    return false_positive_spread(record_rates(np.stack(called), played.is_in), confidence=confidence)


def _is_measurable(played: Played, fpr: float) -> bool:
    return bool(((~played.is_in).sum(axis=1) * fpr >= 1).all())


def _metrics(result: AttackResult, played: Played, spread: RateSpread | None, confidence: float) -> tuple[Metric, ...]:
    counts = {fpr: _counts(result, played, fpr) for fpr in THRESHOLD_FPRS}
    return (
        *(_threshold_metric(counts[fpr], fpr, confidence) for fpr in THRESHOLD_FPRS),
        *(_ppv_metric(counts[RECORD_FPR], prior, confidence) for prior in PRIORS),
        _calibrated_metric(result, played, confidence),
        *_worst_metrics(spread, confidence),
    )


def _counts(result: AttackResult, played: Played, fpr: float) -> ConfusionCounts | None:
    if not _is_measurable(played, fpr):
        return None
    return counts_at(result.scores, result.label, median_threshold(played.scores, played.is_in, fpr))


def _threshold_metric(counts: ConfusionCounts | None, fpr: float, confidence: float) -> Metric:
    if counts is None:
        return Metric(name="tpr_at_shadow_threshold", at=fpr, value=None, rule=NEEDS_RULE)
    return _rate_metric("tpr_at_shadow_threshold", counts, fpr, THRESHOLD_RULE, confidence)


def _rate_metric(name: str, counts: ConfusionCounts, fpr: float, rule: str, confidence: float) -> Metric:
    n_in = counts.tp + counts.fn
    lower, upper = rate_interval(counts.tp, n_in, confidence=confidence)
    achieved = counts.fp / (counts.fp + counts.tn)
    return Metric(
        name=name,
        at=fpr,
        value=counts.tp / n_in,
        lower=lower,
        upper=upper,
        confidence=confidence,
        rule=rule,
        achieved_fpr=achieved,
    )


def _ppv_metric(counts: ConfusionCounts | None, prior: float, confidence: float) -> Metric:
    if counts is None:
        return Metric(name="ppv", at=prior, value=None, rule=NEEDS_RULE)
    value, lower, upper = predictive_value(counts, prior, confidence=confidence)
    if value is None:
        return Metric(name="ppv", at=prior, value=None, rule=NO_PPV_RULE)
    return Metric(
        name="ppv",
        at=prior,
        value=value,
        lower=lower,
        upper=upper,
        confidence=confidence,
        rule=PPV_RULE,
        achieved_fpr=counts.fp / (counts.fp + counts.tn),
    )


def _calibrated_metric(result: AttackResult, played: Played, confidence: float) -> Metric:
    values = null_p_values(result.scores, played.scores, played.is_in)
    if values.by_rank.mean() > MOST_BY_RANK:  # equal scores in all models: ranks, of few models never as small as 1 %
        return Metric(name="calibrated_tpr", at=RECORD_FPR, value=None, rule=CONSTANT_RULE)
    counts = counts_at(-values.p, result.label, -RECORD_FPR)
    return _rate_metric("calibrated_tpr", counts, RECORD_FPR, CALIBRATED_RULE, confidence)


def _worst_metrics(spread: RateSpread | None, confidence: float) -> tuple[Metric, ...]:
    if (
        spread is None or spread.pooled == 0.0
    ):  # nobody is called at a threshold above the scores that most records share
        return (Metric(name="worst_record_fpr", at=RECORD_FPR, value=None, rule=NEEDS_RULE),)
    worst = Metric(
        name="worst_record_fpr",
        at=RECORD_FPR,
        value=spread.worst,
        lower=spread.worst_lower,
        upper=spread.worst_upper,
        confidence=confidence,
        rule=WORST_RULE,
        achieved_fpr=spread.pooled,
    )
    chance = Metric(name="worst_record_fpr_by_chance", at=RECORD_FPR, value=spread.worst_by_chance, rule=CHANCE_RULE)
    return worst, chance
