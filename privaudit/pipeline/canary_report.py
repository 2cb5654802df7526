"""From the outcomes of a game with canaries to a report: bounds, the claimed curve, probes, verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError
from privaudit.estimators import CurveTest, OneRunCurveTest, SensitivityProbe, pld_claim
from privaudit.estimators.verdict_shares import verdict_shares
from privaudit.pipeline.canary_bounds import claimed_curve_test, family_bounds, model_free_bound
from privaudit.pipeline.canary_findings import outcome_finding, outcome_result, step_finding
from privaudit.pipeline.canary_outcome import CONTROL_NAME, CanaryOutcome
from privaudit.pipeline.canary_probes import noise_finding, sensitivity_finding
from privaudit.pipeline.canary_steps import can_probe, noise_probe_of
from privaudit.pipeline.canary_verdict import judge_mechanism
from privaudit.pipeline.findings import attack_metrics, claim_finding
from privaudit.store.manifest import ANALYSIS_LIBRARIES, library_versions
from privaudit.types import (
    AuditReport,
    Control,
    DpSgdParams,
    EpsilonEstimate,
    Neighbouring,
    PrivacyClaim,
    Section,
    Subject,
    Verdict,
)

GAME_NOTES = {
    "one_run": (
        "One training run: every canary was in training by its own fair coin, which no score saw. The model-free bound "
        "(one_run) holds for every mechanism; the others assume the named family."
    ),
    "many_runs": (
        "Many independent runs of one canary: each run trained with it or without. The model-free bound (clopper_pearson) "
        "holds for every mechanism; the others assume what they name."
    ),
}
SECONDARY = "The verdict rests on the first outcome; the others are shown at their own confidence, not for verdicts."


def canary_report(
    outcomes: Sequence[CanaryOutcome],
    *,
    params: DpSgdParams | None,
    claim_epsilon: float | None = None,
    delta: float,
    confidence: float = 0.95,
    neighbouring: Neighbouring = Neighbouring.ADD_REMOVE,
    idle_noise: NDArray[np.float64] | None = None,
    sensitivity: SensitivityProbe | None = None,
    step_bound: EpsilonEstimate | None = None,
    control: CanaryOutcome | None = None,
    name: str = "canaries",
    model_digest: str = "",
    data_digest: str = "",
    provenance: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> AuditReport:
    """Bound epsilon by the outcomes of canaries, test the claimed curve, judge the claim.

    Args:
        outcomes: at least one; the first, fixed before any score was seen, carries the verdict.
        params: the claimed mechanism, or ``None`` where only an epsilon is claimed, or nothing.
        claim_epsilon: the claimed epsilon; ``None`` = computed from ``params`` where there are any.
        delta: the delta of claim and bounds.
        confidence: of the verdict, and of every other bound alone.
        neighbouring: the relation that the coins realise.
        idle_noise: ``(n_steps, n_idle)`` noisy sums of coordinates that nothing else moves, in clips; used with ``params``.
        sensitivity: what the sensitivity probe says, if it was made.
        step_bound: of single steps with coins known to the auditor, composed by the accountant.
        control: the first outcome's game once more with noise 0 and the clip kept.
        name: what to call the audited training.
        model_digest: sha256 of the audited model, or "".
        data_digest: sha256 of data or scores, or "".
        provenance: JSON-able values on how the outcomes came about.
        notes: what a reader must know about all findings.

    Returns:
        the report; a function of the arguments alone.

    Raises:
        ConfigError: if there is no outcome, or the claimed epsilon contradicts the parameters.
        DegenerateScoresError: if too few outcomes are left in one of the worlds.
    """
    if not outcomes:
        raise ConfigError("a canary report needs at least one outcome; got none.", key="outcomes")
    claim = _claim(params, claim_epsilon, delta, neighbouring)
    shares = verdict_shares(confidence, has_curve=params is not None, has_noise=can_probe(idle_noise, params))
    each, noise = shares.bound, None
    if params is not None and idle_noise is not None and can_probe(idle_noise, params):
        noise = noise_probe_of(idle_noise, params, delta=delta, confidence=shares.noise)
    bounds = [
        model_free_bound(outcome, delta=delta, confidence=each if not place else confidence, neighbouring=neighbouring)
        for place, outcome in enumerate(outcomes)
    ]
    curves = [
        claimed_curve_test(
            outcome, params=params, confidence=each if not place else confidence, neighbouring=neighbouring
        )
        if params is not None
        else None
        for place, outcome in enumerate(outcomes)
    ]
    findings = [
        outcome_finding(
            outcome,
            (
                bound,
                *family_bounds(outcome, params=params, delta=delta, confidence=confidence, neighbouring=neighbouring),
            ),
            curve,
            confidence,
        )
        for outcome, bound, curve in zip(outcomes, bounds, curves, strict=True)
    ]
    played = _control(control, params, delta=delta, confidence=each, neighbouring=neighbouring)
    verdicts: list[Verdict] = []
    if claim is not None:
        verdicts.append(judge_mechanism(claim, bounds[0], curves[0], *played, noise=noise, sensitivity=sensitivity))
    findings += [noise_finding(noise)] if noise is not None else []
    findings += [sensitivity_finding(sensitivity)] if sensitivity is not None else []
    findings += [step_finding(step_bound)] if step_bound is not None else []
    all_notes = (GAME_NOTES[outcomes[0].game], *([SECONDARY] if len(outcomes) > 1 else []), *notes)
    sections = [Section(kind="canary", title="Canaries", findings=tuple(findings), notes=all_notes)]
    if params is not None:
        computed = claim_finding(params, delta=delta)
        sections.append(Section(kind="games", title="What the claim allows", findings=(computed,)))
    return AuditReport(
        subject=Subject(name=name, model_digest=model_digest, data_digest=data_digest),
        claim=claim,
        sections=tuple(sections),
        controls=(played[0],) if played[0] is not None else (),
        verdicts=tuple(verdicts),
        provenance={
            "primary": {"attack": outcomes[0].name, "estimator": bounds[0].method, "chosen_on": "fixed beforehand"},
            "analysed_with": library_versions(ANALYSIS_LIBRARIES),
            **(provenance or {}),
        },
    )


def _claim(
    params: DpSgdParams | None, epsilon: float | None, delta: float, neighbouring: Neighbouring
) -> PrivacyClaim | None:
    if params is not None:
        computed = pld_claim(params, delta=delta, neighbouring=neighbouring)
        if epsilon is None:
            return computed
        return replace(computed, epsilon=epsilon, accountant="stated by the user")
    if epsilon is None:
        return None
    return PrivacyClaim(epsilon=epsilon, delta=delta, neighbouring=neighbouring, accountant="stated by the user")


def _control(
    outcome: CanaryOutcome | None,
    params: DpSgdParams | None,
    *,
    delta: float,
    confidence: float,
    neighbouring: Neighbouring,
) -> tuple[Control | None, CurveTest | OneRunCurveTest | None]:
    if outcome is None:
        return None, None
    control = Control(
        name=CONTROL_NAME,
        attack=outcome.name,
        n_models=1 if outcome.game == "one_run" else len(outcome.scores),
        estimate=model_free_bound(outcome, delta=delta, confidence=confidence, neighbouring=neighbouring),
        metrics=attack_metrics(outcome_result(outcome), confidence=confidence),
    )
    if params is None:
        return control, None
    return control, claimed_curve_test(outcome, params=params, confidence=confidence, neighbouring=neighbouring)
