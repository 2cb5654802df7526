"""From attack results and stored signals to the findings of a report."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.tail_tnr import tail_tnr
from privaudit.estimators import (
    account,
    advantage_bound,
    auc_metric,
    expected_tpr_metrics,
    rate_interval,
    roc_curve,
    tpr_at_fpr,
    tradeoff_bound,
)
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult, DpSgdParams, EpsilonEstimate, Finding, Metric, Neighbouring, RocCurve

REPORTED_FPRS = (0.001, 0.01, 0.1)
LIMIT_RULE = "computed limit of the expected rate of any attack under add/remove neighbours, if the claim holds"
CURVE_NOTE = "The curve is the largest true positive rate the guarantee allows at each false positive rate."
TAIL_SHARE = 0.01
GAP_RULE = "accuracy on members less accuracy on the other records with coins: a sign of how much was learned by heart, no attack"
TAIL_RULE = (
    f"share of non-members whose loss is above all but {TAIL_SHARE:.0%} of the members' losses (ties as blocks): one number "
    "per model that goes up and down with a strong attack's true positive rate, about as well as train_test_gap does; it "
    "is no attack, says nothing of single records, and bounds nothing"
)
CURVE_FPRS = np.concatenate([[0.0], np.geomspace(1e-7, 1.0, 141)])


def attack_metrics(result: AttackResult, *, confidence: float) -> tuple[Metric, ...]:
    """Read AUC and TPR at the reported FPRs off one result; of discrete scores the expected TPR, too."""
    rates = [tpr_at_fpr(result.scores, result.label, fpr, confidence=confidence) for fpr in REPORTED_FPRS]
    expected = expected_tpr_metrics(result.scores, result.label, REPORTED_FPRS, confidence=confidence)
    return (auc_metric(result.scores, result.label, confidence=confidence), *rates, *expected)


def attack_finding(result: AttackResult, estimates: Sequence[EpsilonEstimate], *, confidence: float) -> Finding:
    """Put one attack's outcome on one target into a finding.

    Args:
        result: scores and truth.
        estimates: bounds made from it, each with the confidence it was given.
        confidence: of the descriptive intervals.
    """
    n_in = int(result.label.sum())
    return Finding(
        id=f"{result.attack}-{result.target}",
        method=result.attack,
        params={"target": result.target, **result.params},
        game=result.game,
        access=result.access,
        unit=result.unit,
        n_in=n_in,
        n_out=len(result.label) - n_in,
        metrics=attack_metrics(result, confidence=confidence),
        roc=roc_curve(result.scores, result.label),
        estimates=tuple(estimates),
        notes=result.notes,
    )


def accuracy_finding(
    inputs: AuditInputs,
    correct_of: NDArray[np.float64],
    loss_of: NDArray[np.float64] | None,
    target: int,
    *,
    confidence: float,
) -> Finding:
    """Report a target's accuracy on its members, on the other records with coins and on the population, and what the gap
    and the losses foretell of its members' risk.

    Args:
        inputs: design and signals.
        correct_of: ``(n_models, n_records)`` the dense signal ``correct``.
        loss_of: ``(n_models, n_records)`` losses; ``None`` of models that give labels alone.
        target: number of the model.
        confidence: of the intervals.
    """
    correct = correct_of[target]
    design = inputs.design
    member = design.is_in[target].astype(bool)
    groups = {
        "accuracy_in": member,
        "accuracy_out": ~member & ~design.is_population,
        "accuracy_population": design.is_population,
    }
    metrics = [_accuracy(name, correct[rows], confidence) for name, rows in groups.items() if rows.any()]
    if groups["accuracy_out"].any() and member.any():
        outside = groups["accuracy_out"]
        gap = float(correct[member].mean() - correct[outside].mean())
        metrics += [Metric(name="train_test_gap", value=gap, rule=GAP_RULE)]
        metrics += [] if loss_of is None else [_tail(loss_of[target, member], loss_of[target, outside])]
    return Finding(
        id=f"target-{target}",
        method="accuracy",
        params={"target": target},
        n_in=int(member.sum()),
        n_out=int(groups["accuracy_out"].sum()),
        metrics=tuple(metrics),
    )


def _tail(losses_in: NDArray[np.float64], losses_out: NDArray[np.float64]) -> Metric:
    curve = tail_tnr(losses_in, losses_out, TAIL_SHARE)
    value = float(curve.tnr[0])
    if math.isnan(value):
        return Metric(name="tail_tnr", at=TAIL_SHARE, value=None, rule=f"not measurable with {len(losses_in)} members")
    return Metric(name="tail_tnr", at=TAIL_SHARE, value=value, rule=TAIL_RULE)


def _accuracy(name: str, correct: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", confidence: float) -> Metric:
    lower, upper = rate_interval(int(correct.sum()), len(correct), confidence=confidence)
    rule = f"share of {len(correct)} records classified correctly; Clopper-Pearson interval over records"
    return Metric(name=name, value=float(correct.mean()), lower=lower, upper=upper, confidence=confidence, rule=rule)


def claim_finding(params: DpSgdParams, *, delta: float) -> Finding:
    """Report what DP-SGD's parameters guarantee by every accountant, and the curve that no attack may exceed.

    Args:
        params: of the training.
        delta: where epsilon is read off.
    """
    tables = [account(params, delta, relation) for relation in (Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE)]
    bound = tradeoff_bound(CURVE_FPRS, params=params, neighbouring=Neighbouring.ADD_REMOVE)
    return Finding(
        id="claim",
        method="pld",
        params={
            "noise_multiplier": params.noise_multiplier,
            "sample_rate": params.sample_rate,
            "steps": params.steps,
            "max_grad_norm": params.max_grad_norm,
        },
        access=None,
        metrics=_limits(params),
        roc=RocCurve(fpr=CURVE_FPRS, tpr=bound),
        estimates=tuple(row.estimate for table in tables for row in table.rows),
        notes=(CURVE_NOTE, *dict.fromkeys(note for table in tables for note in table.notes)),
    )


def _limits(params: DpSgdParams) -> tuple[Metric, ...]:
    """The most that any attack can reach under add/remove, in the metrics that attacks are measured in."""
    rates = tradeoff_bound(REPORTED_FPRS, params=params, neighbouring=Neighbouring.ADD_REMOVE)
    limits = [
        Metric(name="tpr_limit", at=fpr, value=float(tpr), rule=LIMIT_RULE)
        for fpr, tpr in zip(REPORTED_FPRS, rates, strict=True)
    ]
    advantage = advantage_bound(params=params, neighbouring=Neighbouring.ADD_REMOVE)
    return (*limits, Metric(name="advantage_limit", value=advantage, rule=LIMIT_RULE))


def idle_models(inputs: AuditInputs) -> list[int]:
    """Models that classify their own members no better than the most frequent class would; reported, never dropped."""
    correct = inputs.dense("correct")
    idle = []
    for model in inputs.usable.tolist():
        members = inputs.design.is_in[model].astype(bool)
        most_frequent = np.bincount(inputs.labels[members]).max() / members.sum()
        if correct[model, members].mean() <= most_frequent:
            idle.append(model)
    return idle
