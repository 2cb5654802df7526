"""From saved scores of any framework to a report, without a model and without torch.

Members in a scores file were not drawn by coins of ours, so their outcomes become no bound on epsilon unless the user
states that they were independent fair coins. Independent trainings need no such statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from privaudit.data.score_files import ScoreFile
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.score_audit import audit_scores
from privaudit.estimators.thresholds import Split, TwoSidedGuesses
from privaudit.pipeline.baseline import with_baseline
from privaudit.pipeline.findings import attack_finding
from privaudit.pipeline.score_attacks import (
    BETRAYED,
    check_fair,
    lira_result,
    shadows_of,
    threshold_result,
    trainings_result,
)
from privaudit.pipeline.score_notes import coin_notes, control_notes, direction_notes
from privaudit.pipeline.score_options import ScoreAuditOptions, check_fit
from privaudit.pipeline.score_order import shuffled
from privaudit.pipeline.verdict import judge_claim
from privaudit.store.manifest import library_versions
from privaudit.types import (
    AttackResult,
    AuditReport,
    EpsilonEstimate,
    Finding,
    Metric,
    Neighbouring,
    PrivacyClaim,
    Section,
    Subject,
)
from privaudit.validate import nearest

LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")
STATED_COINS = "that each record's membership was an independent fair coin is the user's statement (--fair-coins)"
STATED_TRAININGS = "that the rows are independent trainings, which differ in the canary alone, is the user's statement"
NOT_OF_LIRA = "no bound on epsilon is made of these scores"
NO_PAIR = (
    "no bound is made of LiRA's scores here: the file does not hold the model trained on exactly the other records, "
    "without which balanced designs betray the target's coins"
)
CAVEAT, OF_TRAININGS = "descriptive only", "outcomes are independent trainings"  # not the records of one model
WORLDS = "the two worlds are trainings with and without the canary, one outcome each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the attacks on one file found.

    Attributes:
        findings: one per attack, and the blind baseline.
        notes: what a reader must know about all of them.
        primary: the finding and the estimate that carry the verdict, or ``None``.
        target: what was attacked, for the provenance.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    primary: tuple[Finding, EpsilonEstimate] | None
    target: dict[str, Any]


def audit_score_file(file: ScoreFile, options: ScoreAuditOptions) -> AuditReport:
    """Attack saved scores, bound epsilon where that is allowed, and put the report together.

    Args:
        file: the scores.
        options: what the user states and wants.

    Returns:
        the report; a function of the file's content, its name and the options.

    Raises:
        ConfigError: if an option does not fit the file.
        ClaimError: if the claim is about another relation than the bound.
        DataError: if members or non-members are missing, or the file contradicts the fair coins.
    """
    check_fit(file, options)
    outcome = _of_trainings(file, options) if file.layout == "trainings" else _of_records(file, options)
    claim = None
    if options.claim is not None and options.neighbouring is not None:
        claim = PrivacyClaim(
            epsilon=options.claim,
            delta=options.delta,
            neighbouring=options.neighbouring,
            accountant="stated by the user",
        )
    verdicts = (judge_claim(claim, [outcome.primary[1]], None),) if claim and outcome.primary else ()
    notes = (*outcome.notes, *control_notes(verdicts))
    section = Section(kind="mia", title="Membership inference", findings=outcome.findings, notes=notes)
    return AuditReport(
        subject=Subject(name=file.name, model_digest=file.digest, data_digest=file.digest),
        claim=claim,
        sections=(section,),
        verdicts=verdicts,
        provenance=_provenance(file, options, outcome),
    )


def _of_trainings(file: ScoreFile, options: ScoreAuditOptions) -> Outcome:
    result = trainings_result(shuffled(file, options.seed))
    world = result.label.astype(bool)
    bound = audit_scores(
        result.scores[world],
        result.scores[~world],
        method="clopper_pearson",
        threshold=Split(share=0.5, seed=options.seed),
        delta=options.delta,
        confidence=options.confidence,
        neighbouring=options.neighbouring,
    )
    bound = replace(bound, assumptions=(*bound.assumptions, STATED_TRAININGS))
    finding = attack_finding(result, [bound], confidence=options.confidence)
    finding = replace(
        finding,
        id=f"{result.attack}-trainings",
        params={},
        metrics=tuple(map(_of_independent, finding.metrics)),
        notes=(*finding.notes, WORLDS, *direction_notes(finding)),
    )
    return Outcome(findings=(finding,), notes=(), primary=(finding, bound), target={"n_trainings": len(world)})


def _of_independent(metric: Metric) -> Metric:
    """Drop the caveat that the records of one model are no independent trials: trainings are."""
    head, caveat, _ = metric.rule.partition(CAVEAT)
    return replace(metric, rule=f"{head}{OF_TRAININGS}") if caveat else metric


def _of_records(file: ScoreFile, options: ScoreAuditOptions) -> Outcome:
    target = _target(file, options.target)
    file = shuffled(file, options.seed)
    if options.fair_coins:
        check_fair(file.member[target])
    results, notes = _attacks(file, target)
    findings = [_finding(result, options) for result in results]
    if file.features is not None:
        findings, more = with_baseline(file.features, file.member[target], findings, options)
        notes += more
    notes += coin_notes(file, target, options)
    shadows = shadows_of(file.member, target)
    left_out = [file.model_names[model] for model in (shadows.pair, *shadows.same) if model >= 0]
    n_in = int(file.member[target].sum())
    facts = {"name": file.model_names[target], "n_in": n_in, "n_out": file.values.shape[1] - n_in, "left_out": left_out}
    return Outcome(findings=tuple(findings), notes=notes, primary=_primary(findings), target=facts)


def _primary(findings: Sequence[Finding]) -> tuple[Finding, EpsilonEstimate] | None:
    """Return LiRA's bound where there is one on most of the records, else the target's own.

    Both are fixed by who was trained on what, before any score is looked at.
    """
    bounds = [(finding, finding.estimates[0]) for finding in findings if finding.estimates]
    if not bounds:
        return None
    own, last = (bounds[place][1].diagnostics["n_canaries"] for place in (0, -1))
    return bounds[-1] if 2 * last >= own else bounds[0]


def _target(file: ScoreFile, name: str | None) -> int:
    if name is None:
        return 0
    if name not in file.model_names:
        if len(file.model_names) == 1:
            raise ConfigError(f"the file holds one model; leave --target out (got {name!r}).", key="target")
        known = ", ".join(file.model_names[:12]) + (", ..." if len(file.model_names) > 12 else "")
        raise ConfigError(
            f"--target must be one of {known}; got {name!r}.{nearest(name, file.model_names)}", key="target"
        )
    return file.model_names.index(name)


def _attacks(file: ScoreFile, target: int) -> tuple[list[AttackResult], tuple[str, ...]]:
    results: list[AttackResult] = [threshold_result(file, target)]
    if len(file.values) == 1:
        return results, ()
    try:
        return [*results, lira_result(file, target)], ()
    except UnsupportedError as error:
        return results, (f"LiRA was left out. {error}",)


def _finding(result: AttackResult, options: ScoreAuditOptions) -> Finding:
    bounds: list[EpsilonEstimate] = []
    if options.fair_coins and result.depends_on_coins:
        result = replace(result, notes=(*result.notes, NOT_OF_LIRA if BETRAYED in result.notes else NO_PAIR))
    elif options.fair_coins:
        bounds = [_one_run(result, options)]
    finding = attack_finding(result, bounds, confidence=options.confidence)
    return replace(finding, notes=(*finding.notes, *direction_notes(finding)))


def _one_run(result: AttackResult, options: ScoreAuditOptions) -> EpsilonEstimate:
    """Bound epsilon by guesses that no order of the records has a part in: nobody knows what that of a file goes by."""
    is_in = result.label.astype(bool)
    bound = audit_scores(
        result.scores[is_in],
        result.scores[~is_in],
        method="one_run",
        threshold=TwoSidedGuesses(ties=options.ties),
        delta=options.delta,
        confidence=options.confidence,
        neighbouring=Neighbouring.ADD_REMOVE,
    )
    return replace(bound, assumptions=(*bound.assumptions, STATED_COINS))


def _provenance(file: ScoreFile, options: ScoreAuditOptions, outcome: Outcome) -> dict[str, Any]:
    primary = {}
    if outcome.primary is not None:
        finding, bound = outcome.primary
        primary = {"primary": {"attack": finding.method, "estimator": bound.method}}
    stated = {"trainings": [STATED_TRAININGS]}.get(file.layout, [STATED_COINS] if options.fair_coins else [])
    n_models, n_records = file.values.shape
    return {
        **primary,
        "source": "saved scores; the digests of model and data are both that of the file",
        "seed": options.seed,
        "scores": {
            "layout": file.layout,
            "quantity": file.quantity,
            "columns": dict(file.columns),
            "n_models": n_models,
            "n_records": n_records,
            "target": outcome.target,
        },
        "stated": stated,
        "options": {
            "fair_coins": options.fair_coins,
            "ties": options.ties,
            "claim": options.claim,
            "delta": options.delta,
            "confidence": options.confidence,
            "neighbouring": options.neighbouring,
        },
        "versions": library_versions(LIBRARIES),
    }
