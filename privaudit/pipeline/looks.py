"""Who had seen what when an analysis was chosen: only bounds that were fixed before their coins were seen hold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from privaudit.config import AuditConfig
from privaudit.store.manifest import Manifest, write_manifest
from privaudit.types import AuditDesign
from privaudit.types.design import CONTROL, TARGET

ANALYSIS = ("attacks", "estimators", "primary", "confidence")
_SEEN = (
    "after a first report on the same coins: its bounds hold at their confidence only for somebody who had not seen "
    "that report"
)
CHANGED = f"the analysis was changed {_SEEN}"
TOPPED_UP = (
    f"models were added {_SEEN}. Bounds that hold for everybody take design.targets among models that are added after "
    "the last report"
)


def analysis_of(config: AuditConfig, design: AuditDesign) -> dict[str, Any]:
    """Return what an analysis is made of, as the manifest keeps it.

    Args:
        config: names the methods.
        design: what is analysed: its targets and the number of its targets and shadows.
    """
    content = config.model_dump(mode="json")
    return {
        **{part: content[part] for part in ANALYSIS},
        "targets": design.models_with_role(TARGET).tolist(),
        "n_models": int((design.role != CONTROL).sum()),
    }


def with_looks_of(stored: Manifest, wanted: Manifest) -> Manifest:
    """Return the wanted manifest, its one look put after those that a folder's reports have taken.

    Args:
        stored: the manifest in the folder; a look of it that was never reported is forgotten.
        wanted: the manifest of the audit asked for.
    """
    seen = stored.looks if stored.is_reported else stored.looks[:-1]
    (look,) = wanted.looks
    if look in seen:
        return replace(wanted, looks=seen, is_reported=True)
    return replace(wanted, looks=(*seen, look))


def why_spoilt(looks: Sequence[Mapping[str, Any]], analysis: Mapping[str, Any]) -> str | None:
    """Say why an analysis was chosen by somebody who may have seen its coins at work; ``None`` if nobody had.

    A look is unspoilt if every target is a model that no earlier look held; the first look always is. An analysis that
    was not asked for before models were trained or reported is spoilt.

    Args:
        looks: the analyses asked for, in order.
        analysis: one of them, or another one.
    """
    if analysis not in looks:
        return CHANGED
    place = looks.index(analysis)
    models = [int(look["n_models"]) for look in looks[:place]]
    if min(analysis["targets"]) >= max(models, default=0):
        return None
    return TOPPED_UP if max(models) < analysis["n_models"] else CHANGED


def later_report(looks: Sequence[Mapping[str, Any]], analysis: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a note for a report that others came before on the same, smaller audit; each holds by itself only.

    Args:
        looks: the analyses asked for, in order.
        analysis: one of them.
    """
    place = looks.index(analysis)
    if place == 0:
        return ()
    came = "A report came" if place == 1 else f"{place} reports came"
    note = (
        f"{came} before this one on this folder, on fewer models. Its bounds, on targets that no earlier one held, hold at "
        "their own confidence; the bounds of all reports together do not."
    )
    return (note,)


def mark_reported(path: Path, manifest: Manifest) -> None:
    """Note in a folder's manifest that outcomes of its models were seen."""
    if not manifest.is_reported:
        write_manifest(path, replace(manifest, is_reported=True))
