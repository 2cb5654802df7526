"""What a training run with canaries gave, by what the attacker saw: the final model, its weights, every step."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from privaudit.data.record_canaries import RecordCanaries
from privaudit.pipeline.canary_outcome import AS_GRADIENTS, CanaryOutcome
from privaudit.types import DpSgdParams

if TYPE_CHECKING:
    import torch

    from privaudit.training.opacus_canaries import OpacusCanaries

FINAL = "The weights' movement projected on each canary; the other records' part in it is not subtracted."


def trajectory_outcome(
    steps: "OpacusCanaries",
    is_in: NDArray[np.uint8],
    claim: DpSgdParams,
    *,
    is_independent: bool,
    noise_multiplier: float | None,
) -> CanaryOutcome:
    """Score gradient canaries by the likelihood ratio of all steps.

    Args:
        steps: what was seen of them.
        is_in: ``(n_canaries,)`` coins.
        claim: the claimed mechanism.
        is_independent: no canary moves another's score.
        noise_multiplier: by which steps are scored, if not by the claimed one.
    """
    from privaudit.attacks.step_scores import trajectory_scores

    noise = claim.noise_multiplier if noise_multiplier is None else noise_multiplier
    return CanaryOutcome(
        name="white_box_trajectory",
        scores=trajectory_scores(np.stack(steps.projections), sample_rate=claim.sample_rate, noise_multiplier=noise),
        is_in=is_in,
        game="one_run",
        access="white_box",
        is_independent=is_independent,
        params=claim,
        notes=(AS_GRADIENTS,),
    )


def black_box_outcome(
    model: "torch.nn.Module", records: RecordCanaries, is_in: NDArray[np.uint8], claim: DpSgdParams | None
) -> CanaryOutcome:
    """Score record canaries by minus their loss at the end.

    Args:
        model: trained; it is left in its mode.
        records: the canaries.
        is_in: ``(n_canaries,)`` coins.
        claim: the training's parameters by its own record, if they were the same in all steps.
    """
    from privaudit.scoring.query import query_logits
    from privaudit.scoring.signals import signals_from_logits

    was_training = model.training
    logits = query_logits(model, _inputs(model, records))
    model.train(was_training)
    scores = signals_from_logits(logits, np.array(records.labels))["negative_loss"][:, 0]
    return CanaryOutcome(name="black_box", scores=scores, is_in=is_in, game="one_run", params=claim)


def final_outcome(
    steps: "OpacusCanaries",
    is_in: NDArray[np.uint8],
    *,
    model: "torch.nn.Module | None" = None,
    records: RecordCanaries | None = None,
) -> CanaryOutcome:
    """Score canaries by the weights before and after training alone.

    Args:
        steps: what knows the weights at the start, and gradient canaries.
        is_in: ``(n_canaries,)`` coins.
        model: as ``make_private`` returned it, trained; for record canaries.
        records: record canaries, or ``None``.
    """
    import torch

    if records is None or model is None:
        scores = steps.final_projections()
    else:
        features = _inputs(model, records)
        labels = torch.tensor(records.labels, device=features.device)
        scores = steps.final_projections_on(model, features, labels)
    return CanaryOutcome(
        name="white_box_final", scores=scores, is_in=is_in, game="one_run", access="white_box", notes=(FINAL,)
    )


def _inputs(model: "torch.nn.Module", records: RecordCanaries) -> "torch.Tensor":
    import torch

    return torch.tensor(records.features).to(next(model.parameters()))
