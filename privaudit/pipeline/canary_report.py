"""From the outcomes of a game with canaries to a report: bounds, the claimed curve, probes, verdict."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError
from privaudit.estimators import CurveTest, OneRunCurveTest, SensitivityProbe
from privaudit.estimators.verdict_shares import VerdictShares, verdict_shares
from privaudit.pipeline.canary_claim import claim_of, note_on_claim
from privaudit.pipeline.canary_control import control_of
from privaudit.pipeline.canary_findings import Evidence, outcome_evidence, step_finding
from privaudit.pipeline.canary_notes import confidence_note, curve_notes, outcome_note, tied_note
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.canary_probes import Batches, Probes
from privaudit.pipeline.canary_steps import can_probe, probes_of
from privaudit.pipeline.canary_verdict import judge_mechanism
from privaudit.pipeline.findings import claim_finding
from privaudit.store.manifest import ANALYSIS_LIBRARIES, library_versions
from privaudit.types import (
    AuditReport,
    Control,
    DpSgdParams,
    EpsilonEstimate,
    Finding,
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
    batches: Batches | None = None,
    sensitivity: SensitivityProbe | None = None,
    step_bound: EpsilonEstimate | None = None,
    control: CanaryOutcome | None = None,
    untested: Sequence[str] = (),
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
        batches: sizes of the batches of all steps; used with ``params``.
        sensitivity: what the sensitivity probe says, if it was made.
        step_bound: of single steps with coins known to the auditor, composed by the accountant.
        control: the first outcome's game once more with noise 0 and the clip kept.
        untested: what the claim rests on and no test here looks at, in sentences: then nothing is called consistent.
        name: what to call the audited training.
        model_digest: sha256 of the audited model, or "".
        data_digest: sha256 of data or scores, or "".
        provenance: JSON-able values on how the outcomes came about.
        notes: what a reader must know about all findings.

    Returns:
        the report; a function of the arguments alone.

    Raises:
        ConfigError: if there is no outcome, the parameters do not give an epsilon as small as the claimed one, or the
            control is not one of this training.
        DegenerateScoresError: if too few outcomes are left in one of the worlds.
    """
    if not outcomes:
        raise ConfigError("a canary report needs at least one outcome; got none.", key="outcomes")
    claim = claim_of(params, claim_epsilon, delta=delta, neighbouring=neighbouring)
    judged = params if claim is not None and claim.mechanism is not None else None
    tests: _Tests = {
        "has_curve": judged is not None,
        "has_noise": can_probe(idle_noise, judged),
        "has_sampling": batches is not None and judged is not None,
    }
    shares = verdict_shares(confidence, **tests)
    settings: _Settings = {"params": params, "delta": delta, "neighbouring": neighbouring}
    probes = probes_of(params, idle_noise, batches, sensitivity, delta=delta, shares=shares)
    found = _evidence(outcomes, shares, confidence=confidence, is_curve_judged=judged is not None, **settings)
    played, played_curve = control_of(control, outcomes[0], judged, shares, **settings)
    findings = [each.finding for each in found] + probes.findings()
    findings += [step_finding(step_bound)] if step_bound is not None else []
    all_notes = (
        outcome_note(outcomes[0], params, provenance or {}),
        *curve_notes(found[0].curve, played_curve, is_for_verdict=judged is not None),
        *tied_note(found[0].bound),
        *probes.sentences(),
        confidence_note(confidence, shares, has_claim=claim is not None, **tests),
        GAME_NOTES[outcomes[0].game],
        *outcomes[0].notes,
        *([SECONDARY] if len(outcomes) > 1 else []),
        *note_on_claim(claim, params),
        *untested,
        *notes,
    )
    return AuditReport(
        subject=Subject(name=name, model_digest=model_digest, data_digest=data_digest),
        claim=claim,
        sections=_sections(findings, all_notes, params, delta),
        controls=(played,) if played is not None else (),
        verdicts=_verdicts(claim, found[0], played, played_curve, probes, untested),
        provenance={
            "primary": {
                "attack": outcomes[0].name,
                "estimator": found[0].bound.method,
                "chosen_on": "fixed beforehand",
            },
            "analysed_with": library_versions(ANALYSIS_LIBRARIES),
            **(provenance or {}),
        },
    )


class _Settings(TypedDict):
    params: DpSgdParams | None
    delta: float
    neighbouring: Neighbouring


class _Tests(TypedDict):
    has_curve: bool
    has_noise: bool
    has_sampling: bool


def _evidence(
    outcomes: Sequence[CanaryOutcome],
    shares: VerdictShares,
    *,
    confidence: float,
    is_curve_judged: bool,
    params: DpSgdParams | None,
    delta: float,
    neighbouring: Neighbouring,
) -> list[Evidence]:
    """Return what each outcome says: the first at its shares of the verdict's error, the others alone."""
    return [
        outcome_evidence(
            outcome,
            bound_at=confidence if place else shares.bound,
            curve_at=shares.curve if is_curve_judged and not place else confidence,
            confidence=confidence,
            is_for_verdict=is_curve_judged and not place,
            params=params,
            delta=delta,
            neighbouring=neighbouring,
        )
        for place, outcome in enumerate(outcomes)
    ]


def _verdicts(
    claim: PrivacyClaim | None,
    first: Evidence,
    control: Control | None,
    control_curve: CurveTest | OneRunCurveTest | None,
    probes: Probes,
    untested: Sequence[str],
) -> tuple[Verdict, ...]:
    """Judge the claim, by curve and probes only where its mechanism was claimed."""
    if claim is None:
        return ()
    if claim.mechanism is None:
        return (judge_mechanism(claim, first.bound, None, control, untested=untested),)
    return (judge_mechanism(claim, first.bound, first.curve, control, control_curve, probes=probes, untested=untested),)


def _sections(
    findings: Sequence[Finding], notes: Sequence[str], params: DpSgdParams | None, delta: float
) -> tuple[Section, ...]:
    canaries = Section(kind="canary", title="Canaries", findings=tuple(findings), notes=tuple(notes))
    if params is None:
        return (canaries,)
    computed = claim_finding(params, delta=delta)
    return canaries, Section(kind="games", title="What the claim allows", findings=(computed,))
