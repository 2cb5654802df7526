"""Attacks on saved scores, and whether memberships in a file can be the fair coins they are said to be."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from privaudit.attacks.lira import Lira, Variance
from privaudit.attacks.results import LARGEST_SIGNAL, count_notes
from privaudit.data.score_files import ScoreFile
from privaudit.data.score_layout import Quantity
from privaudit.errors import DataError, DegenerateScoresError, UnsupportedError
from privaudit.games.declared import run_declared
from privaudit.interfaces import AuditInputs
from privaudit.numerics import logit_margin_of_loss
from privaudit.types import AttackResult, AuditDesign, SignalTable
from privaudit.types.design import SHADOW, TARGET

MODELS_FOR_OWN_VARIANCE = 64
IMPLAUSIBLE = 1e-6  # what fair coins do with a smaller probability is taken as proof that they were none
BETRAYED = (
    "the shadow models' memberships go with the target's coins beyond chance, so the scores depend on membership even "
    "where the model gives nothing away"
)
Members = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadows:
    """Which models may serve as shadows of a target.

    Attributes:
        pair: the model trained on exactly the records the target was not trained on, -1 = none.
        same: other models that hold the target's records, or exactly the others once more; they take no part.
        rest: the shadows.
    """

    pair: int
    same: tuple[int, ...]
    rest: tuple[int, ...]


def shadows_of(member: Members, target: int) -> Shadows:
    """Sort the other models by what they know of the target's membership.

    Args:
        member: ``(n_models, n_records)``.
        target: number of the target.
    """
    own = member[target]
    same = set(np.flatnonzero((member == own).all(axis=1)).tolist()) - {target}
    opposite = np.flatnonzero((member != own).all(axis=1)).tolist()
    pair = opposite[0] if opposite else -1
    out = same | set(opposite)
    rest = [model for model in range(len(member)) if model != target and model not in out]
    return Shadows(pair=pair, same=tuple(sorted(out - {pair})), rest=tuple(rest))


def threshold_result(file: ScoreFile, target: int) -> AttackResult:
    """Attack one model by its own scores; named after what they are, ``loss`` or ``score``."""
    return AttackResult(
        attack=file.quantity,
        target=target,
        scores=file.scores[target],
        label=file.member[target],
        unit_ids=np.arange(file.values.shape[1]),
    )


def trainings_result(file: ScoreFile) -> AttackResult:
    """Score independent trainings, one outcome each."""
    return AttackResult(
        attack=file.quantity,
        target=-1,
        scores=file.scores[:, 0],
        label=file.member[:, 0],
        unit_ids=np.arange(len(file.values)),
        unit="model",
    )


def lira_result(file: ScoreFile, target: int) -> AttackResult:
    """Attack one model with the others as shadows.

    Args:
        file: of layout ``models``.
        target: number of the target.

    Returns:
        scores of the records that have a shadow on either side; ``unit_ids`` says which.

    Raises:
        UnsupportedError: if there are no shadows, or no members or no non-members have one on either side.
        DataError: if the values cannot be used as logit margins.
    """
    shadows = shadows_of(file.member, target)
    if not shadows.rest:
        raise UnsupportedError(
            "LiRA needs shadow models; no model of the file is independent of the target's membership."
        )
    kept = _covered(file.member, target, shadows)
    margin, notes = margins(file.values[[target, *shadows.rest]], file.quantity)
    variance: Variance = "pooled" if len(file.values) < MODELS_FOR_OWN_VARIANCE else "per_record"
    (result,) = run_declared(
        Lira(variance=variance), _inputs(file.member[:, kept], margin[:, kept], target, shadows), targets=[target]
    )
    n = file.member.shape[1]
    if len(kept) < n:
        notes += (
            f"{n - len(kept)} of {n} records have no shadow model with (or without) them and are left out of LiRA",
        )
    if shadows.same:
        notes += (f"{len(shadows.same)} models with the target's or its complement's membership were left out too",)
    is_betrayed = go_together(file.member[target], file.member[list(shadows.rest)])
    # What is said of a balanced design, where no complement is left out, need not be true of these memberships.
    own = tuple(note for note in result.notes if note not in count_notes([target]))
    return replace(
        result,
        unit_ids=kept,
        depends_on_coins=result.depends_on_coins or is_betrayed,
        notes=(*own, *notes, *((BETRAYED,) if is_betrayed else ())),
    )


def _covered(member: Members, target: int, shadows: Shadows) -> NDArray[np.intp]:
    """Return the records that at least one shadow was trained on and one was not.

    A bound may be made of these alone: which they are depends on the shadows, never on the target's coins, and where the
    shadows say nothing about those, which every bound from LiRA asks for, they are as fair and independent as before.
    """
    inside = member[list(shadows.rest)].sum(axis=0, dtype=np.int64)
    kept = np.flatnonzero((inside > 0) & (inside < len(shadows.rest)))
    n_in = int(member[target, kept].sum())
    if n_in in (0, len(kept)):
        raise UnsupportedError(
            f"LiRA needs members and non-members that some shadow models were trained on and others were not; "
            f"{len(kept)} of {member.shape[1]} records have both, {n_in} of them members. Save the scores of more models."
        )
    return kept


def margins(values: NDArray[np.float64], quantity: Quantity) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return logit margins and what was done to get them; scores are used as they are.

    Args:
        values: ``(n_models, n_records)`` of the target and its shadows; of no model that knows the target's coins.
        quantity: whether they are scores or losses.

    Raises:
        DataError: if a loss is negative, none is above 0, or a margin is infinite.
    """
    margin, notes = (values, ()) if quantity == "score" else _margins_of_losses(values)
    n_bad = int((np.abs(margin) > LARGEST_SIGNAL).sum())
    if n_bad:
        raise DataError(
            f"LiRA needs finite {quantity} values, up to {LARGEST_SIGNAL:g}; {n_bad} of {margin.size} are not. Drop these "
            "records, or audit the target alone."
        )
    return margin, notes


def _margins_of_losses(losses: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    zero = losses == 0.0
    if not zero.any():
        return logit_margin_of_loss(losses), ()
    if not (losses > 0.0).any():
        raise DegenerateScoresError("every loss is 0 or below; LiRA needs losses that differ. Save them in float64.")
    floor = float(losses[losses > 0.0].min())
    note = f"{int(zero.sum())} losses of 0 have no logit margin; the smallest one above, {floor:.3g}, was taken instead"
    return logit_margin_of_loss(np.where(zero, floor, losses)), (note,)


def _inputs(member: Members, margin: NDArray[np.float64], target: int, shadows: Shadows) -> AuditInputs:
    n_models, n_records = member.shape
    pair = np.full(n_models, -1)
    if shadows.pair >= 0:
        pair[target], pair[shadows.pair] = shadows.pair, target
    design = AuditDesign(
        kind="balanced" if shadows.pair < 0 else "paired",
        is_in=member,
        pair=pair,
        role=np.where(np.arange(n_models) == target, TARGET, SHADOW),
        variant=np.zeros(n_models, dtype=np.int64),
        is_population=np.zeros(n_records, dtype=np.bool_),
        record_codes=np.arange(n_records),
        seed=0,
    )
    usable = np.array([target, *shadows.rest])
    table = SignalTable(
        name="logit_margin", values=margin[:, :, None], model_index=usable, record_index=np.arange(n_records)
    )
    labels = np.zeros(n_records, dtype=np.int64)
    return AuditInputs(design=design, labels=labels, signals={table.name: table}, usable=usable)


def go_together(own: Members, others: Members) -> bool:
    """Whether models' memberships, one by one or counted together, go with the target's beyond chance.

    By Hoeffding's inequality: independent fair coins do so with a probability of at most 2 `IMPLAUSIBLE`.

    Args:
        own: ``(n_records,)`` the target's coins.
        others: ``(n_others, n_records)`` the shadows' memberships.
    """
    n_records, limit = len(own), 2.0 * math.log(2.0 * (len(others) + 1) / IMPLAUSIBLE)
    agreement = 2.0 * (others == own).sum(axis=1) - n_records
    count = others.sum(axis=0, dtype=np.float64)
    count -= count.mean()
    counted = float(count @ (2.0 * own - 1.0))
    return bool((agreement**2 > limit * n_records).any()) or counted**2 > limit * float(count @ count)


def check_fair(label: Members) -> None:
    """Refuse to believe in fair coins where the number of members is not theirs.

    Args:
        label: ``(n,)`` 1 for members.

    Raises:
        DataError: says how many there are.
    """
    n, n_in = len(label), int(label.sum())
    if 2 * binom.cdf(min(n_in, n - n_in), n, 0.5) < IMPLAUSIBLE:
        raise DataError(
            f"{n_in} of {n} records are members; independent fair coins give so uneven a number with probability below "
            "1e-6. Leave --fair-coins out: no bound on epsilon can be made from these memberships."
        )
