"""What a watched Opacus training shows beside its scores: batch sizes, single steps, and what a reader must know."""

from typing import TYPE_CHECKING, Any

import numpy as np

from privaudit.pipeline.canary_probes import Batches
from privaudit.pipeline.canary_steps import step_bound_of
from privaudit.types import DpSgdParams, EpsilonEstimate

if TYPE_CHECKING:
    from privaudit.training.opacus_canaries import OpacusCanaries
    from privaudit.training.opacus_canaries_notes import Script

FIXED_RECORDS = (
    "Canaries with coin 1 are among the records, so the number of records, and with it the loader's length, depends on the "
    "coins."
)
NO_IDLE = (
    "The noise probe was not made: canaries of this kind have a part in every coordinate. Those of kind coordinate leave "
    "coordinates to it."
)
CHANGED = (
    "Noise or sampling changed on the way, so nothing was computed from them: no claim but one that is stated is judged, by the "
    "model-free bound."
)
NO_SENSITIVITY = "The sensitivity probe was not made: sums in half precision cannot tell a broken clip from rounding."


def batches_of(steps: "OpacusCanaries", script: "Script | None") -> Batches | None:
    """Return the sizes of the batches, or ``None`` where nobody knows of how many records.

    Args:
        steps: of the training.
        script: what was read off its loader.
    """
    if script is None or script.n_records is None:
        return None
    return Batches(np.array(steps.sizes, dtype=np.int64), script.n_records)


def single_steps(
    steps: "OpacusCanaries", params: DpSgdParams | None, *, delta: float, confidence: float
) -> EpsilonEstimate | None:
    """Bound the noise of single steps; only for canaries that do not move each other's scores.

    Args:
        steps: of the training.
        params: the claimed mechanism, or ``None``.
        delta: of the claim.
        confidence: of the bound.
    """
    if params is None:
        return None
    return step_bound_of(
        np.stack(steps.projections), np.stack(steps.sampled), params, delta=delta, confidence=confidence
    )


def notes_on(steps: "OpacusCanaries", engine: Any, params: DpSgdParams | None, *, delta: float) -> list[str]:
    """Say where the engine's own epsilon is too small, and what was not probed.

    Args:
        steps: of the training.
        engine: its ``PrivacyEngine``.
        params: the claimed mechanism, or ``None`` where it changed on the way.
        delta: of the claim.
    """
    from privaudit.training.opacus_canaries_notes import note_on_accountant

    if params is None:
        return [CHANGED]
    notes = note_on_accountant(engine, params, delta)
    if not steps.idle_noise[0].size:
        notes.append(NO_IDLE)
    if steps.sensitivity is None:
        notes.append(NO_SENSITIVITY)
    return notes
