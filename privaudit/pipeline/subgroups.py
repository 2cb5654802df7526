"""Who is at risk: groups and single records, from models in the target's role.

Shadow models that are neither a target nor a target's complement play the target, so that every record has several
outcomes and none of them is about the target's own coins. Where too few are left, and for a released model, the targets
themselves are looked at.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privaudit.config import AuditConfig
from privaudit.errors import UnsupportedError
from privaudit.estimators import auc
from privaudit.games.declared import run_declared
from privaudit.interfaces import Attack, AuditInputs
from privaudit.pipeline.group_risk import group_findings, splits_of
from privaudit.pipeline.primary import MAX_PLAYED, Primary, guesses_membership
from privaudit.pipeline.record_risk import agreement_finding, records_finding
from privaudit.pipeline.released import is_released
from privaudit.pipeline.reliability import Played, play_shadows
from privaudit.types import Finding, Section
from privaudit.types.design import TARGET
from privaudit.types.report import POISONED

TITLE = "Who is at risk"
FEWEST_IN_PUBLIC = 20  # records of a group whose rates a public report shows
PUBLIC_NOTE = f"Reports for the public list no records, and no groups of fewer than {FEWEST_IN_PUBLIC}."
NOBODY_NEEDED = (
    "Differences between groups say who is found more easily by this attack, not why; a group that stands out may do so "
    "because of what else its records have in common."
)


def subgroup_sections(
    config: AuditConfig, inputs: AuditInputs, attacks: Sequence[Attack], primary: Primary | None
) -> tuple[Section, ...]:
    """Return the section on groups and single records.

    Args:
        config: confidence, and the report's audience.
        inputs: everything measured.
        attacks: of the audit.
        primary: the attack that groups are judged by; ``None`` = the one with the largest AUC where shadows play the target.
    """
    is_public = config.report.audience == "public"
    # an attack on models with poison has scores of some records only
    guessing = [attack for attack in attacks if guesses_membership(attack) and attack.game != POISONED]
    played = [(attack.name, *_played(attack, inputs)) for attack in guessing]
    leading = primary.attack if primary else _leading(guessing, inputs)
    name, scores, who = next(one for one in played if one[0] == leading)
    splits, notes = splits_of(_groupings(inputs))
    shown = [split for split in splits if not is_public or split.rows.sum() >= FEWEST_IN_PUBLIC]
    params = {"played": who, "n_models": len(scores.scores)}
    groups = group_findings(
        scores, shown, attack=name, params=params, confidence=config.confidence, seed=inputs.design.seed
    )
    records, why = records_finding(inputs, confidence=config.confidence, names_records=not is_public)
    agreement = agreement_finding([(attack, one) for attack, one, played_by in played if played_by == who])
    findings: list[Finding | None] = [*groups, records, agreement]
    said = (NOBODY_NEEDED, *notes, *([why] if why else []), *([PUBLIC_NOTE] if is_public else []))
    return (Section(kind="subgroups", title=TITLE, findings=tuple(f for f in findings if f is not None), notes=said),)


def _played(attack: Attack, inputs: AuditInputs) -> tuple[Played, str]:
    if not is_released(inputs.design):
        try:
            return play_shadows(attack, inputs), "shadow models in the target's role"
        except UnsupportedError:
            pass
    results = run_declared(attack, inputs, targets=_targets(inputs).tolist())
    scores, label = (np.stack([getattr(result, name) for result in results]) for name in ("scores", "label"))
    return Played(scores, label.astype(bool)), "the audited model" if len(results) == 1 else "audited models"


def _targets(inputs: AuditInputs) -> NDArray[np.int64]:
    """One target of each pair: the other one says the same again."""
    targets = inputs.design.models_with_role(TARGET)
    pair = inputs.design.pair[targets]
    return np.asarray(targets[~np.isin(pair, targets) | (targets < pair)][:MAX_PLAYED])


def _leading(attacks: Sequence[Attack], inputs: AuditInputs) -> str:
    """The attack that is best on shadow models, never on the records that are reported; the first one without shadows."""
    merit: dict[str, float] = {}
    for attack in attacks:
        try:
            played = play_shadows(attack, inputs)
        except UnsupportedError:
            return attacks[0].name
        merit[attack.name] = float(np.mean([auc(*one) for one in zip(played.scores, played.is_in, strict=True)]))
    return max(merit, key=lambda name: merit[name])


def _groupings(inputs: AuditInputs) -> dict[str, NDArray[np.str_]]:
    """The user's groups and the classes, of the records with coins."""
    records = inputs.design.coin_records
    labels = {} if "label" in inputs.groups else {"label": np.array([str(label) for label in inputs.labels[records]])}
    return {name: values[records] for name, values in inputs.groups.items()} | labels
