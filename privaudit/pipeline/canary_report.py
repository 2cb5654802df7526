"""From the outcomes of a game with canaries to a report: bounds, the claimed curve, probes, verdict."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError
from privaudit.estimators import CurveTest, OneRunCurveTest, SensitivityProbe, sampling_probe
from privaudit.estimators.verdict_shares import VerdictShares, verdict_shares
from privaudit.pipeline.canary_claim import claim_of, note_on_claim
from privaudit.pipeline.canary_findings import curve_counts_of, outcome_evidence, outcome_metrics, step_finding
from privaudit.pipeline.canary_notes import canary_facts, confidence_note, curve_note, played_note, tied_note
from privaudit.pipeline.canary_outcome import CONTROL_NAME, CanaryOutcome, check_control
from privaudit.pipeline.canary_probes import Batches, Probes
from privaudit.pipeline.canary_steps import can_probe, noise_probe_of
from privaudit.pipeline.canary_verdict import judge_mechanism
from privaudit.pipeline.findings import claim_finding
from privaudit.store.manifest import ANALYSIS_LIBRARIES, library_versions
from privaudit.types import (
    AuditReport,
    Control,
    DpSgdParams,
    EpsilonEstimate,
    Neighbouring,
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
    tests = {
        "has_curve": judged is not None,
        "has_noise": can_probe(idle_noise, judged),
        "has_sampling": batches is not None and judged is not None,
    }
    shares = verdict_shares(confidence, **tests)
    probes = _probes(params, idle_noise, batches, sensitivity, delta=delta, shares=shares)
    settings: _Settings = {"params": params, "delta": delta, "neighbouring": neighbouring}
    found = [
        outcome_evidence(
            outcome,
            bound_at=confidence if place else shares.bound,
            curve_at=shares.curve if judged is not None and not place else confidence,
            confidence=confidence,
            is_for_verdict=judged is not None and not place,
            **settings,
        )
        for place, outcome in enumerate(outcomes)
    ]
    first, played = found[0], _control(control, outcomes[0], judged, shares, **settings)
    verdicts: tuple[Verdict, ...] = ()
    if claim is not None:
        curves = (first.curve, played[1]) if judged is not None else (None, None)
        verdict = judge_mechanism(
            claim,
            first.bound,
            curves[0],
            played[0],
            curves[1],
            probes=probes if judged is not None else None,
            untested=untested,
        )
        verdicts = (verdict,)
    findings = [each.finding for each in found] + probes.findings()
    findings += [step_finding(step_bound)] if step_bound is not None else []
    all_notes = (
        _played(outcomes[0], params, provenance or {}),
        *_curve_notes(first.curve, played[1], is_for_verdict=judged is not None),
        *tied_note(first.bound),
        *probes.sentences(),
        confidence_note(confidence, shares, has_claim=claim is not None, **tests),
        GAME_NOTES[outcomes[0].game],
        *([SECONDARY] if len(outcomes) > 1 else []),
        *note_on_claim(claim, params),
        *untested,
        *notes,
    )
    sections = [Section(kind="canary", title="Canaries", findings=tuple(findings), notes=all_notes)]
    if params is not None:
        computed = claim_finding(params, delta=delta)
        sections.append(Section(kind="games", title="What the claim allows", findings=(computed,)))
    return AuditReport(
        subject=Subject(name=name, model_digest=model_digest, data_digest=data_digest),
        claim=claim,
        sections=tuple(sections),
        controls=(played[0],) if played[0] is not None else (),
        verdicts=verdicts,
        provenance={
            "primary": {"attack": outcomes[0].name, "estimator": first.bound.method, "chosen_on": "fixed beforehand"},
            "analysed_with": library_versions(ANALYSIS_LIBRARIES),
            **(provenance or {}),
        },
    )


def _played(outcome: CanaryOutcome, params: DpSgdParams | None, provenance: Mapping[str, Any]) -> str:
    n_in = int(outcome.is_in.sum())
    return played_note(
        outcome.game,
        n_in,
        len(outcome.is_in) - n_in,
        facts=canary_facts(provenance),
        params=params,
        is_clip_known=outcome.params is not None,  # of training elsewhere nobody stated one
    )


def _curve_notes(
    curve: CurveTest | OneRunCurveTest | None, control: CurveTest | OneRunCurveTest | None, *, is_for_verdict: bool
) -> list[str]:
    found = [] if curve is None else [curve_note(curve, whose="Measured", is_for_verdict=is_for_verdict)]
    return found + ([] if control is None else [curve_note(control, whose=f"Control ({CONTROL_NAME})")])


class _Settings(TypedDict):
    params: DpSgdParams | None
    delta: float
    neighbouring: Neighbouring


def _probes(
    params: DpSgdParams | None,
    idle_noise: NDArray[np.float64] | None,
    batches: Batches | None,
    sensitivity: SensitivityProbe | None,
    *,
    delta: float,
    shares: VerdictShares,
) -> Probes:
    if params is None:
        return Probes(sensitivity=sensitivity)
    noise = sampling = None
    if idle_noise is not None and can_probe(idle_noise, params):
        noise = noise_probe_of(idle_noise, params, delta=delta, confidence=shares.noise)
    if batches is not None:
        sampling = sampling_probe(
            batches.sizes, n_records=batches.n_records, sample_rate=params.sample_rate, confidence=shares.sampling
        )
    return Probes(noise=noise, sampling=sampling, sensitivity=sensitivity)


def _control(
    outcome: CanaryOutcome | None,
    first: CanaryOutcome,
    judged: DpSgdParams | None,
    shares: VerdictShares,
    *,
    params: DpSgdParams | None,
    delta: float,
    neighbouring: Neighbouring,
) -> tuple[Control | None, CurveTest | OneRunCurveTest | None]:
    """Return the control at the confidences of the verdict, and its test of the claimed curve."""
    if outcome is None:
        return None, None
    check_control(outcome, first, params)
    found = outcome_evidence(
        outcome,
        bound_at=shares.bound,
        curve_at=shares.curve,
        confidence=shares.bound,
        is_for_verdict=True,
        params=judged,
        delta=delta,
        neighbouring=neighbouring,
    )
    control = Control(
        name=CONTROL_NAME,
        attack=outcome.name,
        n_models=1 if outcome.game == "one_run" else len(outcome.scores),
        estimate=found.bound,
        metrics=outcome_metrics(outcome, confidence=shares.bound),
        params=curve_counts_of(found.curve),
    )
    return control, found.curve
