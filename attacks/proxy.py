"""Offline LiRA with a stand-in for the missing IN models: other records that look alike to models without them.

An attacker who cannot train on the attacked record knows its OUT distribution only. How far training would move its
signal is borrowed from records that the attacker did train on: those whose OUT mean is alike move alike. The score is the
log ratio of N(OUT mean + their mean move, the spread of their moves) and N(OUT mean, OUT spread).

The idea of proxies is PMIA's (Du et al., NDSS 2026), with records of the same class or the most similar image; choosing
them by the OUT mean, and moving each record from its own OUT mean, is ours. The record's own IN shadows are left out of
its proxies. Here the proxies come from the same shadow models, which the attacked records are part of; an attacker with
data of its own would have others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.lira import UNIT, Variance, totals_of, variance_notes, variance_or_unit
from privaudit.attacks.results import check_targets, coin_result, finite_queries
from privaudit.attacks.shadow_fit import Floats, ShadowFits, left_out, shadow_fits
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Proxies = Literal["like_out_mean", "class", "global"]

N_BINS = 25  # narrow, yet of dozens of records in an audit of a thousand; the number that was measured
FEWEST_RECORDS = 10  # in a bin
GROUP_NUMBERS = 1 << 20  # targets x records that are fitted together


class Moves(NamedTuple):
    """How the records of each record's kind move when they are trained on, the record itself left out.

    Attributes:
        mean: ``(n_records,)`` mean IN signal minus OUT mean.
        variance: ``(n_records,)`` over those records and their IN shadows; 0 where they all move alike.
    """

    mean: Floats
    variance: Floats


class Shadowed(NamedTuple):
    """What the shadows say of every record to the attacker of each target.

    Attributes:
        distance: ``(n_targets, n_records)`` the target's signal minus the OUT mean.
        out_mean: ``(n_targets, n_records)``.
        out_variance: ``(n_targets, n_records)``; 1 for a target whose OUT shadows have no spread at any record.
        n: ``(n_targets, n_records)`` IN shadows.
        move: ``(n_targets, n_records)`` mean of the IN shadows minus the OUT mean.
        residual: ``(n_targets, n_records)`` sum of the IN shadows' squared deviations from their mean.
        has_spread: ``(n_targets,)`` False where the OUT variance is such a 1.
    """

    distance: Floats
    out_mean: Floats
    out_variance: Floats
    n: Floats
    move: Floats
    residual: Floats
    has_spread: NDArray[np.bool_]

    def of(self, target: int) -> "Shadowed":
        """Return one target's rows."""
        return Shadowed._make(part[target] for part in self)


def shadowed(fits: ShadowFits, *, variance: Variance) -> Shadowed:
    """Collect the fits of all records.

    Args:
        fits: of the shadows.
        variance: of the OUT shadows.

    Raises:
        UnsupportedError: if a record has no shadow on a side.
    """
    blocks = fits.blocks()
    _, totals = totals_of(blocks)
    has_spread = totals.residual > 0
    parts = [np.empty((len(fits.targets), fits.values.shape[1])) for _ in range(6)]
    for block in blocks:
        inside, outside = block.sides
        spread = variance_or_unit(outside, totals, has_spread, variance=variance)
        move = inside.origin - outside.origin + (inside.offset - outside.offset)
        distance, out_mean = outside.distance(block.observed), outside.origin + outside.offset
        for part, values in zip(parts, (distance, out_mean, spread, inside.n, move, inside.residual), strict=True):
            part[:, block.records] = values
    return Shadowed._make((*parts, has_spread))


def like_bins(out_mean: Floats, *, n_bins: int = N_BINS) -> NDArray[np.int64]:
    """Sort records into bins of equal size by their OUT mean, fewer bins for few records.

    Args:
        out_mean: ``(n_records,)``.
        n_bins: wanted; a bin holds at least ten records.

    >>> like_bins(np.array([5.0, 1.0, 3.0, 2.0] * 5), n_bins=25).tolist()[:4]
    [1, 0, 1, 0]
    """
    n = len(out_mean)
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(out_mean, kind="stable")] = np.arange(n)
    return rank * max(1, min(n_bins, n // FEWEST_RECORDS)) // n


def borrowed_moves(
    kind: NDArray[np.int64], n: Floats, move: Floats, residual: Floats
) -> tuple[Moves, NDArray[np.bool_]]:
    """Pool the moves of all other records of each record's kind.

    Args:
        kind: ``(n_records,)`` kinds, from 0.
        n: ``(n_records,)`` IN shadows of each record.
        move: ``(n_records,)`` their mean minus the record's OUT mean.
        residual: ``(n_records,)`` sum of their squared deviations from their mean.

    Returns:
        The moves, and where a record is the only one of its kind, so that all other records had to serve.

    >>> moves, alone = borrowed_moves(np.array([0, 0, 0, 1]), np.full(4, 2.0), np.array([1.0, 2.0, 4.0, 9.0]), np.zeros(4))
    >>> moves.mean.tolist(), alone.tolist()
    ([3.0, 2.5, 1.5, 2.3333333333333335], [False, False, False, True])
    """
    alone = np.bincount(kind)[kind] == 1
    centre = np.median(move)  # squares about it lose no digits to a common move
    about = move - centre
    own = (n, n * about, residual + n * about**2)
    count, total, squares = (np.where(alone, part.sum(), np.bincount(kind, weights=part)[kind]) - part for part in own)
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0.0)
    rounding = 64 * np.finfo(np.float64).eps * np.maximum(squares / count, mean**2)
    return Moves(mean + centre, np.where(variance > rounding, variance, 0.0)), alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Offline likelihood-ratio attack whose IN distribution is borrowed from other records.

    Attributes:
        proxies: ``like_out_mean`` (default): records in the same one of 25 quantile bins of the OUT mean; ``class``: of
            the same class; ``global``: all.
        variance: of the OUT shadows, ``pooled`` (default) or ``per_record``.

    Several views of a record are averaged first.

    Source: idea: Du et al., PMIA, NDSS 2026; see the module for what is ours. OUT distribution: Carlini et al., S&P 2022.
    """

    name: ClassVar[str] = "proxy"
    signals: ClassVar[frozenset[str]] = frozenset({"logit_margin"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    proxies: Proxies = "like_out_mean"
    variance: Variance = "pooled"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        options = {"proxies": ("like_out_mean", "class", "global"), "variance": ("per_record", "pooled")}
        for key, known in options.items():
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be one of {', '.join(known)}; got {getattr(self, key)!r}.", key=key)

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models but the target and its pair serve as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a canary has no shadow on a side, or there is no other canary.
        """
        check_targets(inputs, targets)
        values = finite_queries(inputs, "logit_margin")[:, inputs.design.coin_records].mean(axis=2)
        if values.shape[1] < 2:
            raise UnsupportedError(f"proxies are other records; there are {values.shape[1]} with coins. Add records.")
        at_once = max(1, GROUP_NUMBERS // values.shape[1])
        groups = (targets[start : start + at_once] for start in range(0, len(targets), at_once))
        return tuple(result for group in groups for result in self._attack(inputs, values, group))

    def _attack(self, inputs: AuditInputs, values: Floats, targets: Sequence[int]) -> Iterator[AttackResult]:
        seen = shadowed(shadow_fits(inputs, values, targets), variance=self.variance)
        for place, target in enumerate(targets):
            yield self._result(inputs, int(target), seen.of(place))

    def _result(self, inputs: AuditInputs, target: int, seen: Shadowed) -> AttackResult:
        canaries = inputs.design.coin_records
        scores, alone = self._scores(seen, inputs.labels[canaries])
        notes = [] if seen.has_spread else [*variance_notes(UNIT, self.variance)]
        if alone:
            notes.append(f"{alone} records are the only ones of their class: all records served as their proxies")
        params = {"proxies": self.proxies, "variance": self.variance}
        out = left_out(inputs.design.pair, target, "pair")
        return coin_result(self, inputs, target, scores, params=params, left_out=out, notes=tuple(notes))

    def _scores(self, seen: Shadowed, labels: NDArray[np.int64]) -> tuple[Floats, int]:
        kinds = {"like_out_mean": like_bins(seen.out_mean), "class": labels, "global": np.zeros_like(labels)}
        moves, alone = borrowed_moves(kinds[self.proxies], seen.n, seen.move, seen.residual)
        if not seen.has_spread:
            moves = moves._replace(variance=np.ones_like(moves.variance))
        outside = seen.out_variance
        inside = np.where(moves.variance > 0, moves.variance, outside)
        distance = seen.distance
        ratio = distance**2 / outside + np.log(outside) - (distance - moves.mean) ** 2 / inside - np.log(inside)
        return 0.5 * ratio, int(alone.sum())
