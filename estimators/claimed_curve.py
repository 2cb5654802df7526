"""The test of a claimed mechanism by its whole trade-off curve, from the error rates of one attack.

(epsilon, delta) is one number of a mechanism. Its trade-off curve bounds the true positive rate at every false positive
rate, so error rates may refute the mechanism long before they exceed its epsilon: a bound on epsilon from counts cannot
exceed about the logarithm of the number of runs, a curve has no such limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from privaudit.errors import ConfigError
from privaudit.estimators.rate_rectangle import count_diagnostics
from privaudit.estimators.rates import lower_rate, upper_rate
from privaudit.estimators.tradeoff import tradeoff_bound
from privaudit.types import ConfusionCounts, DpSgdParams, Neighbouring
from privaudit.validate import check_probability

ASSUMPTIONS = (
    (
        "outcomes are independent under the claimed mechanism: one training each, or canaries of one training that do not "
        "move each other's scores"
    ),
    "the threshold was fixed before these outcomes were seen",
    "the two worlds are neighbours in the stated relation",
)
MARGIN = 1e-10  # what rates and curve may be off by


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveTest:
    """Whether error rates lie beyond what the claimed mechanism allows.

    Attributes:
        is_refuted: they do, in at most a share ``1 - confidence`` of audits of a mechanism that is as claimed.
        confidence: of the test.
        fpr_upper: upper end of the false positive rate, missed with half the error.
        tpr_lower: lower end of the true positive rate, missed with the other half.
        tpr_allowed: the largest true positive rate that the claim allows at ``fpr_upper``.
        fnr_upper: upper end of the false negative rate, 1 - ``tpr_lower``.
        tnr_lower: lower end of the true negative rate, 1 - ``fpr_upper``.
        tnr_allowed: the largest true negative rate that the claim allows at ``fnr_upper``.
        n_in: outcomes with the canary.
        n_out: outcomes without it.
        neighbouring: the relation of the two worlds.
        assumptions: what must hold for the refutation to concern the mechanism.
        diagnostics: the counts.
    """

    is_refuted: bool
    confidence: float
    fpr_upper: float
    tpr_lower: float
    tpr_allowed: float
    fnr_upper: float
    tnr_lower: float
    tnr_allowed: float
    n_in: int
    n_out: int
    neighbouring: Neighbouring
    assumptions: tuple[str, ...] = ASSUMPTIONS
    diagnostics: Mapping[str, float] = field(default_factory=dict)


def curve_test(
    counts: ConfusionCounts,
    *,
    params: DpSgdParams | None = None,
    mu: float | None = None,
    confidence: float,
    neighbouring: Neighbouring = Neighbouring.ADD_REMOVE,
) -> CurveTest:
    """Test a claimed mechanism by the outcomes of one attack.

    A refutation says that training is not the claimed mechanism, nor any that leaks less; it does not say by how much
    epsilon is exceeded. The claim is exactly one of ``params`` and ``mu``.

    Args:
        counts: outcomes of independent trials with the canary and without.
        params: of the claimed DP-SGD run with Poisson sampling.
        mu: of a claimed Gaussian mechanism, at least 0.
        confidence: of the test, in (0, 1), at every sample size; half the error per rate.
        neighbouring: the relation of the two worlds; with ``params`` ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        the test; under ``ADD_REMOVE`` the curve allows what either order of the two worlds does.

    Raises:
        ConfigError: if there is not exactly one claim, or a value is out of range.
        ClaimError: if the sampling of ``params`` is not ``poisson``.
        UnsupportedError: for relations that no curve of ``params`` is known for.

    Source: Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023; the curve as
        in `tradeoff_bound`, the ends of Clopper and Pearson, Biometrika 1934.

    >>> counts = ConfusionCounts(tp=480, fn=20, fp=20, tn=480)
    >>> curve_test(counts, mu=1.0, confidence=0.95).is_refuted, curve_test(counts, mu=4.0, confidence=0.95).is_refuted
    (True, False)
    """
    check_one_claim(params, mu)
    check_known_relation(neighbouring)
    tail = (1.0 - check_probability("confidence", confidence)) / 2
    fpr, fnr = upper_rate(counts.fp, counts.n_out, tail), upper_rate(counts.fn, counts.n_in, tail)
    tpr, tnr = lower_rate(counts.tp, counts.n_in, tail), lower_rate(counts.tn, counts.n_out, tail)
    tpr_allowed, tnr_allowed = tradeoff_bound([fpr, fnr], params=params, mu=mu, neighbouring=neighbouring).tolist()
    return CurveTest(
        # one event, told by whichever of the two the curve's rounding leaves room for
        is_refuted=tpr > tpr_allowed + MARGIN or tnr > tnr_allowed + MARGIN,
        confidence=confidence,
        fpr_upper=fpr,
        tpr_lower=tpr,
        tpr_allowed=tpr_allowed,
        fnr_upper=fnr,
        tnr_lower=tnr,
        tnr_allowed=tnr_allowed,
        n_in=counts.n_in,
        n_out=counts.n_out,
        neighbouring=neighbouring,
        diagnostics=count_diagnostics(counts),
    )


def check_one_claim(params: DpSgdParams | None, mu: float | None) -> None:
    """Refuse a test of no mechanism, or of two.

    Raises:
        ConfigError: if there is not exactly one.
    """
    if (params is None) == (mu is None):
        got = "none" if params is None else "both"
        raise ConfigError(f"state exactly one claimed mechanism, params or mu; got {got}.", key="params")


def check_known_relation(neighbouring: Neighbouring) -> None:
    """Refuse what is no relation of neighbours.

    Raises:
        ConfigError: names those that there are.
    """
    if neighbouring not in list(Neighbouring):
        known = ", ".join(Neighbouring)
        raise ConfigError(f"neighbouring must be one of {known}; got {neighbouring!r}.", key="neighbouring")
