"""What a label-only attack reaches with fewer queries per record."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from privaudit.estimators import auc_metric, expected_tpr_metric
from privaudit.estimators.expected_rate import EXPECTED_RULE
from privaudit.estimators.metrics import AUC_RULE
from privaudit.games.declared import run_declared
from privaudit.interfaces import Attack, AuditInputs
from privaudit.pipeline.reliability import Reliability
from privaudit.types import AttackResult, Metric

CURVE_FPR = 0.01
AUC_AT, TPR_AT = "auc_at_queries", "tpr_at_queries"
LIMIT = "when each record may be asked for this number of times at most"
AUC_AT_RULE = f"area under the curve {LIMIT}. {AUC_RULE}"
TPR_AT_RULE = f"at {CURVE_FPR:.0%} false positive rate, {LIMIT}: {EXPECTED_RULE}"


def query_curves(
    attack: Attack, inputs: AuditInputs, targets: Sequence[int], *, confidence: float
) -> list[Reliability]:
    """Return, for each target, AUC and expected TPR at 1 % FPR against the number of queries per record.

    Args:
        attack: with a ``query_ladder`` where there is a curve.
        inputs: everything measured.
        targets: numbers of the models attacked.
        confidence: of the AUCs' descriptive intervals.

    Returns:
        One per target; without metrics where the attack asks a fixed number of queries.
    """
    found: list[tuple[Metric, ...]] = [() for _ in targets]
    for n_queries in getattr(attack, "query_ladder", ()):
        limited: Any = attack  # a dataclass with a field n_queries, which the protocol cannot say
        results = run_declared(replace(limited, n_queries=n_queries), inputs, targets=targets)
        found = [
            (*before, *_points(result, n_queries, confidence)) for before, result in zip(found, results, strict=True)
        ]
    return [Reliability(metrics=metrics) for metrics in found]


def _points(result: AttackResult, n_queries: int, confidence: float) -> tuple[Metric, Metric]:
    area = auc_metric(result.scores, result.label, confidence=confidence)
    rate = expected_tpr_metric(result.scores, result.label, CURVE_FPR, confidence=confidence)
    rule = rate.rule if rate.value is None else TPR_AT_RULE
    return (
        replace(area, name=AUC_AT, at=n_queries, rule=AUC_AT_RULE),
        replace(rate, name=TPR_AT, at=n_queries, rule=rule),
    )
