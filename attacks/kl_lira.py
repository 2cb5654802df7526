"""LiRA by an attacker who does not know the target's hyperparameters: shadows of one variant of the recipe are chosen.

The design says which variant each shadow model was trained with (`AuditDesign.variant`: models of one variant share their
hyperparameters). The target's own variant is not looked at, so it may be any: how variants are judged is in `variant_choice`.
Both models of a pair should be of one variant, so that every pair gives a shadow on each side.

Source: Pradhan, Jälkö, Tobaben, Honkela, SaTML 2025 (arXiv 2502.06374): KL-LiRA, ACC-LiRA. One variant per data set is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from privaudit.attacks.hyperparameter_selection import choose_candidate
from privaudit.attacks.lira import Variance, lira_scores, variance_notes
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import Floats, left_out, shadow_fits
from privaudit.attacks.variant_choice import Integers, Shadows, shadows_of, variant_accuracy, variant_divergence
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Selection = Literal["kl", "accuracy", "oracle"]

FEWEST_SHADOWS = 4  # of a variant: two pairs
HOW = {"kl": "chosen by divergence", "accuracy": "chosen by accuracy", "oracle": "stated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KlLira:
    """Likelihood-ratio attack on the logit margin, with shadows of one variant of the recipe.

    Attributes:
        selection: ``kl`` (default): the variant most like the target, by the Kullback-Leibler divergence of normal fits to
            the signals of the shadows' members. ``accuracy``: the variant whose shadows are the most accurate on records
            that they were not trained on. ``oracle``: the one that ``variant`` states.
        variant: of the targets, for ``oracle`` alone.
        variance: ``per_record`` (default) or ``pooled``, as of `Lira`.

    Source: Pradhan et al., SaTML 2025; Carlini et al., S&P 2022.
    """

    name: ClassVar[str] = "kl_lira"
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    selection: Selection = "kl"
    variant: int | None = None
    variance: Variance = "per_record"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        for key, known in {"selection": get_args(Selection), "variance": get_args(Variance)}.items():
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be {' or '.join(known)}; got {getattr(self, key)!r}.", key=key)
        if self.selection != "oracle" and self.variant is not None:
            raise ConfigError("variant is for selection: oracle alone; leave it out.", key="variant")
        if self.selection == "oracle" and (type(self.variant) is not int or self.variant < 0):
            raise ConfigError(
                f"selection: oracle needs variant, the number of the targets' own, 0 or above; got {self.variant!r}.",
                key="variant",
            )

    @property
    def signals(self) -> frozenset[str]:
        """The signals read: the logit margin, and for the choice by accuracy what was predicted right."""
        return frozenset({"logit_margin", "correct"} if self.selection == "accuracy" else {"logit_margin"})

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models that the audit trained, but the target and its pair, serve as
                shadows. With one variant among them this is `Lira`.
            targets: numbers of the models to attack.

        Raises:
            ConfigError: if there are several variants, and the stated one is none of them.
            UnsupportedError: if there are several variants and one that may be chosen has fewer than four shadows, or if a
                canary has no shadow of the chosen one on a side.
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
        shadows = shadows_of(inputs, targets)
        known, counts = np.unique(shadows.variant), shadows.counts()
        if len(known) < 2:
            return [int(known[0])] * len(targets), [self._alike(int(known[0]))] * len(targets)
        if self.variant is not None and self.variant not in known:
            raise ConfigError(
                f"variant must be one of the shadows', {known.tolist()}; got {self.variant}.", key="variant"
            )
        may = counts > 0 if self.variant is None else np.broadcast_to(known == self.variant, counts.shape)
        _check_enough(np.where(may, counts, FEWEST_SHADOWS), known, targets)
        chosen = known[choose_candidate(self._distance(inputs, values, targets, shadows), may)].tolist()
        among = (counts > 0).sum(axis=1).tolist()
        return chosen, [
            f"hyperparameters {HOW[self.selection]}: variant {one} of the recipe, among {many}"
            for one, many in zip(chosen, among, strict=True)
        ]

    def _distance(self, inputs: AuditInputs, values: Floats, targets: Sequence[int], shadows: Shadows) -> Floats:
        """Return ``(n_targets, n_variants)``: the least is chosen."""
        is_in = inputs.design.is_in[np.ix_(shadows.models, inputs.design.coin_records)].astype(bool)
        if self.selection == "kl":
            rows = np.asarray(targets, dtype=np.int64)
            return variant_divergence(values[rows], values[shadows.models], is_in, shadows)
        if self.selection == "accuracy":
            is_correct = finite_signal(inputs, "correct")[np.ix_(shadows.models, inputs.design.coin_records)]
            return -variant_accuracy(is_correct, is_in, shadows)
        return np.zeros(shadows.counts().shape)

    def _alike(self, variant: int) -> str:
        stated = "" if self.variant in (None, variant) else f"; variant {self.variant} was stated, theirs is {variant}"
        return f"all shadow models have the same hyperparameters: nothing was chosen, this is lira{stated}"

    def _scored(
        self, inputs: AuditInputs, values: Floats, served: Integers, targets: Sequence[int]
    ) -> list[tuple[Floats, str]]:
        fits = shadow_fits(inputs, values, targets, usable=served)
        scores, rules = lira_scores(fits, variance=self.variance)
        return list(zip(scores, rules, strict=True))

    def _result(self, inputs: AuditInputs, target: int, scores: Floats, used: str, note: str) -> AttackResult:
        return coin_result(
            self,
            inputs,
            target,
            scores,
            params=self._params(),
            left_out=left_out(inputs.design.pair, target, "pair"),
            notes=(note, *variance_notes(used, self.variance)),
        )

    def _params(self) -> dict[str, Any]:
        stated = {} if self.variant is None else {"variant": self.variant}
        return {"selection": self.selection, **stated, "variance": self.variance}


def _of_variant(inputs: AuditInputs, variant: int) -> Integers:
    return np.asarray(inputs.usable[inputs.design.variant[inputs.usable] == variant])


def _extra(inputs: AuditInputs, target: int, variant: int) -> tuple[int, ...]:
    """Return target and complement where they are of another variant: never shadows, but part of whole pairs."""
    own = np.intersect1d(inputs.usable, left_out(inputs.design.pair, target, "pair"))
    return tuple(np.setdiff1d(own, _of_variant(inputs, variant)).tolist())


def _check_enough(counts: Integers, known: Integers, targets: Sequence[int]) -> None:
    few = np.argwhere(counts < FEWEST_SHADOWS)
    if len(few):
        target, variant = few[0]
        raise UnsupportedError(
            f"kl_lira needs {FEWEST_SHADOWS} shadow models (two pairs) of every variant; variant {known[variant]} has "
            f"{counts[target, variant]} for target {targets[target]}. Train more models (design.n_models)."
        )
