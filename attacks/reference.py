"""The reference attack: where the target stands among models that never saw the record (attack R of Ye et al. 2022).

Every record has a null distribution of its own, that of the signal over reference models without the record. With few
models its steps are coarse: the rank among n models has n + 1 values. A smooth distribution function, one normal curve
around each reference's signal, tells more of them apart and has no ties. All normal curves have the width of the
records' pooled spread, as a record's own spread is not to be had from few models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from privaudit.attacks.mean_probability import log_mean_probability
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import fit_side, left_out
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BLOCK_NUMBERS = 2**18


def log_rank(observed: Floats, references: Floats, is_out: Bools) -> Floats:
    """Return the log of (1 + number of OUT references with at least this signal) / (1 + number of them).

    Args:
        observed: ``(n_records,)`` the target's signal.
        references: ``(n_references, n_records)`` that of the references.
        is_out: ``(n_references, n_records)`` True where a reference was not trained on the record.

    >>> seen, out = np.array([[1.0], [3.0], [5.0]]), np.array([[True], [True], [False]])
    >>> np.exp(log_rank(np.array([2.0]), seen, out)).round(6).tolist()
    [0.666667]
    """
    above = ((references >= observed) & is_out).sum(axis=0)
    return np.asarray(np.log1p(above) - np.log1p(is_out.sum(axis=0)))


def bandwidth(references: Floats, is_out: Bools) -> float:
    """Return the width of the normal curves: 1.06 s n^(-1/5), s the pooled deviation within records, n models a record.

    Args:
        references: ``(n_references, n_records)``.
        is_out: ``(n_references, n_records)``, at least one a record.

    Returns:
        0 where there is no spread to be pooled.

    Source: Silverman, "Density Estimation for Statistics and Data Analysis", 1986, equation 3.28.
    """
    fit = fit_side(references, is_out)
    if not fit.residual.any():
        return 0.0
    return float(1.06 * np.sqrt(fit.residual.sum() / (fit.n - 1.0).sum()) * fit.n.mean() ** -0.2)


def log_smooth_p(observed: Floats, references: Floats, is_out: Bools, *, width: float) -> Floats:
    """Return the log of the mean over OUT references of Phi((their signal - the target's) / width).

    Args:
        observed: ``(n_records,)`` the target's signal.
        references: ``(n_references, n_records)`` that of the references.
        is_out: ``(n_references, n_records)`` True where a reference was not trained on the record, once a record at least.
        width: above 0.

    >>> log_smooth_p(np.array([1.0]), np.array([[1.0], [7.0]]), np.array([[True], [False]]), width=2.0).round(6).tolist()
    [-0.693147]
    """
    result, size = np.empty(len(observed)), max(1, BLOCK_NUMBERS // len(references))
    for start in range(0, len(result), size):
        part = slice(start, start + size)
        tails = log_ndtr((references[:, part] - observed[part]) / width)
        result[part] = log_mean_probability(tails, is_used=is_out[:, part])
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAttack:
    """Minus the log p-value of the target's logit margin among the reference models without the record.

    Attributes:
        distribution: ``smooth`` (default), or ``rank``: exact p-values, in as many steps as there are references.

    Source: Ye, Maddi, Murakonda, Bindschaedler, Shokri, "Enhanced Membership Inference Attacks against Machine Learning
    Models", CCS 2022, section 4 (attack R; the smoothing by normal curves is ours).
    """

    name: ClassVar[str] = "reference"
    signals: ClassVar[frozenset[str]] = frozenset({"logit_margin"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    distribution: Literal["smooth", "rank"] = "smooth"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        if self.distribution not in ("smooth", "rank"):
            raise ConfigError(f"distribution must be smooth or rank; got {self.distribution!r}.", key="distribution")

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; usable models but the target and its pair serve as references.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a canary lacks a reference that was not trained on it.
        """
        check_targets(inputs, targets)
        canaries = inputs.design.coin_records
        values = finite_signal(inputs, "logit_margin")[:, canaries]
        is_out = inputs.design.is_in[:, canaries] == 0
        return tuple(self._attack(inputs, values, is_out, int(target)) for target in targets)

    def _attack(self, inputs: AuditInputs, values: Floats, is_out: Bools, target: int) -> AttackResult:
        out = left_out(inputs.design.pair, target, "pair")
        models = np.setdiff1d(inputs.usable, out)
        references, unseen, notes = values[models], is_out[models], tuple[str, ...]()
        missing = int((unseen.sum(axis=0) == 0).sum())
        if missing:
            raise UnsupportedError(
                f"the reference attack needs a model without each record; {missing} records lack one. Train more models "
                "(design.n_models)."
            )
        if self.distribution == "rank":
            log_p = log_rank(values[target], references, unseen)
        else:
            width = bandwidth(references, unseen)
            notes = () if width else ("the reference models' spread is not to be had: the normal curves have width 1",)
            log_p = log_smooth_p(values[target], references, unseen, width=width or 1.0)
        params = {"distribution": self.distribution}
        return coin_result(self, inputs, target, -log_p, params=params, left_out=out, notes=notes)
