"""The likelihood-ratio attack with a normal-inverse-gamma model: variances of few shadows, steadied by those of all records.

Between LiRA's variance per record, which needs many shadow models, and its pooled variance, which takes all records for
alike, a prior weighs one against the other. Each side's mean has a flat prior, its variance a scaled inverse chi-squared
one of strength nu0 and scale tau^2. With n shadows of mean m and residual S the predictive distribution of one more
model's signal is Student's t with nu = nu0 + n - 1 degrees of freedom around m, of squared scale
(nu0 tau^2 + S) / nu (1 + 1/n). The score is the log ratio of the IN and OUT predictive densities.

The idea of a normal-inverse-gamma prior in place of LiRA's switch between two variances is Brännvall's (BaVarIA,
arXiv 2603.11799); the prior is ours: both numbers are fitted to the spread of the records' variances, per side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy.special import gammaln

from privaudit.attacks.lira import UNIT, SideTotals, lira_scores, totals_of, variance_notes
from privaudit.attacks.results import check_targets, coin_result, finite_queries
from privaudit.attacks.shadow_fit import Floats, ShadowFits, SideFit, left_out, shadow_fits
from privaudit.attacks.variance_prior import LogVariances, VariancePrior, fit_prior, log_variances
from privaudit.errors import ConfigError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Form = Literal["t", "normal"]

# where too few records have spread to fit one: a record's own variance outweighs the pooled one from six shadows on
FALLBACK_STRENGTH = 4.0


def predictive_scale(fit: SideFit, prior: VariancePrior) -> tuple[Floats, Floats]:
    """Return degrees of freedom and squared scale of one more model's signal.

    Args:
        fit: one side, ``(n_targets, n_records)``.
        prior: of each target.

    >>> side = SideFit(np.full((1, 1), 3.0), *np.zeros((2, 1, 1)), np.array([[4.0]]))
    >>> [part.item() for part in predictive_scale(side, VariancePrior(np.array([4.0]), np.array([2.0])))]
    [6.0, 2.6666666666666665]
    """
    strength = prior.strength[:, None]
    freedom = strength + fit.n - 1.0
    return freedom, (strength * prior.scale[:, None] + fit.residual) / freedom * (1.0 + 1.0 / fit.n)


def log_predictive(observed: Floats, fit: SideFit, prior: VariancePrior, *, form: Form) -> Floats:
    """Return the log density of the targets' signals under one side's predictive distribution.

    Args:
        observed: ``(n_targets, n_records)``.
        fit: the side.
        prior: of each target.
        form: ``t``, or ``normal`` with the same centre and scale.
    """
    freedom, scale = predictive_scale(fit, prior)
    square = fit.distance(observed) ** 2 / scale
    if form == "normal":
        return np.asarray(-0.5 * (square + np.log(2 * np.pi * scale)))
    constant = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * np.log(np.pi * freedom)
    return np.asarray(constant - 0.5 * np.log(scale) - (freedom + 1) / 2 * np.log1p(square / freedom))


def priors(logs: LogVariances, totals: SideTotals, *, strength: float | None) -> VariancePrior:
    """Return one side's priors: fitted, or of a given strength around the pooled variance.

    Args:
        logs: sums of its log variances.
        totals: sums of its residuals.
        strength: ``None`` fits it; where fewer than ten records have spread it is `FALLBACK_STRENGTH`.
    """
    pooled = totals.residual / np.maximum(totals.freedom, 1.0)
    if strength is not None:
        return VariancePrior(np.full_like(pooled, strength), pooled)
    fitted = fit_prior(logs)
    missing = np.isnan(fitted.strength)
    return VariancePrior(np.where(missing, FALLBACK_STRENGTH, fitted.strength), np.where(missing, pooled, fitted.scale))


def normal_inverse_gamma_scores(
    fits: ShadowFits, *, form: Form = "t", strength: float | None = None, is_online: bool = True
) -> tuple[Floats, list[tuple[float, ...] | None]]:
    """Score every record of every target.

    Args:
        fits: the shadows, for ``is_online`` on both sides.
        form: ``t`` or ``normal``.
        strength: of the prior; ``None`` fits it.
        is_online: compare IN with OUT; else how many predictive scales above the OUT shadows a record lies.

    Returns:
        ``(n_targets, n_records)`` scores, and for each target the strengths used (IN and OUT, or OUT alone), or ``None``
        where no record of a side has spread: then all variances are 1, as in LiRA.

    Raises:
        UnsupportedError: if a record has no shadow on a side that is fitted.
    """
    n_sides = 2 if is_online else 1
    logs = [LogVariances(*np.zeros((4, len(fits.targets)))) for _ in range(n_sides)]
    blocks = fits.blocks()
    for block in blocks:
        logs = [sums.plus(log_variances(fit)) for sums, fit in zip(logs, block.sides[-n_sides:], strict=True)]
    totals = totals_of(blocks)[-n_sides:]
    has_spread = np.all([side.residual > 0 for side in totals], axis=0)
    fitted = [priors(*both, strength=strength) for both in zip(logs, totals, strict=True)]
    used = [VariancePrior(*(np.where(has_spread, part, 1.0) for part in one)) for one in fitted]
    scores = np.empty((len(fits.targets), fits.values.shape[1]))
    for block in blocks:
        if is_online:
            parts = [
                log_predictive(block.observed, fit, prior, form=form)
                for fit, prior in zip(block.sides, used, strict=True)
            ]
            scores[:, block.records] = parts[0] - parts[1]
        else:
            scale = predictive_scale(block.outside, used[-1])[1]
            scores[:, block.records] = block.outside.distance(block.observed) / np.sqrt(scale)
    if not has_spread.all():
        scores[~has_spread] = lira_scores(fits, mode="online" if is_online else "offline")[0][~has_spread]
    strengths = zip(*(prior.strength.tolist() for prior in used), strict=True)
    return scores, [one if spread else None for one, spread in zip(strengths, has_spread, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalInverseGamma:
    """Likelihood-ratio attack on the logit margin whose variances are steadied by a prior fitted to all records.

    Attributes:
        form: ``t`` (default): Student's t predictive; ``normal``: a Gaussian of the same scale.
        prior_strength: ``None`` (default) fits strength and scale per side; a number above 0 (4 is a good one) sets the
            strength, around the pooled variance.
        mode: ``online`` (default), or ``offline``: by OUT shadows alone, one-sided.

    Several views of a record are averaged first.

    Source: formulas of the module; idea: Brännvall, arXiv 2603.11799; prior fit: Smyth 2004.
    """

    name: ClassVar[str] = "nig"
    signals: ClassVar[frozenset[str]] = frozenset({"logit_margin"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    form: Form = "t"
    prior_strength: float | None = None
    mode: Literal["online", "offline"] = "online"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        for key, known in (("form", ("t", "normal")), ("mode", ("online", "offline"))):
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be {' or '.join(known)}; got {getattr(self, key)!r}.", key=key)
        strength = self.prior_strength
        is_number = isinstance(strength, int | float) and not isinstance(strength, bool)
        if strength is not None and not (is_number and 0 < strength < np.inf):
            raise ConfigError(
                f"prior_strength must be a number above 0, or null; got {strength!r}.", key="prior_strength"
            )

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models but the target and its pair serve as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a canary has no shadow on a side that is looked at: OUT, and online IN.
        """
        check_targets(inputs, targets)
        values = finite_queries(inputs, "logit_margin")[:, inputs.design.coin_records].mean(axis=2)
        is_online = self.mode == "online"
        fits = shadow_fits(inputs, values, targets, sides="both" if is_online else "out")
        scores, strengths = normal_inverse_gamma_scores(
            fits, form=self.form, strength=self.prior_strength, is_online=is_online
        )
        return tuple(self._result(inputs, int(t), *one) for t, *one in zip(targets, scores, strengths, strict=True))

    def _result(
        self, inputs: AuditInputs, target: int, scores: Floats, strengths: tuple[float, ...] | None
    ) -> AttackResult:
        if strengths is None:
            notes = variance_notes(UNIT, "fitted")
        else:
            notes = ("prior strength " + " IN, ".join(f"{one:.3g}" for one in strengths) + " OUT",)
        params = {"form": self.form, "prior_strength": self.prior_strength, "mode": self.mode}
        out = left_out(inputs.design.pair, target, "pair")
        return coin_result(self, inputs, target, scores, params=params, left_out=out, notes=notes)
