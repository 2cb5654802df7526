"""Models added to an audit that is already there: what may grow, and what must stay."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from privaudit.store.manifest import Manifest, check_same
from privaudit.types import AuditDesign
from privaudit.types.design import CONTROL, SHADOW, TARGET

FEWER = "Models can be added to an audit, but none can be taken away; a fresh audit takes another seed, since coins were seen."
BALANCED = (
    "A balanced design cannot be topped up: every record is in half of the models, so more models change all coins."
)
CONTROLS = "Control models can be added to an audit that has none; their number cannot be changed later."


def design_settings(
    design: AuditDesign, *, population: float, n_models: int | None = None, n_controls: int | None = None
) -> dict[str, Any]:
    """Return what a manifest keeps of a design, or of the part of it that a smaller audit would be.

    Args:
        design: the coins.
        population: share of the records held out of every model.
        n_models: first targets and shadows to take; ``None`` = all.
        n_controls: first control models to take; ``None`` = all.
    """
    coins = design.is_in[np.isin(design.role, (SHADOW, TARGET)) & design.is_trained][:n_models]
    controls = design.is_in[design.models_with_role(CONTROL)][:n_controls]
    return {
        "kind": design.kind,
        "n_models": len(coins),
        "n_controls": len(controls),
        "population": population,
        "seed": design.seed,
        "coins": hashlib.sha256(coins.tobytes()).hexdigest(),
        "control_coins": hashlib.sha256(controls.tobytes()).hexdigest(),
        **_released_members(design),
    }


def _released_members(design: AuditDesign) -> dict[str, str]:
    """Return what a manifest keeps of a released model's members; nothing where there is none."""
    rows = design.is_in[~design.is_trained]
    return {"released_members": hashlib.sha256(rows.tobytes()).hexdigest()} if len(rows) else {}


def check_stored(
    stored: Manifest, wanted: Manifest, design: AuditDesign, folder: Path, *, accept_versions: bool = False
) -> None:
    """Refuse stored models that are not models of the audit asked for; that audit may hold more of them.

    Args:
        stored: the manifest in the folder.
        wanted: the manifest of the audit asked for.
        design: its coins.
        folder: for the message.
        accept_versions: use models of other library versions.

    Raises:
        StoreVersionError: names the settings that differ.
    """
    if "n_models" not in stored.design:  # worlds, or canaries: nothing there could be added to
        check_same(stored, wanted, folder, accept_versions=accept_versions)
        return
    why = _why_not(stored, wanted)
    settings = wanted.design if why else _stored_part(stored, wanted, design)
    n_variants = min(len(manifest.recipe["variants"]) for manifest in (stored, wanted))
    # what matters of the memory budget is the groups that came of it
    wanted = replace(wanted, recipe={**wanted.recipe, "memory_gb": stored.recipe.get("memory_gb")})
    before, now = (_with_variants(manifest, n_variants) for manifest in (stored, wanted))
    check_same(before, replace(now, design=settings), folder, accept_versions=accept_versions, why=why)


def _why_not(stored: Manifest, wanted: Manifest) -> str:
    """Say why the stored models are not simply the first ones of the audit asked for; empty if they may be."""
    before, now = stored.design, wanted.design
    if now["n_models"] < before["n_models"]:
        return FEWER
    if now["n_models"] > before["n_models"] and now["kind"] != "paired":
        return BALANCED
    return CONTROLS if before["n_controls"] not in (0, now["n_controls"]) else ""


def _stored_part(stored: Manifest, wanted: Manifest, design: AuditDesign) -> dict[str, Any]:
    """Return the settings of the design asked for, as if it had the stored numbers of models and controls."""
    return design_settings(
        design,
        population=wanted.design["population"],
        n_models=stored.design["n_models"],
        n_controls=stored.design["n_controls"],
    )


def _with_variants(manifest: Manifest, number: int) -> Manifest:
    """Keep the first recipes: the second one, that of the controls, is a function of the first and comes with them."""
    return replace(manifest, recipe={**manifest.recipe, "variants": manifest.recipe["variants"][:number]})
