"""How much a record's loss moved in training: a ranking of members for the model's owner (Pollock et al., 2024).

A record that is learned early, or never, has a flat trace of losses; one that is learned late and by heart goes a long
way. The interquartile range of the trace ranks the members by what shadow models would find out about them, at the
price of one extra pass of all records per epoch. Losses in training are the owner's alone: no outsider has them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.attacks.results import check_targets, coin_result, finite_queries
from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access
from privaudit.types.report import RECORD_RISK

SIGNAL = "negative_loss_trace"
LEAST_POINTS = 2  # of a trace with a spread
OWNERS_NOTE = (
    "for the model's owner, who alone has the losses in training: it ranks members by how much is to be found out about "
    "them, and is no attack of an outsider. Losses of other records move as well, so how well it tells them from members "
    "(AUC, rates) says little"
)


class Precision(NamedTuple):
    """How many of the records ranked first are at risk.

    Attributes:
        precision: their share among the ``n`` records ranked first; ties are broken fairly, in expectation.
        base_rate: their share among all records, the precision of a ranking by chance.
        n: number of records ranked first.
    """

    precision: float
    base_rate: float
    n: int


def interquartile_range(trace: ArrayLike) -> NDArray[np.float64]:
    """Return the range of the middle half of each record's losses, quantiles interpolated linearly.

    The sign does not matter: losses and negative losses have one range.

    Args:
        trace: ``(n_records, n_epochs)`` finite losses in nats; two epochs at least.

    Returns:
        ``(n_records,)`` nats, 0 for a loss that never moved.

    Raises:
        ShapeError: if it is no matrix.
        UnsupportedError: if there is one epoch only.
        DataError: if a loss is not finite.

    Source: Pollock, Shilov, Dodd, de Montjoye, "Free Record-Level Privacy Risk Evaluation Through Artifact-Based
    Methods", arXiv 2411.05743 (LT-IQR).

    >>> interquartile_range([[2.0, 1.0, 0.5, 0.25, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    array([0.75, 0.  ])
    """
    table = np.asarray(trace, dtype=np.float64)
    if table.ndim != 2:
        raise ShapeError(f"trace must have shape (n_records, n_epochs); got {table.shape}.")
    if table.shape[1] < LEAST_POINTS:
        raise UnsupportedError(f"a trace needs at least {LEAST_POINTS} epochs; got {table.shape[1]}. Train longer.")
    if not np.isfinite(table).all():
        record, epoch = np.argwhere(~np.isfinite(table))[0]
        raise DataError(f"a trace must be finite; record {record} after epoch {epoch + 1} is {table[record, epoch]}.")
    low, high = np.quantile(table, (0.25, 0.75), axis=1)
    return np.asarray(high - low)


def precision_at(scores: ArrayLike, is_at_risk: ArrayLike, share: float) -> Precision:
    """Return how many of the records with the highest scores are at risk, beside the share of such records.

    Args:
        scores: ``(n,)`` of the members, higher = more at risk; no NaN.
        is_at_risk: ``(n,)`` True where another method, e.g. LiRA at a small false positive rate, finds the record out.
        share: of the records to look at, above 0 and up to 1; rounded up to whole records.

    Raises:
        ShapeError: if the lengths differ, or there is no record.
        DataError: if a score is NaN.
        ConfigError: if the share is not above 0 and up to 1.

    >>> precision_at([4.0, 3.0, 2.0, 1.0], [True, False, True, False], 0.5)
    Precision(precision=0.5, base_rate=0.5, n=2)
    """
    values, risk = np.asarray(scores, dtype=np.float64), np.asarray(is_at_risk, dtype=bool)
    if values.ndim != 1 or values.shape != risk.shape or not len(values):
        raise ShapeError(f"scores and is_at_risk must have one shape (n,), n > 0; got {values.shape}, {risk.shape}.")
    if np.isnan(values).any():
        raise DataError(
            f"scores must not be NaN; {int(np.isnan(values).sum())} are. Leave these records out knowingly."
        )
    if not 0 < share <= 1:
        raise ConfigError(f"share must be above 0 and at most 1; got {share}.", key="share")
    n = max(1, math.ceil(share * len(values) - 1e-9))
    cut = np.sort(values)[-n]
    above, tied = values > cut, values == cut
    hits = risk[above].sum() + (n - above.sum()) * risk[tied].mean()
    return Precision(float(hits / n), float(risk.mean()), n)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTraceRange:
    """LT-IQR: score a record by the interquartile range of its losses under the target, one after each epoch.

    Needs no shadow models; the losses are recorded while the models are trained.

    Source: Pollock, Shilov, Dodd, de Montjoye, arXiv 2411.05743 (LT-IQR).
    """

    name: ClassVar[str] = "lt_iqr"
    signals: ClassVar[frozenset[str]] = frozenset({SIGNAL})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = RECORD_RISK
    access: ClassVar[Access] = "score"

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if there is one epoch only.
        """
        check_targets(inputs, targets)
        traces = finite_queries(inputs, SIGNAL)
        return tuple(
            coin_result(self, inputs, int(t), interquartile_range(traces[t]), params={}, notes=(OWNERS_NOTE,))
            for t in targets
        )
