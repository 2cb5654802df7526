"""What tells worlds apart without any model: the size of training sets, and their share of each class."""

from collections.abc import Sequence

import numpy as np

from privaudit.data.world_channels import WorldChannel, world_channels
from privaudit.estimators import rate_interval
from privaudit.pipeline.distribution.findings import comparison_params
from privaudit.store.world_file import StoredWorlds
from privaudit.types import Finding, Metric

LEVEL = 0.999  # that no channel is named where there is none, over all of them together
RULE = (
    "share of the victims whose world is told rightly by this number alone, each half of them by the threshold that suits the "
    "other half best; no model is looked at; the interval takes all of them as independent trials"
)

WORDS = {"size": "size of the training set", "distinct records": "number of distinct records in the training set"}


def channels_of(stored: StoredWorlds) -> tuple[WorldChannel, ...]:
    """Return every number of training sets that differs between models, for each world against the base.

    Args:
        stored: who was trained on what.
    """
    n_classes = int(stored.labels.max()) + 1
    return tuple(
        channel for channel in world_channels(stored.design, stored.labels, n_classes) if not channel.is_constant
    )


def is_open(channel: WorldChannel, *, n_looks: int) -> bool:
    """Tell whether a number of the victims differs between their worlds by more than chance, all looks considered.

    A size that is one and the same in each world, and another in the other, was not drawn: no chance takes part.

    Args:
        channel: what was found.
        n_looks: numbers looked at.
    """
    return (channel.name == "size" and channel.is_fixed) or channel.p_value <= (1 - LEVEL) / n_looks


def _open_channels(channels: Sequence[WorldChannel]) -> list[WorldChannel]:
    """Those that give worlds away, without class shares that an open size moves by the rounding to whole records."""
    opened = [one for one in channels if is_open(one, n_looks=len(channels))]
    by_size = {one.world for one in opened if one.name == "size"}
    return [one for one in opened if one.name == "size" or one.world not in by_size or one.n_apart > 1.0 + 1e-9]


def channel_findings(stored: StoredWorlds, channels: Sequence[WorldChannel], *, confidence: float) -> list[Finding]:
    """Put what tells worlds apart without a model into findings.

    Args:
        stored: who was trained on what.
        channels: what was found.
        confidence: of each interval.
    """
    found = []
    for channel in channels:
        lower, upper = rate_interval(channel.n_right, channel.n_victims, confidence=confidence)
        metric = Metric(
            name="accuracy", value=channel.accuracy, lower=lower, upper=upper, confidence=confidence, rule=RULE
        )
        found.append(
            Finding(
                id=f"{channel.name.replace(' ', '-')}-{channel.world}",
                method="training_set",
                params={**comparison_params(stored, channel.world), "channel": channel.name},
                game="distribution_inference",
                access=None,
                unit="model",
                n_in=channel.n_victims // 2,
                n_out=channel.n_victims - channel.n_victims // 2,
                metrics=(metric,),
            )
        )
    return found


def channel_warnings(channels: Sequence[WorldChannel], names: Sequence[str]) -> tuple[str, ...]:
    """Name the numbers that give the worlds away, each with the worst of its comparisons.

    Args:
        channels: what was found.
        names: of the worlds.
    """
    found, warnings = _open_channels(channels), []
    for name in sorted(dict.fromkeys(one.name for one in found), key=lambda name: name != "size"):
        opened = [one for one in found if one.name == name]
        worst = opened[int(np.argmax([one.accuracy for one in opened]))]
        what = WORDS.get(name, f"{name} of the training set")
        warnings.append(
            f"Warning: the {what} alone tells the worlds apart (right on {worst.accuracy:.0%} of the models, {names[worst.world]} "
            f"against {names[0]}): what attacks find may be that, and not the property. Keep it fixed, or declare it public."
        )
    return tuple(warnings)
