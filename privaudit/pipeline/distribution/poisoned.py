"""What the adversary adds to every training set: which class is taken, which one is planted, and how a report says it."""

import numpy as np
from numpy.typing import NDArray

from privaudit.config.distribution import DistributionConfig, PoisonConfig
from privaudit.data.dataset import Dataset
from privaudit.data.world_poison import n_added
from privaudit.errors import ConfigError
from privaudit.types.worlds import Poison
from privaudit.validate import nearest

SEEN = 0.05  # of the share: smaller changes by rounding are not worth a note
POISONED_MODELS = "These models were attacked while they were trained, and say nothing on models that were not"


def poison_of(settings: DistributionConfig, data: Dataset, has_property: NDArray[np.bool_]) -> Poison | None:
    """Return the poison of an audit with its classes as numbers, ``None`` where there is none.

    Args:
        settings: the distribution block.
        data: the records.
        has_property: ``(n_records,)`` True for records with the property.

    Raises:
        ConfigError: if a class does not exist, or both are the same.
    """
    if settings.poison is None:
        return None
    wanted = settings.poison
    counts = np.bincount(data.labels[has_property], minlength=data.n_classes)
    planted = None if wanted.planted_class is None else _number(wanted, "planted_class", data)
    true = _most_frequent(counts, planted) if wanted.true_class is None else _number(wanted, "true_class", data)
    if planted is None:
        planted = min((place for place in range(data.n_classes) if place != true), key=lambda place: int(counts[place]))
    if planted == true:
        raise ConfigError(
            f"distribution.poison must plant another class than {data.class_names[true]}, which its records have.",
            key="distribution.poison.planted_class",
        )
    return Poison(share=wanted.share, true_class=true, planted_class=planted)


def poison_text(poison: Poison, class_names: tuple[str, ...] | None = None) -> str:
    """Return in words what was added.

    Args:
        poison: the poison.
        class_names: name of each class, numbers if not given.

    >>> poison_text(Poison(share=0.02, true_class=0, planted_class=1), ("<=50K", ">50K"))
    '2 % of every training set are records with the property and class <=50K that an adversary added as >50K'
    """
    true, planted = (
        str(place) if class_names is None else class_names[place] for place in (poison.true_class, poison.planted_class)
    )
    return (
        f"{100 * poison.share:.3g} % of every training set are records with the property and class {true} that an adversary added as "
        f"{planted}"
    )


def rounded_text(share: float, n_records: int) -> str:
    """Return what rounding to whole records makes of a share, "" where that is hardly seen.

    Args:
        share: of the whole that was asked for.
        n_records: that an audited model draws.

    >>> rounded_text(0.01, 60), rounded_text(0.02, 1000)
    ('Poison is rounded to whole records: 1 of 61 (1.64 %)', '')
    """
    added = n_added(share, n_records)
    whole = n_records + added
    if abs(added / whole - share) <= SEEN * share:
        return ""
    return f"Poison is rounded to whole records: {added:,} of {whole:,} ({100 * added / whole:.3g} %)"


def _most_frequent(counts: NDArray[np.int64], planted: int | None) -> int:
    """Return the most frequent class of records with the property that is not planted.

    A model is surer of it, and a few records of another class move its log-odds farther: on Adult women of the frequent class
    gave worlds away where those of the rare class gave nothing (`privaudit study poisoning`).
    """
    possible = [place for place in range(len(counts)) if counts[place] and place != planted]
    if not possible:
        raise ConfigError(
            "all records with the property have the class that is planted; name another planted_class.",
            key="distribution.poison.planted_class",
        )
    return max(possible, key=lambda place: int(counts[place]))


def _number(wanted: PoisonConfig, name: str, data: Dataset) -> int:
    value = getattr(wanted, name)
    if value not in data.class_names:
        raise ConfigError(
            f"{data.name} has no class {value!r}; its classes: {', '.join(data.class_names[:8])}.{nearest(value, data.class_names)}",
            key=f"distribution.poison.{name}",
        )
    return data.class_names.index(value)
