"""DHAttack: how many steps along one fixed direction until the label is wrong, compared with models without the record.

A record x moves in equal steps to a flat copy of itself, whose features all have the value of its largest one. Which
records stand many steps is mostly a matter of the records: a model that was never trained on one tells how many steps
it takes by nature, and what the target stands beyond that is membership. Differences from the paper:

- its 256 local models are trained on other data that the target labelled; ours are the audit's shadow models, trained
  as the target was on true labels, and for each record those without it (OUT) count;
- by default the number of steps itself is standardised: the paper's exp(-distance) + 1e-8 ties all records that stand
  about 18 steps or more. ``calibration="paper"`` is the paper's score, in double precision; its last step, the normal
  distribution function, is left out: it orders nothing anew, and rounds every score above 8.3 to 1;
- a record that is misclassified to begin with has distance 0, whereas the published code gives exp(-c) where the
  first c labels are wrong: less than a step, and c more queries for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import Bools, Floats, ShadowFits, left_out, shadow_fits
from privaudit.errors import ConfigError, DataError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Calibration = Literal["z", "rank", "paper", "none"]

N_STEPS = 50  # queries per record at most, the record itself among them
SMALLEST_SPREAD = {"z": 1.0, "paper": 1e-30}  # of the OUT models: one step; what the published code adds
FEWEST_SHADOWS = 2  # besides target and complement
MANY_TIES = 0.01  # share of the records from which on equal scores are worth a note


def boundary_log_odds(distance: Floats) -> Floats:
    """Return the paper's psi = log(e^-b / (1 - e^-b)) with b = e^-distance + 1e-8.

    Args:
        distance: in steps, 0 or more.

    Returns:
        of the same shape, finite: from -.54 at distance 0 to 18.4.

    Source: DHAttack, USENIX Security 2025, score of a record; single precision makes it infinite where b < 6e-8.

    >>> boundary_log_odds(np.array([0.0, 1.0, 50.0])).round(3).tolist()
    [-0.541, 0.81, 18.421]
    """
    b = np.exp(-np.asarray(distance, dtype=np.float64)) + 1e-8
    return np.asarray(-b - np.log(-np.expm1(-b)))


def standardised_scores(fits: ShadowFits, *, smallest_spread: float) -> Floats:
    """Return (value - mean of OUT models) / max(their standard deviation, ``smallest_spread``).

    Args:
        fits: the OUT models of every record. Their deviation has n - 1 below the line; that of a single one is 0.
        smallest_spread: in the unit of the values, above 0.

    Returns:
        ``(n_targets, n_records)``.

    Raises:
        UnsupportedError: if a record lacks an OUT model.
    """
    scores = np.empty((len(fits.targets), fits.values.shape[1]))
    for block in fits.blocks():
        outside = block.outside
        spread = np.sqrt(outside.residual / np.maximum(outside.n - 1, 1))
        scores[:, block.records] = outside.distance(block.observed) / np.maximum(spread, smallest_spread)
    return scores


def mid_ranks(observed: Floats, shadows: Floats, is_out: Bools) -> Floats:
    """Return the share of OUT models that stand fewer steps than the target, those that stand as many counted half.

    Args:
        observed: ``(n_records,)`` the target's distances.
        shadows: ``(n_shadows, n_records)`` the shadows' distances.
        is_out: ``(n_shadows, n_records)`` which of them were not trained on the record, at least one each.

    Source: Lancaster, "Significance tests in discrete distributions", JASA 1961 (mid-p values).

    >>> mid_ranks(np.array([4.0]), np.array([[3.0], [4.0], [9.0], [1.0]]), np.array([[True], [True], [True], [False]]))
    array([0.5])
    """
    below = ((shadows < observed) & is_out).sum(axis=0)
    equal = ((shadows == observed) & is_out).sum(axis=0)
    return np.asarray((below + equal / 2) / is_out.sum(axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class DhAttack:
    """Steps until the label is wrong, beyond those that models without the record show.

    Attributes:
        calibration: ``z`` (default): in standard deviations of the models without the record, of at least one step.
            ``rank``: the share of those models that stand fewer steps; at most 2 n + 1 values. ``paper``: log-odds of the
            shrunk distance, standardised. ``none``: the number of steps; needs no shadow model.
        n_queries: most labels asked per record: records that stand as many steps count as equal; ``None`` = all 50.

    Source: DHAttack, USENIX Security 2025 (distance along a fixed direction, calibration by models without the record).
    """

    name: ClassVar[str] = "dhattack"
    signals: ClassVar[frozenset[str]] = frozenset({"direction_distance", "correct"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "label"
    query_ladder: ClassVar[tuple[int, ...]] = (10, 20, 30, N_STEPS)
    calibration: Calibration = "z"
    n_queries: int | None = None

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        if self.calibration not in get_args(Calibration):
            known = ", ".join(get_args(Calibration))
            raise ConfigError(f"calibration must be one of {known}; got {self.calibration!r}.", key="calibration")
        if self.n_queries is not None and self.n_queries not in self.query_ladder:
            raise ConfigError(
                f"n_queries must be one of {', '.join(map(str, self.query_ladder))}; got {self.n_queries!r}.",
                key="n_queries",
            )

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design, labels and signals; usable models but the target and its pair serve as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if there are fewer than two shadows, or a canary lacks one that was not trained on it.
            DataError: if a distance is not among 0..50.
        """
        check_targets(inputs, targets)
        records = inputs.design.coin_records
        distance = np.minimum(_distances(inputs), self.n_queries or N_STEPS)[:, records]
        scores = self._scores(inputs, distance, targets)
        is_correct = finite_signal(inputs, "correct")
        return tuple(
            coin_result(
                self,
                inputs,
                int(target),
                row,
                params=self._params(),
                left_out=() if self.calibration == "none" else left_out(inputs.design.pair, int(target), "pair"),
                notes=(*constant_note(is_correct[target], inputs.labels), *tie_notes(distance[target], row)),
            )
            for target, row in zip(targets, scores, strict=True)
        )

    def _scores(self, inputs: AuditInputs, distance: Floats, targets: Sequence[int]) -> Floats:
        if self.calibration == "none":
            return distance[np.asarray(targets, dtype=np.int64)]
        _check_enough(inputs, targets)
        values = boundary_log_odds(distance) if self.calibration == "paper" else distance
        fits = shadow_fits(inputs, values, targets, sides="out")
        if self.calibration == "rank":
            return _ranks(fits)
        return standardised_scores(fits, smallest_spread=SMALLEST_SPREAD[self.calibration])

    def _params(self) -> dict[str, Any]:
        return {"calibration": self.calibration, "n_queries": self.n_queries or N_STEPS}


def _distances(inputs: AuditInputs) -> Floats:
    distance = finite_signal(inputs, "direction_distance")
    used = distance[inputs.usable]
    if ((used < 0) | (used > N_STEPS)).any():
        raise DataError(
            f"signal direction_distance must lie in 0..{N_STEPS} steps; got {used.min():g}..{used.max():g}. "
            "Measure it with read_direction_distance."
        )
    return distance


def _check_enough(inputs: AuditInputs, targets: Sequence[int]) -> None:
    for target in targets:
        n_shadows = len(np.setdiff1d(inputs.usable, left_out(inputs.design.pair, int(target), "pair")))
        if n_shadows < FEWEST_SHADOWS:
            raise UnsupportedError(
                f"dhattack compares the target with models that were not trained on the record: it needs {FEWEST_SHADOWS} "
                f"models besides target {target} and its complement, of which there are {n_shadows}. Train at least 4 "
                "models (design.n_models), or set calibration: none."
            )


def _ranks(fits: ShadowFits) -> Floats:
    scores = np.empty((len(fits.targets), fits.values.shape[1]))
    for place, target in enumerate(fits.targets):
        shadows = np.setdiff1d(fits.usable, left_out(fits.pair, int(target), fits.exclude))
        is_out = ~fits.is_in[shadows]
        if not is_out.any(axis=0).all():
            raise UnsupportedError(
                f"{int((~is_out.any(axis=0)).sum())} records were in the training data of every shadow model: none tells how "
                "many steps they stand by nature. Train more models (design.n_models)."
            )
        scores[place] = mid_ranks(fits.values[target], fits.values[shadows], is_out)
    return scores


def tie_notes(distance: Floats, scores: Floats) -> tuple[str, ...]:
    """Say how many records share the largest score, and the largest distance, where that is more than 1 %.

    Args:
        distance: ``(n_records,)`` the target's distances.
        scores: ``(n_records,)`` the scores made of them.

    >>> tie_notes(np.array([1.0, 50.0, 50.0]), np.array([0.0, 2.0, 1.0]))
    ('66.7 % of the records keep the right label for as many steps as any does (50)',)
    """
    notes, many = [], max(MANY_TIES, 1 / max(1, len(scores)))
    if (share := _share_at_largest(scores)) > many:
        notes.append(
            f"{100 * share:.1f} % of the records share the largest score: at a false positive rate that cuts through them "
            "see the expected rate"
        )
    if (share := _share_at_largest(distance)) > many:
        notes.append(
            f"{100 * share:.1f} % of the records keep the right label for as many steps as any does "
            f"({distance.max():g})"
        )
    return tuple(notes)


def _share_at_largest(values: Floats) -> float:
    return float(np.mean(values == values.max())) if len(values) else 0.0
