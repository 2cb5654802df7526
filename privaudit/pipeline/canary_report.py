"""From the outcomes of a game with canaries to a report: bounds, the claimed curve, probes, verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from privaudit.errors import ConfigError
from privaudit.estimators import (
    CurveTest,
    NoiseProbe,
    OneRunCurveTest,
    SensitivityProbe,
    pld_claim,
)
from privaudit.pipeline.canary_bounds import claimed_curve_test, family_bounds, model_free_bound
from privaudit.pipeline.canary_outcome import CONTROL_NAME, CanaryOutcome
from privaudit.pipeline.canary_probes import noise_finding, sensitivity_finding
from privaudit.pipeline.canary_verdict import judge_mechanism, shares
from privaudit.pipeline.findings import attack_finding, attack_metrics, claim_finding
from privaudit.store.manifest import ANALYSIS_LIBRARIES, library_versions
from privaudit.types import (
    AttackResult,
    AuditReport,
    Control,
    DpSgdParams,
    EpsilonEstimate,
    Finding,
    Metric,
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
    noise_probe: NoiseProbe | None = None,
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
        noise_probe: what the noise of idle coordinates says, if it was measured.
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
    each = shares(confidence, has_curve=params is not None)
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
        _finding(
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
        verdicts.append(judge_mechanism(claim, bounds[0], curves[0], *played))
    findings += [noise_finding(noise_probe)] if noise_probe is not None else []
    findings += [sensitivity_finding(sensitivity)] if sensitivity is not None else []
    findings += [_step_finding(step_bound)] if step_bound is not None else []
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


def _finding(
    outcome: CanaryOutcome,
    estimates: tuple[EpsilonEstimate, ...],
    curve: CurveTest | OneRunCurveTest | None,
    confidence: float,
) -> Finding:
    finding = attack_finding(_result(outcome), estimates, confidence=confidence)
    return replace(
        finding,
        id=f"{outcome.name}-{outcome.game}",
        params={"game": outcome.game, "is_independent": outcome.is_independent, **_curve_counts(curve)},
        metrics=(*finding.metrics, *_curve_metrics(curve)),
    )


def _result(outcome: CanaryOutcome) -> AttackResult:
    return AttackResult(
        attack=outcome.name,
        target=-1,
        scores=outcome.scores,
        label=outcome.is_in,
        unit_ids=np.arange(len(outcome.scores)),
        unit="model" if outcome.game == "many_runs" else "record",
        game="canary",
        access=outcome.access,
        notes=outcome.notes,
    )


def _curve_counts(curve: CurveTest | OneRunCurveTest | None) -> dict[str, dict[str, int]]:
    """Return the counts behind the test of the curve, from which a gate makes it anew at its own confidence."""
    if curve is None:
        return {}
    if isinstance(curve, CurveTest):
        return {"curve": {name: int(curve.diagnostics[name]) for name in ("tp", "fn", "fp", "tn")}}
    return {"curve": {name: int(getattr(curve, name)) for name in ("n_canaries", "n_guesses", "n_correct")}}


def _curve_metrics(curve: CurveTest | OneRunCurveTest | None) -> tuple[Metric, ...]:
    """Say how far the measured rates are beyond the claimed curve."""
    if curve is None:
        return ()
    if isinstance(curve, CurveTest):
        rule = (
            f"lower end of the true positive rate less the most that the claimed mechanism allows at the upper end of the "
            f"false positive rate, {curve.fpr_upper:.4g}; above 0 the accountant's curve is refuted"
        )
        value = curve.tpr_lower - curve.tpr_allowed
        return (
            Metric(name="tpr_beyond_claim", at=curve.fpr_upper, value=value, confidence=curve.confidence, rule=rule),
        )
    rule = (
        f"right guesses less the {curve.least_refuting} that refute the accountant's curve; at or above 0 it is refuted"
    )
    beyond = float(curve.n_correct - curve.least_refuting)
    return (Metric(name="guesses_beyond_claim", value=beyond, confidence=curve.confidence, rule=rule),)


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
        metrics=attack_metrics(_result(outcome), confidence=confidence),
    )
    if params is None:
        return control, None
    return control, claimed_curve_test(outcome, params=params, confidence=confidence, neighbouring=neighbouring)


def _step_finding(bound: EpsilonEstimate) -> Finding:
    return Finding(
        id="steps",
        method="per_step",
        game="canary",
        access="white_box",
        n_in=bound.n_in,
        n_out=bound.n_out,
        estimates=(bound,),
        notes=(
            (
                "Single steps, with the coins of every step known to the auditor, composed by the accountant at the stated "
                "sample rate: it audits the noise of a step, not the sampling."
            ),
        ),
    )
