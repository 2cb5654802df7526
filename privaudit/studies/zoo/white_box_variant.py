"""A variant of the zoo from its white-box audit: what the settings say, they are read off."""

from privaudit.studies.zoo.engine import Training
from privaudit.studies.zoo.variant import Variant
from privaudit.studies.zoo.white_box_audit import DELTA, Claim, NoiseAudit, ScoreAudit


def white_box(name: str, title: str, leak: str, judge: ScoreAudit | NoiseAudit, *, is_defect: bool = True) -> Variant:
    """Make a variant whose setting and claim are put into words from its audit.

    Args:
        name: unique in the zoo.
        title: the mechanism in a few words.
        leak: what the auditor sees, and by how much the truth exceeds the claim.
        judge: the audit.
        is_defect: False where the claim holds, or this audit cannot see that it does not.
    """
    return Variant(
        name=name,
        title=title,
        leak=leak,
        setting=_setting(judge.training, judge.claim, has_canary=isinstance(judge, ScoreAudit)),
        audit=judge.audit,
        is_defect=is_defect,
        n_runs=judge.n_runs if isinstance(judge, ScoreAudit) else 1,
        claim=_claim(judge.claim),
        judge=judge,
    )


def _setting(training: Training, claim: Claim, *, has_canary: bool) -> str:
    canary = f"{training.canary} canary of norm {training.canary_norm:g} C" if has_canary else "no canary"
    where = f" in {training.canary_layer}" if training.canary_layer else ""
    return f"T = {training.steps}, {_batches(claim)}, N = {training.n_records}, C = {training.clip:g}, {canary}{where}"


def _claim(claim: Claim) -> str:
    return f"epsilon {claim.epsilon:g} at delta {DELTA:g} ({claim.steps} steps, {_batches(claim)}, add/remove)"


def _batches(claim: Claim) -> str:
    return "full batches" if claim.sample_rate == 1.0 else f"Poisson batches at rate {claim.sample_rate:g}"
