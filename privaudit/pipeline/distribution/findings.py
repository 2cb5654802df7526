"""From what models of two worlds said to the findings of a report."""

from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.estimators import (
    accuracy_metrics,
    auc,
    auc_interval,
    control_metric,
    n_leaked_metrics,
    roc_curve,
    world_counts,
)
from privaudit.games.declared import declared_world_inputs
from privaudit.games.relations_distribution import replaced_records
from privaudit.interfaces import DistributionAttack
from privaudit.pipeline.distribution.inputs import Said
from privaudit.store.world_file import StoredWorlds
from privaudit.types import AttackResult, Finding, Metric
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.report import POISONED_WORLDS
from privaudit.types.worlds import WorldDesign

POOLS_HELD = "shadow models and pools of records held fixed"
AUC_RULE = (
    "Mann-Whitney rank form, ties half; Wilson interval on the distribution-free variance bound, approximate, too short with "
    f"fewer than about 15 victims per world; victims are independent trainings, with {POOLS_HELD}"
)
NO_TRIALS = "each victim's score depends on all victims, which therefore are no independent trials: no interval"


def play(attack: DistributionAttack, said: Said, world: int) -> AttackResult:
    """Let an attack tell the victims of a world from those of the base; it is never told which is which.

    Args:
        attack: answers ``world``.
        said: what all models said.
        world: place of the other world.

    Returns:
        one score per victim, ``label`` 1 for those of the other world.
    """
    inputs, victims = said.between(world)
    answer = attack.run(declared_world_inputs(attack, inputs))
    return AttackResult(
        attack=attack.name,
        params=params_of(attack),
        target=-1,
        scores=answer.scores,
        label=(said.worlds.design.world[victims] == world).astype(np.uint8),
        unit_ids=victims,
        unit="model",
        game=attack.game if said.worlds.design.poison is None else POISONED_WORLDS,
        access=attack.access,
        notes=answer.notes,
    )


def params_of(attack: DistributionAttack) -> dict[str, Any]:
    """Return an attack's parameters as JSON-able values."""
    if not is_dataclass(attack):
        return {}
    return {field.name: getattr(attack, field.name) for field in fields(attack) if field.init}


def comparison_finding(result: AttackResult, stored: StoredWorlds, world: int, *, confidence: float) -> Finding:
    """Put an attack's outcome on a comparison into a finding.

    Args:
        result: scores and truth.
        stored: who was trained on what.
        world: place of the other world.
        confidence: of each interval.
    """
    design = stored.design
    n_in = int(result.label.sum())
    metrics = [*accuracy_metrics(result.scores, result.label, confidence=confidence), _auc(result, confidence)]
    if result.params.get("decision") == "transductive":  # scores that depend on all victims are no independent trials
        metrics = [replace(metric, lower=None, upper=None, confidence=None, rule=NO_TRIALS) for metric in metrics]
    if design.ratios is not None:
        metrics += n_leaked_metrics(metrics[0], design.ratios[0], design.ratios[world])
    return Finding(
        id=f"{result.attack}-{world}",
        method=result.attack,
        params={**comparison_params(stored, world), **_counts_of(result), **result.params},
        game=result.game,
        access=result.access,
        unit="model",
        n_in=n_in,
        n_out=len(result.label) - n_in,
        metrics=tuple(metrics),
        roc=roc_curve(result.scores, result.label),
        notes=result.notes,
    )


def _counts_of(result: AttackResult) -> dict[str, int]:
    """The counts from which a gate makes its own interval; none where victims are no independent trials."""
    if result.params.get("decision") == "transductive":
        return {}
    counts = world_counts(result.scores, result.label)
    return {name: getattr(counts, name) for name in ("tp", "fn", "fp", "tn")}


def comparison_params(stored: StoredWorlds, world: int) -> dict[str, Any]:
    """Return what was told apart, as JSON-able values.

    Args:
        stored: who was trained on what.
        world: place of the other world.
    """
    design = stored.design
    sizes = design.sizes()[design.rows(TARGET, 0, world)]
    params: dict[str, Any] = {
        "world": world,
        "world_0": design.names[0],
        "world_1": design.names[world],
        "n_shadows": len(design.rows(SHADOW, 0, world)),
        "n_records": int(sizes.min()) if sizes.min() == sizes.max() else None,
    }
    if design.ratios is not None:
        params |= {"ratio_0": design.ratios[0], "ratio_1": design.ratios[world]}
        params["n_replaced"] = n_replaced(stored, world)
    if design.poison is not None:
        params["poison"] = asdict(design.poison)
    return params


def n_replaced(stored: StoredWorlds, world: int) -> int | None:
    """Return how many records of a training set turn a draw of the base into one of another world; ``None`` if not fixed.

    Draws hold fixed numbers of records with and without the property, of fixed classes where these are balanced, and within
    such a cell all records are alike: two draws can be chosen to share all but those by which their cells differ.

    Args:
        stored: who was trained on what.
        world: place of the other world.
    """
    n_classes = int(stored.labels.max()) + 1
    cells = stored.has_property * n_classes + stored.labels
    by_class = [_counts(stored.design, each, cells, 2 * n_classes) for each in (0, world)]
    by_property = [_counts(stored.design, each, stored.has_property.astype(np.int64), 2) for each in (0, world)]
    for base, other in (by_class, by_property):
        if all((counts == counts[0]).all() for counts in (base, other)) and base[0].sum() == other[0].sum():
            return replaced_records(base[0], other[0])
    return None


def _counts(design: WorldDesign, world: int, codes: NDArray[np.int64], n_codes: int) -> NDArray[np.int64]:
    rows = [design.members[row] for row in design.rows(TARGET, world).tolist()]
    return np.stack([np.bincount(codes[own], minlength=n_codes) for own in rows])


def control_finding(
    result: AttackResult, stored: StoredWorlds, *, confidence: float, level: float, n_looks: int
) -> Finding:
    """Put an attack's outcome on two worlds of one law into a finding.

    Args:
        result: scores and truth.
        stored: who was trained on what.
        confidence: of the interval of the accuracy.
        level: chance that guessing stays in its region, over all looks together.
        n_looks: attacks that the region is shared by.
    """
    assert stored.design.control is not None
    found = comparison_finding(result, stored, stored.design.control, confidence=confidence)
    kept = tuple(metric for metric in found.metrics if not metric.name.startswith("n_leaked"))
    guessing = control_metric(result.scores, result.label, level=level, n_looks=n_looks)
    return Finding(
        id=f"{result.attack}-control",
        method=result.attack,
        params={**found.params, "is_control": True},
        game=found.game,
        access=found.access,
        unit="model",
        n_in=found.n_in,
        n_out=found.n_out,
        metrics=(*kept, guessing),
        notes=found.notes,
    )


def _auc(result: AttackResult, confidence: float) -> Metric:
    value = auc(result.scores, result.label)
    n_in = int(result.label.sum())
    lower, upper = auc_interval(value, n_in, len(result.label) - n_in, confidence=confidence)
    return Metric(name="auc", value=value, lower=lower, upper=upper, confidence=confidence, rule=AUC_RULE)


def stays_with_guessing(finding: Finding) -> bool:
    """Tell whether a control's right answers lie where guessing would keep them."""
    guessing = next(metric for metric in finding.metrics if metric.name == "control_accuracy")
    assert guessing.value is not None and guessing.lower is not None and guessing.upper is not None
    return guessing.lower <= guessing.value <= guessing.upper
