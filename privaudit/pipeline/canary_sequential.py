"""The report of a game that was stopped when decided: only bets stay valid wherever a game ends."""

from dataclasses import replace
from typing import Any

from privaudit.config import AuditConfig
from privaudit.estimators import pld_claim
from privaudit.pipeline.canary_notes import canary_facts, exact_percent, played_note
from privaudit.pipeline.canary_outcome import CONTROL_NAME
from privaudit.pipeline.canary_stopping import Stopped, choosing_pairs
from privaudit.pipeline.findings import claim_finding
from privaudit.pipeline.verdict import judge_claim
from privaudit.types import AuditReport, Control, DpSgdParams, EpsilonEstimate, Finding, Neighbouring, Section, Subject

STOPPED = (
    "The game was stopped where it was decided. Only the bound by betting holds at such a moment; bounds for a fixed number "
    "of runs, and the test of the claimed curve, do not, and are not shown."
)
ENDED = "The game ended because the rest of its budget could not have exceeded the claim."


def sequential_report(
    stopped: Stopped,
    *,
    params: DpSgdParams,
    delta: float,
    config: AuditConfig,
    name: str,
    data_digest: str,
    model_digest: str,
    provenance: dict[str, Any],
    control: Stopped | None = None,
) -> AuditReport:
    """Put the report together.

    Args:
        stopped: where the game stands.
        params: the claimed mechanism.
        delta: of claim and bound.
        config: the audit.
        name: what to call the audited training.
        data_digest: of the data.
        model_digest: of recipe and model.
        provenance: JSON-able values on how the outcomes came about.
        control: the same number of pairs without noise, with a threshold of their own.
    """
    assert config.canaries is not None
    claim = pld_claim(params, delta=delta, neighbouring=Neighbouring.ADD_REMOVE)
    estimate = stopped.sequence.estimate()
    attack = "white_box_trajectory" if config.canaries.is_gradient else "black_box"
    n_choosing = choosing_pairs(config.canaries.n_runs)
    finding = Finding(
        id=f"{attack}-many_runs",
        method=attack,
        params={
            "game": "many_runs",
            "threshold": stopped.threshold,
            "n_pairs": stopped.n_played,
            "n_choosing_pairs": n_choosing,
            "budget_pairs": config.canaries.n_runs // 2 - n_choosing,
        },
        game="canary",
        access="white_box" if config.canaries.is_gradient else "score",
        unit="model",
        n_in=stopped.n_played,
        n_out=stopped.n_played,
        estimates=(estimate,),
        notes=(f"The first {n_choosing} pairs of runs chose the threshold and do not count.",),
    )
    n_pairs = stopped.n_played + n_choosing
    played = played_note(
        "many_runs", n_pairs, n_pairs, facts=canary_facts(provenance), params=params, is_clip_known=True
    )
    sections = (
        Section(kind="canary", title="Canaries", findings=(finding,), notes=(played, _counted(estimate), STOPPED)),
        Section(kind="games", title="What the claim allows", findings=(claim_finding(params, delta=delta),)),
    )
    shown = None
    if control is not None:
        bound = control.sequence.estimate()
        shown = Control(name=CONTROL_NAME, attack=attack, n_models=2 * control.n_played, estimate=bound)
    verdict = judge_claim(claim, [estimate], shown, is_canary=True)
    if verdict.outcome == "too_weak":
        verdict = replace(verdict, reason=f"{ENDED} {verdict.reason}")
    return AuditReport(
        subject=Subject(name=name, model_digest=model_digest, data_digest=data_digest),
        claim=claim,
        sections=sections,
        controls=(shown,) if shown is not None else (),
        verdicts=(verdict,),
        provenance={
            "primary": {"attack": attack, "estimator": estimate.method, "chosen_on": "fixed beforehand"},
            **provenance,
        },
    )


def _counted(estimate: EpsilonEstimate) -> str:
    """Say from what the bound was made."""
    counts = {name: int(estimate.diagnostics[name]) for name in ("tp", "fp")}
    return (
        f"In {estimate.n_in} pairs of runs after those that chose the threshold, the canary was called present in "
        f"{counts['tp']} runs with it and in {counts['fp']} without; that shows epsilon >= {estimate.lower:.4g} of at most "
        f"{estimate.ceiling:.4g}, at {exact_percent(estimate.confidence)} confidence wherever the game ends."
    )
