"""Right of the seam of a distribution audit: from what models said to its report, without torch."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from privaudit.config import AuditConfig
from privaudit.config.distribution import DistributionConfig
from privaudit.data.world_channels import WorldChannel
from privaudit.defenses.resampling import Resampling
from privaudit.errors import StoreError
from privaudit.interfaces import DistributionAttack
from privaudit.pipeline.distribution.channels import channel_findings, channel_warnings, channels_of
from privaudit.pipeline.distribution.findings import (
    comparison_finding,
    control_finding,
    play,
    stays_with_guessing,
)
from privaudit.pipeline.distribution.graphs.findings import of_graphs, with_draws_leaked
from privaudit.pipeline.distribution.graphs.notes import graph_notes
from privaudit.pipeline.distribution.inputs import Said, read_said
from privaudit.pipeline.distribution.methods import distribution_attacks, weight_signals
from privaudit.pipeline.distribution.poisoned import rounded_text
from privaudit.pipeline.distribution.ratios import ratio_finding
from privaudit.pipeline.distribution.titles import section_title
from privaudit.pipeline.distribution.worlds import property_name
from privaudit.pipeline.findings import claim_finding
from privaudit.pipeline.stored import stored_claim, stored_config
from privaudit.pipeline.with_games import with_games
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import ANALYSIS_LIBRARIES, Manifest, library_versions, read_manifest
from privaudit.store.world_file import StoredWorlds, check_draws, read_worlds
from privaudit.types import AuditReport, Finding, Section, Subject
from privaudit.types.design import SHADOW, TARGET

OF_MEMBERSHIP = {"design", "attacks", "estimators", "primary", "control", "canaries"}  # blocks that take no part
CONTROL_LEVEL = 0.999  # that guessing stays in its region, over all attacks
TRAINED_APART = (
    "Victims and shadow models train on draws from disjoint pools of records, and are asked about records that none of them was "
    "trained on; every model of a world is trained on a draw of its own"
)
RESAMPLED = (
    "No guarantee is stated for re-sampled training sets: a record may come several times, or decide which others are left out; "
    "DP-SGD's epsilon is for one copy of a record in the set that is trained on"
)
SHARED = "Audited models and shadow models train on draws from pools that share records"
JOINTLY = "Intervals of the accuracies hold for all attacks and pairs of worlds together"


def analyse_distribution(out: Path, *, changes: AuditConfig | None = None) -> AuditReport:
    """Attack what the models of all worlds said, and put the report together.

    Args:
        out: the audit's folder.
        changes: another config, of which the distribution block's attacks, confidence and report are used.

    Returns:
        the report; a function of the stored files and the config alone.

    Raises:
        StoreError: if the folder holds no whole audit.
        ConfigError: if a method is unknown or needs what is not there.
    """
    folder = AuditFolder(out)
    manifest = read_manifest(folder.manifest)
    config = stored_config(manifest, changes)
    settings = config.distribution
    assert settings is not None  # the config has checked
    claim, params = (None, None) if draws_anew(settings) else stored_claim(manifest)
    sections = distribution_sections(out, changes=changes)
    if params is not None and claim is not None:
        computed = claim_finding(params, delta=claim.delta)
        sections += [Section(kind="games", title="What the claim allows", findings=(computed,))]
    report = AuditReport(
        subject=_subject(folder, manifest),
        claim=claim,
        sections=tuple(sections),
        provenance=_provenance(manifest, config, read_worlds(folder.worlds)),
    )
    return with_games(report, confidence=config.confidence)


def draws_anew(settings: DistributionConfig) -> bool:
    """Whether a defense draws training sets anew, after which DP-SGD's guarantee is about copies and not about people."""
    return settings.defense is not None and settings.defense.name == Resampling.name


def distribution_sections(out: Path, *, changes: AuditConfig | None = None) -> list[Section]:
    """Return the sections on the distribution that the models of a folder were trained for.

    Args:
        out: the folder of the distribution audit, whose own manifest says what they were trained for.
        changes: another config, of which the distribution block's attacks and the confidence are used.

    Raises:
        StoreError: if the folder holds no whole audit.
    """
    folder = AuditFolder(out)
    manifest = read_manifest(folder.manifest)
    config = stored_config(manifest, changes)
    settings = config.distribution
    assert settings is not None  # the config has checked
    stored = read_worlds(folder.worlds)
    check_draws(folder.worlds, stored, str(manifest.design["draws"]))
    attacks = distribution_attacks(settings, config.access)
    said = read_said(folder, stored, has_scores=config.access != "label", of_weights=weight_signals(attacks))
    on_worlds = [attack for attack in attacks if attack.answers == "world"]
    controls = _control_findings(said, on_worlds, config.confidence)
    notes = (
        *channel_warnings(_channels(said), stored.design.names),
        *_of_the_control(controls, has_control=stored.design.control is not None),
        *_of_the_training(said, settings),
        *_relaxations(settings),
        *manifest.remarks,
    )
    told = _told_apart(said, attacks, settings, confidence=config.confidence)
    sections = [Section(kind="distribution", title=section_title(settings, stored), findings=tuple(told), notes=notes)]
    if controls:
        sections += [Section(kind="distribution", title="Control: two worlds that are the same", findings=controls)]
    return sections


def _told_apart(
    said: Said, attacks: Sequence[DistributionAttack], settings: DistributionConfig, *, confidence: float
) -> list[Finding]:
    """Every attack on every world against the base, then the ratio, then what needs no model."""
    design = said.worlds.design
    others = [world for world in range(1, design.n_worlds) if world != design.control]
    on_worlds = [attack for attack in attacks if attack.answers == "world"]
    each = 1 - (1 - confidence) / max(1, len(on_worlds) * len(others))
    findings = [
        comparison_finding(play(attack, said, world), said.worlds, world, confidence=each)
        for world in others
        for attack in on_worlds
    ]
    if said.worlds.graphs is not None:
        has_zipf = settings.graphs is not None and settings.graphs.zipf
        findings = [with_draws_leaked(finding, said.worlds.graphs, has_zipf=has_zipf) for finding in findings]
    findings += [ratio_finding(attack, said) for attack in attacks if attack.answers == "ratio"]
    findings += channel_findings(said.worlds, _channels(said), confidence=confidence)
    if said.worlds.graphs is not None:
        return [of_graphs(finding, said.worlds.graphs) for finding in findings]
    if settings.property is None:
        return findings
    return [_with_property(finding, property_name(settings.property)) for finding in findings]


def _channels(said: Said) -> list[WorldChannel]:
    return [channel for channel in channels_of(said.worlds) if channel.world != said.worlds.design.control]


def _with_property(finding: Finding, name: str) -> Finding:
    return replace(finding, params={"property": name, **finding.params})


def _control_findings(said: Said, attacks: Sequence[DistributionAttack], confidence: float) -> tuple[Finding, ...]:
    """The same attacks on two worlds of one law."""
    design = said.worlds.design
    if design.control is None:
        return ()
    controls = [
        control_finding(
            play(attack, said, design.control),
            said.worlds,
            confidence=confidence,
            level=CONTROL_LEVEL,
            n_looks=len(attacks),
        )
        for attack in attacks
    ]
    graphs = said.worlds.graphs
    return tuple(control if graphs is None else of_graphs(control, graphs) for control in controls)


def _of_the_control(controls: Sequence[Finding], *, has_control: bool) -> tuple[str, ...]:
    """Say where the control is missing, or is told apart although nothing should."""
    if not has_control:
        return ("No control was run (control: false): nothing shows that equal worlds are not told apart",)
    failed = [finding.method for finding in controls if not stays_with_guessing(finding)]
    if not failed:
        return ()
    warning = (
        f"Warning: two worlds of one population are told apart by {', '.join(failed)}: something other than the population tells these "
        "models apart, and no number of this section can be trusted until that is found."
    )
    return (warning,)


def _of_the_training(said: Said, settings: DistributionConfig) -> tuple[str, ...]:
    """Say who trained on what."""
    if said.worlds.graphs is not None:
        return (*graph_notes(said), JOINTLY)
    apart = SHARED if settings.adversary.overlap else TRAINED_APART
    return (apart, JOINTLY, *_of_the_models(said, settings))


def _of_the_models(said: Said, settings: DistributionConfig) -> tuple[str, ...]:
    """Say how many records have the property, and how well the audited models do what they were trained for."""
    stored, design = said.worlds, said.worlds.design
    victims, asked = design.rows(TARGET, 0), design.query_world == 0
    right = float(
        (said.predicted[np.ix_(victims, np.flatnonzero(asked))] == stored.labels[design.query_records[asked]]).mean()
    )
    sizes = sorted({int(n) for n in design.sizes()[design.rows(TARGET)]})
    shown = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    size = (
        f"{len(victims)} audited models per world train on {shown} records each; those of {design.names[0]} answer {right:.1%} of its "
        "query records rightly"
    )
    notes = [size]
    if settings.property is not None:
        notes.append(
            f"{int(stored.has_property.sum()):,} of {len(stored.labels):,} records have the property {property_name(settings.property)}"
        )
    return tuple(notes)


def _relaxations(settings: DistributionConfig) -> tuple[str, ...]:
    """Say in what the adversary's models differ from the audited ones, and which defense there was."""
    adversary, notes = settings.adversary, []
    if adversary.model is not None:
        notes.append(f"Shadow models are of another architecture ({adversary.model.build})")
    if adversary.recipe is not None:
        notes.append("Shadow models are trained by another recipe")
    if adversary.drop:
        notes.append(f"Shadow models do not see {', '.join(adversary.drop)}")
    if adversary.overlap:
        notes.append(f"{adversary.overlap:.0%} of the adversary's training pool is also the audited models'")
    if adversary.n_records is not None:
        notes.append(f"Shadow models train on {adversary.n_records} records")
    if draws_anew(settings):
        notes.append(RESAMPLED)
    if settings.defense is not None:
        knows = "knows it and trains shadow models with it" if adversary.knows_defense else "does not know it"
        notes.append(f"Defense: {settings.defense.name}; the adversary {knows}")
    if settings.property is not None:
        n = settings.n_records
        rounded = [ratio for ratio in settings.ratios if abs(round(ratio * n) / n - ratio) > 1e-9]
        if rounded:
            shown = ", ".join(f"{ratio:g} as {round(ratio * n)} of {n}" for ratio in rounded)
            notes.append(f"Ratios are rounded to whole records: {shown}")
    if settings.poison is not None:
        notes += [text] if (text := rounded_text(settings.poison.share, settings.n_records)) else []
    if settings.class_balance == "free" and settings.worlds is None:
        notes.append(
            "Classes are taken as they come: their shares change with the ratio where they depend on the property"
        )
    return tuple(notes)


def _subject(folder: AuditFolder, manifest: Manifest) -> Subject:
    """Name the models that were audited; their digest is over all victims."""
    design = read_worlds(folder.worlds).design
    sha = hashlib.sha256()
    for row in design.rows(TARGET).tolist():
        path = folder.model(row)
        if not path.exists():
            raise StoreError(f"{path} is missing. Run the same command again; only it is trained again.")
        sha.update(path.read_bytes())
    build = str(manifest.recipe["model"]["build"]).rpartition(":")[2]
    return Subject(
        name=f"{build} on {manifest.data['name']}", model_digest=sha.hexdigest(), data_digest=manifest.data["digest"]
    )


def _provenance(manifest: Manifest, config: AuditConfig, stored: StoredWorlds) -> dict[str, Any]:
    design = stored.design
    names = ("trainer", "group_size", "precision", "compiled", "device_type")
    return {
        "seed": design.seed,
        "worlds": {
            "names": list(design.names),
            "sizes": [
                sorted({int(n) for n in design.sizes()[design.rows(TARGET, world)]}) for world in range(design.n_worlds)
            ],
            "n_queries": len(design.query_records),
            "n_records": len(stored.labels),
            "with_property": int(np.sum(stored.has_property)),
        },
        "models": {
            "shadows": len(design.rows(SHADOW)),
            "victims": len(design.rows(TARGET)),
            **{name: manifest.recipe[name] for name in names},
        },
        "versions": dict(manifest.versions),
        "analysed_with": library_versions(ANALYSIS_LIBRARIES),
        "digests": manifest.digests(),
        "config": config.model_dump(mode="json", exclude={"out", "device", "engine", *OF_MEMBERSHIP}),
    }
