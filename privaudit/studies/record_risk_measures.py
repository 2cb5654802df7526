"""What losses alone say of the risk of records and models, beside what LiRA finds with shadow models."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from privaudit.attacks import Lira
from privaudit.attacks.loss_trace import interquartile_range, precision_at
from privaudit.attacks.tail_tnr import tail_tnr
from privaudit.estimators import tpr_at_fpr
from privaudit.games.declared import run_declared
from privaudit.interfaces import AuditInputs
from privaudit.scoring.signals import LOSS_TRACE
from privaudit.types import AttackResult

TRUTH_FPR, LOOKED_AT, EARLY_EPOCH = 0.001, 0.01, 5
RANKINGS = ("LT-IQR", f"loss after epoch {EARLY_EPOCH}", "final loss")
TPR_FPR, BETA = 0.01, 0.01


class Ranked(NamedTuple):
    """How well rankings of the members find those at risk: means over targets.

    Attributes:
        precision: ranking -> share of members at risk among the 1 % ranked first.
        base_rate: their share among all members.
        n_targets: models looked at.
        n_top: members ranked first, of the first target.
    """

    precision: Mapping[str, float]
    base_rate: float
    n_targets: int
    n_top: int


class Level(NamedTuple):
    """The models of one strength of weight decay: means over all of them, each in the role of the target.

    Attributes:
        weight_decay: of Adam.
        tpr: LiRA's true positive rate at 1 % FPR.
        tnr: tail-TNR.
        gap: accuracy on members less accuracy on the other records with coins.
    """

    weight_decay: float
    tpr: float
    tnr: float
    gap: float


class Agreement(NamedTuple):
    """How well one number per model foretells LiRA's rate over the levels.

    Attributes:
        span: largest over smallest true positive rate of a level.
        of_tail: rank correlation (Spearman) of tail-TNR with the rate.
        of_gap: that of the gap.
    """

    span: float
    of_tail: float
    of_gap: float


def members_at_risk(result: AttackResult, fpr: float) -> NDArray[np.bool_]:
    """Return which members an attack finds: those above the floor rule's threshold at a false positive rate.

    Args:
        result: of one target.
        fpr: the rate, at least that of one non-member.

    Returns:
        ``(n_members,)``.
    """
    is_member = result.label == 1
    others = np.sort(result.scores[~is_member])[::-1]
    return np.asarray(result.scores[is_member] > others[int(fpr * len(others) + 1e-9)])


def ranked(inputs: AuditInputs, targets: Sequence[int]) -> Ranked:
    """Rank the members of every target in every way, and compare with LiRA.

    Args:
        inputs: of all models, with traces.
        targets: models that play the target.
    """
    records, is_in = inputs.design.coin_records, inputs.design.is_in.astype(bool)
    traces = inputs.dense_queries(LOSS_TRACE)
    found: dict[str, list[float]] = {name: [] for name in RANKINGS}
    rates, n_top = [], []
    for result in run_declared(Lira(), inputs, targets=targets):
        own = -traces[result.target][records[is_in[result.target, records]]]
        truth = members_at_risk(result, TRUTH_FPR)
        for name, scores in zip(RANKINGS, (interquartile_range(own), own[:, EARLY_EPOCH - 1], own[:, -1]), strict=True):
            precision = precision_at(scores, truth, LOOKED_AT)
            found[name].append(precision.precision)
        rates.append(precision.base_rate)
        n_top.append(precision.n)
    means = {name: float(np.mean(each)) for name, each in found.items()}
    return Ranked(means, float(np.mean(rates)), len(targets), n_top[0])


def level(inputs: AuditInputs, weight_decay: float) -> Level:
    """Measure the models of one level, each in the role of the target.

    Args:
        inputs: of all models of the level.
        weight_decay: they were trained with.
    """
    results = run_declared(Lira(variance="pooled"), inputs, targets=inputs.usable.tolist())
    rates = [tpr_at_fpr(one.scores, one.label, TPR_FPR, confidence=0.95).value for one in results]
    losses, correct = -inputs.dense("negative_loss"), inputs.dense("correct")
    tails, gaps = [], []
    for one in results:
        inside, outside = (one.unit_ids[one.label == side] for side in (1, 0))
        tails.append(tail_tnr(losses[one.target, inside], losses[one.target, outside], BETA).tnr[0])
        gaps.append(correct[one.target, inside].mean() - correct[one.target, outside].mean())
    means = (float(np.mean(np.array(row, dtype=np.float64))) for row in (rates, tails, gaps))
    return Level(weight_decay, *means)


def agreement(levels: Sequence[Level]) -> Agreement:
    """Compare what was foretold with what LiRA finds.

    Args:
        levels: of one seed.
    """
    rates = [one.tpr for one in levels]
    of_tail, of_gap = (
        float(spearmanr(rates, foretold).statistic)
        for foretold in ([one.tnr for one in levels], [one.gap for one in levels])
    )
    return Agreement(max(rates) / max(min(rates), 1e-9), of_tail, of_gap)
