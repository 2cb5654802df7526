"""From scores of all records to the result of one target."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult


def canary_result(
    attack: str,
    inputs: AuditInputs,
    target: int,
    scores: NDArray[np.float64],
    *,
    params: Mapping[str, Any],
    notes: tuple[str, ...] = (),
) -> AttackResult:
    """Keep the canaries' scores and put the target's coins beside them.

    Args:
        attack: the attack's name.
        inputs: what the attack saw.
        target: number of the target.
        scores: ``(n_records,)`` scores of all records; those of the population are dropped.
        params: the attack's parameters.
        notes: what a reader must know.
    """
    canaries = inputs.design.canaries
    return AttackResult(
        attack=attack,
        params=params,
        target=int(target),
        scores=scores[canaries],
        label=inputs.design.is_in[target, canaries],
        unit_ids=canaries,
        notes=notes,
    )


def check_targets(inputs: AuditInputs, targets: Sequence[int]) -> None:
    """Refuse targets that are not among the usable models.

    Raises:
        UnsupportedError: names them.
    """
    missing = sorted(set(map(int, targets)) - set(inputs.models.tolist()))
    if missing:
        raise UnsupportedError(f"targets must be models that were measured; {missing} are not among them.")
