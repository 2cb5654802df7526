"""What a defense does to the training sets and the answers of each side."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.config.distribution import DistributionConfig
from privaudit.data.dataset import Dataset
from privaudit.data.world_layout import Treat
from privaudit.defenses.base import DataDefense, OutputDefense, Release, told
from privaudit.defenses.resampled_counts import fixed_size
from privaudit.defenses.resampling import Resampling
from privaudit.errors import ConfigError, DataError
from privaudit.registry import create_defense
from privaudit.types.design import SHADOW, TARGET


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Defended:
    """A defense, applied to the audited models, and to shadow models if the adversary knows it.

    Attributes:
        treat: what it does to a training set, ``None`` = nothing.
        output: what it does to answers, ``None`` = nothing.
        knows: whether the adversary knows it.
    """

    treat: Treat | None
    output: Release | None
    knows: bool

    def release(self, role: str) -> Release | None:
        """What it does to the answers of a side's models."""
        return None if role == SHADOW and not self.knows else self.output


def defended_by(settings: DistributionConfig, data: Dataset, has_property: NDArray[np.bool_]) -> Defended:
    """Build the defense of an audit.

    Args:
        settings: the distribution block.
        data: the records.
        has_property: ``(n_records,)`` True for records with the property.

    Raises:
        ConfigError: if the defense or a parameter of it is unknown, or it needs a property and there is none.
    """
    knows = settings.adversary.knows_defense
    if settings.defense is None:
        return Defended(treat=None, output=None, knows=knows)
    numbers = {TARGET: settings.n_records, SHADOW: settings.adversary.n_records or settings.n_records}
    by_role = {role: create_defense(settings.defense.name, _params(settings, n)) for role, n in numbers.items()}
    if isinstance(by_role[TARGET], OutputDefense):
        return Defended(treat=None, output=partial(told, by_role[TARGET]), knows=knows)
    if not isinstance(by_role[TARGET], DataDefense):
        raise ConfigError(
            f"distribution.defense takes what changes training sets or answers; {settings.defense.name} changes the recipe. Put it "
            "under defenses (`privaudit defend`), or write the recipe so.",
            key="distribution.defense",
        )

    def treat(
        role: str, positions: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if role == SHADOW and not knows:
            return positions, data.labels[positions]
        treated: tuple[NDArray[np.int64], NDArray[np.int64]]
        treated = by_role[role].treat(positions, has_property, data.labels, rng)
        return treated

    return Defended(treat=treat, output=None, knows=knows)


def _params(settings: DistributionConfig, n_records: int) -> dict[str, Any]:
    """Return the defense's parameters for a side whose training sets hold so many records before it.

    Re-sampling gets a size that is the same for all worlds where none is given, and takes classes as the worlds do.
    """
    assert settings.defense is not None
    params = dict(settings.defense.params)
    if settings.defense.name != Resampling.name:
        return params
    if settings.worlds is not None:
        raise ConfigError(
            "defense resampling needs a property, and distribution.worlds are no ratios. Leave it out.",
            key="distribution.defense",
        )
    params.setdefault("keeps_classes", settings.class_balance == "fixed")
    if "size" not in params:
        create_defense(settings.defense.name, {**params, "size": "varying"})  # refuses what is unknown, by its name
        counts = [(round(ratio * n_records), n_records - round(ratio * n_records)) for ratio in settings.ratios]
        plain = Resampling(size="varying", **params)
        try:
            params["size"] = fixed_size(counts, plain.ratio, plain.kind)
        except DataError as error:  # a world without a record of one kind
            raise ConfigError(f"defense resampling: {error}", key="distribution.defense") from None
    return params
