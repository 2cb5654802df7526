"""Right of the seam: from the files of an audit to its report, without torch."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from privaudit.config import AuditConfig
from privaudit.errors import StoreError
from privaudit.games.declared import run_declared
from privaudit.interfaces import Attack, AuditInputs, Estimator
from privaudit.pipeline.canary_analyse import analyse_canaries
from privaudit.pipeline.control import make_control
from privaudit.pipeline.defend.analyse import with_defenses
from privaudit.pipeline.distribution.analyse import analyse_distribution, distribution_sections
from privaudit.pipeline.findings import accuracy_finding, attack_finding, claim_finding, idle_models
from privaudit.pipeline.looks import analysis_of, later_report, mark_reported, why_spoilt
from privaudit.pipeline.primary import (
    Primary,
    check_guesses,
    check_primary,
    choose_primary,
    guesses_membership,
    make_methods,
)
from privaudit.pipeline.query_efficiency import query_curves
from privaudit.pipeline.released import is_released, released_notes, with_blind_baseline
from privaudit.pipeline.reliability import reliability_of
from privaudit.pipeline.stored import read_inputs, reported_signals, stored_claim, stored_config, wants_features
from privaudit.pipeline.subgroups import subgroup_sections
from privaudit.pipeline.verdict import judge_claim
from privaudit.pipeline.with_games import with_games
from privaudit.store.design_file import read_design
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import ANALYSIS_LIBRARIES, Manifest, library_versions, read_manifest
from privaudit.types import (
    AuditDesign,
    AuditReport,
    Control,
    EpsilonEstimate,
    Finding,
    Section,
    Subject,
    Validity,
)
from privaudit.types.design import CONTROL, SHADOW, TARGET

DEFAULT_DELTA = 1e-5  # of an audit without a claim
COINS_NOTE = (
    "The coins of the target's own records are the only secret; shadows, attack and share of guesses were fixed or "
    "chosen without them. The target's complement takes no part. The seed fixes the coins: an earlier report with this "
    "seed on these data, in any folder, would have been a look at them."
)
BESIDE_THE_TARGET = (
    "Shadows that were trained side by side with the target depend on the sizes of its batches in their last bits "
    "(padding); on nothing else of it."
)


def analyse(out: Path, *, changes: AuditConfig | None = None) -> AuditReport:
    """Attack the stored signals, estimate, judge, and put the report together.

    Args:
        out: the folder of an audit.
        changes: another config, of which attacks, estimators, primary, confidence and report are used.

    Returns:
        the report; a function of the stored files and the config alone. The manifest notes that somebody has seen it.

    Raises:
        StoreError: if the folder holds no whole audit.
        ConfigError: if a method is unknown.
    """
    folder = AuditFolder(out)
    manifest = read_manifest(folder.manifest)
    config = stored_config(manifest, changes)
    if config.defenses:
        return with_defenses(out, config, has_changed=changes is not None, analyse_arm=_analyse_arm)
    return _analyse_one(out, changes=changes, config=config, manifest=manifest)


def _analyse_arm(out: Path, changes: AuditConfig | None) -> AuditReport:
    """One audit of a comparison, by its own config or by another."""
    manifest = read_manifest(AuditFolder(out).manifest)
    return _analyse_one(out, changes=changes, config=stored_config(manifest, changes), manifest=manifest)


def _analyse_one(out: Path, *, changes: AuditConfig | None, config: AuditConfig, manifest: Manifest) -> AuditReport:
    if config.kind == "canaries":
        return analyse_canaries(out, changes=changes)
    if config.kind == "distribution":
        return analyse_distribution(out, changes=changes)
    return _analyse_members(out, changes=changes, config=config, manifest=manifest)


def _analyse_members(out: Path, *, changes: AuditConfig | None, config: AuditConfig, manifest: Manifest) -> AuditReport:
    folder = AuditFolder(out)
    design, records = read_design(folder.design)
    attacks, estimators = make_methods(config)
    if not is_released(design):
        check_primary(config, design)
        check_guesses(config, attacks)
    always = reported_signals(config) & {"correct", "negative_loss"}
    wanted = always.union(*(attack.signals for attack in attacks))
    inputs = read_inputs(
        folder,
        design,
        records,
        design.models_with_role(SHADOW, TARGET),
        signals=wanted,
        has_features=wants_features(attacks),
    )
    claim, params = stored_claim(manifest)
    delta = claim.delta if claim else DEFAULT_DELTA
    leading = next(estimator for estimator in estimators if estimator.name == config.primary.estimator)
    primary: Primary | None = None
    spoilt, later = None, tuple[str, ...]()
    if not is_released(design):  # who looked before matters to bounds alone
        primary = choose_primary(config, attacks, leading, inputs, delta=delta)
        analysis = analysis_of(config, design)
        spoilt = why_spoilt(manifest.looks, analysis)
        later = () if spoilt else later_report(manifest.looks, analysis)
    findings, carrying = _findings(config, inputs, attacks, estimators, primary, delta)
    if is_released(design):
        findings = with_blind_baseline(folder, design, findings, confidence=config.confidence)
    if spoilt:
        findings = tuple(_after_the_fact(finding, spoilt) for finding in findings)
    control = None
    controls = design.models_with_role(CONTROL)
    if len(controls) and not folder.missing_signals(always, design.numbers[controls].tolist()):
        assert primary is not None  # a released model has no controls
        attack = next(attack for attack in attacks if attack.name == primary.attack)
        played = read_inputs(
            folder, design, records, controls, signals=attack.signals, has_features=wants_features([attack])
        )
        control = make_control(attack, leading, played, delta=delta, confidence=carrying[0].confidence)
    notes = (
        *(released_notes(inputs, claim) if is_released(design) else _coin_notes(spoilt)),
        *_notes(inputs, n_controls=len(controls), control=control),
        *later,
        *([BESIDE_THE_TARGET] if manifest.recipe["group_size"] > 1 and not is_released(design) else []),
        *manifest.remarks,
    )
    verdict = judge_claim(claim, carrying, control) if claim and carrying else None
    if verdict and spoilt:
        verdict = replace(verdict, outcome="too_weak", reason=f"No verdict: {spoilt}. {verdict.reason}")
    sections = [Section(kind="mia", title="Membership inference", findings=findings, notes=notes)]
    sections += subgroup_sections(config, inputs, attacks, primary)
    if config.distribution is not None:
        sections += distribution_sections(folder.distribution, changes=changes)
    if params is not None:
        computed = claim_finding(params, delta=delta)
        sections.append(Section(kind="games", title="What the claim allows", findings=(computed,)))
    report = AuditReport(
        subject=_subject(folder, design, manifest),
        claim=claim,
        sections=tuple(sections),
        controls=(control,) if control else (),
        verdicts=(verdict,) if verdict else (),
        provenance=_provenance(manifest, config, design, primary, is_spoilt=spoilt is not None),
    )
    mark_reported(folder.manifest, manifest)
    return with_games(report, confidence=config.confidence)


def _after_the_fact(finding: Finding, reason: str) -> Finding:
    """Take the certificate off estimates whose method was chosen when outcomes could be seen."""
    estimates = tuple(
        replace(estimate, validity=Validity.HEURISTIC, assumptions=(*estimate.assumptions, reason))
        for estimate in finding.estimates
    )
    return replace(finding, estimates=estimates)


def _findings(
    config: AuditConfig,
    inputs: AuditInputs,
    attacks: Sequence[Attack],
    estimators: Sequence[Estimator],
    primary: Primary | None,
    delta: float,
) -> tuple[tuple[Finding, ...], list[EpsilonEstimate]]:
    """Run every attack on every target; return the findings and the estimates that carry the verdict."""
    targets = inputs.design.models_with_role(TARGET).tolist()
    jointly = 1 - (1 - config.confidence) / len(targets)  # the primary bounds of all targets hold together
    carries = (primary.attack, primary.estimator) if primary else None
    findings, carrying = [], []
    for attack in attacks:
        results = run_declared(attack, inputs, targets=targets)
        if not guesses_membership(attack):
            findings += [attack_finding(result, (), confidence=config.confidence) for result in results]
            continue
        reliable = reliability_of(attack, inputs, results, confidence=config.confidence)
        curves = query_curves(attack, inputs, targets, confidence=config.confidence)
        for result, added, curve in zip(results, reliable, curves, strict=True):
            estimates = []
            for estimator in estimators if carries else ():  # without a primary, a released model: no bound
                is_primary = (attack.name, estimator.name) == carries
                level = jointly if is_primary else config.confidence
                estimates.append(estimator.estimate(result, delta=delta, confidence=level))
                carrying += estimates[-1:] if is_primary else []
            finding = attack_finding(result, estimates, confidence=config.confidence)
            findings.append(curve.added_to(added.added_to(finding)))
    correct = inputs.dense("correct")
    losses = -inputs.dense("negative_loss") if config.access == "score" else None
    findings += [accuracy_finding(inputs, correct, losses, target, confidence=config.confidence) for target in targets]
    return tuple(findings), carrying


def _coin_notes(spoilt: str | None) -> tuple[str, ...]:
    return (*([f"Exploratory: {spoilt}."] if spoilt else []), COINS_NOTE)


def _notes(inputs: AuditInputs, *, n_controls: int, control: Control | None) -> tuple[str, ...]:
    notes = []
    idle = idle_models(inputs)
    if idle:
        shown = ", ".join(map(str, idle[:10])) + (", ..." if len(idle) > 10 else "")
        notes.append(
            f"{len(idle)} of {len(inputs.usable)} models learned no more than the most frequent class: {shown}. "
            "They are kept in the audit."
        )
    if n_controls and control is None:
        notes.append(
            "The positive control diverged without clipping and was left out; a smaller recipe.optimizer.lr gives one."
        )
    return tuple(notes)


def _subject(folder: AuditFolder, design: AuditDesign, manifest: Manifest) -> Subject:
    sha = hashlib.sha256()
    for number in design.numbers[design.models_with_role(TARGET)].tolist():
        path = folder.model(number)
        if not path.exists():
            raise StoreError(
                f"{path} is missing. Run the same `privaudit run` command again; only it is trained again."
            )
        sha.update(path.read_bytes())
    model = manifest.recipe["model"]
    name = f"{str(model['build']).rpartition(':')[2]} on {manifest.data['name']}{_defended(manifest)}"
    return Subject(name=name, model_digest=sha.hexdigest(), data_digest=manifest.data["digest"])


def _defended(manifest: Manifest) -> str:
    """What in its training or its answers was meant to protect the model, so that reports of one comparison differ by name."""
    dp, output = manifest.recipe["variants"][0]["dp"], manifest.recipe.get("output")
    training = "" if dp is None else ", DP-SGD" if dp["noise_multiplier"] else ", clipped, no noise"
    return training + ("" if output is None else f", answers through {output['name']}")


def _released(manifest: Manifest) -> dict[str, Any]:
    """What a gate tells a released model by; its weights are stored once more, in another form."""
    digest = manifest.recipe["model"].get("checkpoint")
    return {} if digest is None else {"released": {"checkpoint_digest": digest}}


def _provenance(
    manifest: Manifest, config: AuditConfig, design: AuditDesign, primary: Primary | None, *, is_spoilt: bool
) -> dict[str, Any]:
    return {
        "primary": primary._asdict() if primary else None,
        "analysis_changed_after_a_report": is_spoilt,
        "seed": design.seed,
        "coins": {
            "design": design.kind,
            "n_records": design.n_records,
            "n_coins": len(design.coin_records),
            "n_population": design.n_records - len(design.coin_records),
        },
        "models": {
            "trained": int(design.is_trained.sum()),
            "targets": len(design.models_with_role(TARGET)),
            "controls": len(design.models_with_role(CONTROL)),
            "trainer": manifest.recipe["trainer"],
            "group_size": manifest.recipe["group_size"],
            "precision": manifest.recipe["precision"],
            "compiled": manifest.recipe["compiled"],
            "device_type": manifest.recipe["device_type"],
        },
        **_released(manifest),
        "versions": dict(manifest.versions),
        "analysed_with": library_versions(ANALYSIS_LIBRARIES),
        "digests": manifest.digests(),
        "config": config.model_dump(mode="json", exclude={"out", "device", "engine"}),
    }
