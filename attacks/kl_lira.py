"""LiRA by an attacker who does not know the target's hyperparameters: those of the shadows most like the target are taken.

The design says which variant of the recipe each shadow model was trained with. Here every data set was trained with one
variant, not with all of them as on the grid of `grid_lira`: a variant's divergence from the target is the mean over its own
shadows, each compared with the target on the shadow's own members. The target's own variant is not looked at.

Source: Pradhan, Jälkö, Tobaben, Honkela, SaTML 2025 (arXiv 2502.06374): KL-LiRA. One variant per data set is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.hyperparameter_selection import choose_candidate, member_divergence, member_moments
from privaudit.attacks.lira import Variance, lira_scores
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import Bools, Floats, ShadowFits, left_out
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Selection = Literal["kl"]

FEWEST_SHADOWS = 4  # of a variant: two pairs


class Shadows(NamedTuple):
    """The models that may serve as shadows.

    Attributes:
        models: ``(n_shadows,)`` their rows.
        variant: ``(n_shadows,)`` the variant of the recipe that each was trained with.
        usable: ``(n_targets, n_shadows)`` False for a target itself and its complement.
    """

    models: NDArray[np.int64]
    variant: NDArray[np.int64]
    usable: Bools


def variant_divergence(
    target_values: Floats, shadow_values: Floats, is_in: Bools, variant: NDArray[np.int64], usable: Bools
) -> tuple[Floats, NDArray[np.int64]]:
    """Return how far the shadows of every variant are from every target, on the shadows' own members.

    Args:
        target_values: ``(n_targets, n_records)`` the targets' signals.
        shadow_values: ``(n_shadows, n_records)`` the shadows'.
        is_in: ``(n_shadows, n_records)`` True for the shadows' members.
        variant: ``(n_shadows,)`` the variant of each.
        usable: ``(n_targets, n_shadows)`` True for the shadows to compare a target with.

    Returns:
        ``(n_targets, n_variants)`` mean of KL(target || shadow), and the numbers of usable shadows; variants in the order
        of their numbers, 0 where a target has no shadow of one.

    Raises:
        UnsupportedError: if a shadow has no member.

    >>> values, members = np.array([[1.0, 3.0], [1.0, 3.0], [4.0, 6.0]]), np.ones((3, 2), dtype=bool)
    >>> variant_divergence(values[:1], values, members, np.array([0, 0, 5]), np.array([[False, True, True]]))
    (array([[0. , 4.5]]), array([[1, 1]]))
    """
    means, variances = member_moments(target_values, is_in)
    own = [member_moments(shadow_values[[row]], is_in[[row]]) for row in range(len(is_in))]
    own_means, own_variances = (np.concatenate(part, axis=1) for part in zip(*own, strict=True))
    divergence = np.where(usable, member_divergence(means, variances, own_means, own_variances), 0.0)
    belongs = variant[:, None] == np.unique(variant)
    counts = usable.astype(np.int64) @ belongs
    return divergence @ belongs / np.maximum(counts, 1), counts


@dataclass(frozen=True, slots=True, kw_only=True)
class KlLira:
    """Likelihood-ratio attack on the logit margin, with shadows of the variant most like the target.

    Attributes:
        selection: ``kl``: by the Kullback-Leibler divergence of normal fits to the signals of the shadows' members.
        variance: ``per_record`` (default) or ``pooled``, as of `Lira`.

    Source: Pradhan et al., SaTML 2025; Carlini et al., S&P 2022.
    """

    name: ClassVar[str] = "kl_lira"
    signals: ClassVar[frozenset[str]] = frozenset({"logit_margin"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    selection: Selection = "kl"
    variance: Variance = "per_record"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        for key, known in {"selection": get_args(Selection), "variance": get_args(Variance)}.items():
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be {' or '.join(known)}; got {getattr(self, key)!r}.", key=key)

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models that the audit trained, but the target and its pair, serve as
                shadows. With one variant among them this is `Lira`.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if there are several variants and one has fewer than four shadows, or if a canary has no
                shadow of the chosen one on a side.
        """
        check_targets(inputs, targets)
        values = finite_signal(inputs, "logit_margin")[:, inputs.design.coin_records]
        chosen, notes = self._chosen(inputs, values, targets)
        together: dict[tuple[int, ...], list[int]] = {}
        for place, target in enumerate(targets):
            together.setdefault((chosen[place], *_extra(inputs, int(target), chosen[place])), []).append(place)
        results: dict[int, AttackResult] = {}
        for (variant, *extra), places in together.items():
            served = np.union1d(_of_variant(inputs, variant), np.array(extra, dtype=np.int64))
            scored = self._scored(inputs, values, served, [int(targets[place]) for place in places])
            for place, (scores, used) in zip(places, scored, strict=True):
                results[place] = self._result(inputs, int(targets[place]), scores, used, notes[place])
        return tuple(results[place] for place in range(len(targets)))

    def _chosen(self, inputs: AuditInputs, values: Floats, targets: Sequence[int]) -> tuple[list[int], list[str]]:
        """Return each target's variant, and what to say of it."""
        shadows = _shadows(inputs, targets)
        known = np.unique(shadows.variant)
        if len(known) < 2:
            same = "all shadow models have the same hyperparameters: nothing was chosen, this is lira"
            return [int(variant) for variant in known[:1]] * len(targets), [same] * len(targets)
        is_in = inputs.design.is_in[np.ix_(shadows.models, inputs.design.coin_records)].astype(bool)
        rows = np.asarray(targets, dtype=np.int64)
        divergence, counts = variant_divergence(
            values[rows], values[shadows.models], is_in, shadows.variant, shadows.usable
        )
        _check_enough(counts, known, rows)
        chosen = known[choose_candidate(divergence, counts > 0)].tolist()
        among = (counts > 0).sum(axis=1).tolist()
        return chosen, [
            f"hyperparameters chosen by divergence: variant {one} of the recipe, among {many}"
            for one, many in zip(chosen, among, strict=True)
        ]

    def _scored(
        self, inputs: AuditInputs, values: Floats, served: NDArray[np.int64], targets: Sequence[int]
    ) -> list[tuple[Floats, str]]:
        fits = ShadowFits(
            values=values,
            is_in=inputs.design.is_in[:, inputs.design.coin_records].astype(bool),
            pair=inputs.design.pair,
            usable=served,
            targets=targets,
        )
        scores, rules = lira_scores(fits, variance=self.variance)
        return list(zip(scores, rules, strict=True))

    def _result(self, inputs: AuditInputs, target: int, scores: Floats, used: str, note: str) -> AttackResult:
        every = np.zeros(inputs.design.n_records)
        every[inputs.design.coin_records] = scores
        wanting = f"variance used: {used}, for want of spread among the shadow models"
        return coin_result(
            self,
            inputs,
            target,
            every,
            params={"selection": self.selection, "variance": self.variance},
            left_out=left_out(inputs.design.pair, target, "pair"),
            notes=(note,) if used == self.variance else (note, wanting),
        )


def _shadows(inputs: AuditInputs, targets: Sequence[int]) -> Shadows:
    models = inputs.usable[inputs.design.is_trained[inputs.usable]]
    absent = [left_out(inputs.design.pair, int(target), "pair") for target in targets]
    usable = np.array([~np.isin(models, out) for out in absent], dtype=bool).reshape(len(targets), len(models))
    return Shadows(models, inputs.design.variant[models], usable)


def _of_variant(inputs: AuditInputs, variant: int) -> NDArray[np.int64]:
    return np.asarray(inputs.usable[inputs.design.variant[inputs.usable] == variant])


def _extra(inputs: AuditInputs, target: int, variant: int) -> tuple[int, ...]:
    """Return target and complement where they are of another variant: never shadows, but part of whole pairs."""
    own = np.intersect1d(inputs.usable, left_out(inputs.design.pair, target, "pair"))
    return tuple(np.setdiff1d(own, _of_variant(inputs, variant)).tolist())


def _check_enough(counts: NDArray[np.int64], known: NDArray[np.int64], targets: NDArray[np.int64]) -> None:
    few = np.argwhere((counts > 0) & (counts < FEWEST_SHADOWS))
    if len(few):
        target, variant = few[0]
        raise UnsupportedError(
            f"kl_lira needs {FEWEST_SHADOWS} shadow models (two pairs) of every variant; variant {known[variant]} has "
            f"{counts[target, variant]} for target {targets[target]}. Train more models (design.n_models)."
        )
