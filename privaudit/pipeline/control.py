"""The positive control: the same game where nothing was held back."""

from privaudit.games.declared import run_declared
from privaudit.interfaces import Attack, AuditInputs, Estimator
from privaudit.pipeline.findings import attack_metrics
from privaudit.types import Control
from privaudit.types.design import CONTROL

CONTROL_NAME = "noise 0, no clipping"


def make_control(
    attack: Attack, estimator: Estimator, inputs: AuditInputs, *, delta: float, confidence: float
) -> Control:
    """Attack the first control model with the other control models as shadows.

    Args:
        attack: the primary attack.
        estimator: the primary estimator.
        inputs: restricted to the control models.
        delta: the delta of the audit.
        confidence: of the bound.
    """
    target = int(inputs.usable[0])
    (result,) = run_declared(attack, inputs, targets=[target])
    return Control(
        name=CONTROL_NAME,
        attack=attack.name,
        n_models=len(inputs.design.models_with_role(CONTROL)),
        estimate=estimator.estimate(result, delta=delta, confidence=confidence),
        metrics=attack_metrics(result, confidence=confidence),
    )
