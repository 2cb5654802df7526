"""What the attacks on the distribution ask of their inputs and parameters."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, DataError, MissingSignalError, UnsupportedError
from privaudit.types.worlds import WorldInputs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


def check_choice(key: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value that is none of the known ones.

    Raises:
        ConfigError: naming the known ones.
    """
    if value not in (known := tuple(known)):
        raise ConfigError(f"{key} must be {' or '.join(known)}; got {value!r}.", key=key)


def check_clip(clip: float) -> None:
    """Refuse a clip that would cut more than the ends off [0, 1].

    Raises:
        ConfigError: if it is not in (0, 0.5).
    """
    if not 0.0 < clip < 0.5:
        raise ConfigError(f"clip must lie in (0, 0.5), far from 0.5; got {clip}. A usual value is 1e-4.", key="clip")


def check_inputs(inputs: WorldInputs, attack: str, *, fewest: int, is_binary: bool = True) -> None:
    """Refuse inputs that an attack cannot serve.

    Args:
        inputs: what the attack may see.
        attack: its name, for the message.
        fewest: shadow models that it needs of each world.
        is_binary: whether it tells two worlds apart, and no more.

    Raises:
        UnsupportedError: if there are other than two worlds, or too few shadow models of one.
        DataError: if there is no query, or a class has no probability.
    """
    if is_binary and inputs.n_worlds != 2:
        raise UnsupportedError(f"{attack} tells two worlds apart; got {inputs.n_worlds}. Compare them in pairs.")
    counts = np.bincount(inputs.shadow_world, minlength=inputs.n_worlds)
    if counts.min() < fewest:
        raise UnsupportedError(
            f"{attack} needs {fewest} shadow models of every world; world {counts.argmin()} has {counts.min()}. "
            "Train more (distribution.n_shadows)."
        )
    if not inputs.shadows.shape[1]:
        raise DataError(f"{attack} needs query records; got none. Draw some of each world (distribution.n_queries).")
    n_classes = inputs.shadows.shape[2]
    for name, labels in (("query_label", inputs.query_label), ("victim_labels", inputs.victim_labels)):
        if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
            raise DataError(
                f"{name} must lie in 0..{n_classes - 1}, a probability each; got {labels.min()}..{labels.max()}."
            )


def query_sets(inputs: WorldInputs, attack: str) -> tuple[Bools, Bools]:
    """Return which queries were drawn from world 0, and which from world 1.

    Raises:
        DataError: if one of the two worlds gave no query.
    """
    sets = (inputs.query_world == 0, inputs.query_world == 1)
    for world, chosen in enumerate(sets):
        if not chosen.any():
            raise DataError(f"{attack} needs query records of both worlds; world {world} gave none.")
    return sets


def victim_probabilities(inputs: WorldInputs, attack: str) -> Floats:
    """Return ``(n_victims, n_queries, n_classes)`` probabilities.

    Raises:
        MissingSignalError: if the victims give labels alone.
    """
    if inputs.victims is None:
        raise MissingSignalError(
            f"{attack} reads probabilities, and the victims give labels alone. Use loss_test, threshold_test or kl_label."
        )
    return inputs.victims


def split_worlds(values: Floats, world: Integers) -> tuple[Floats, Floats]:
    """Return the rows of world 0, and those of world 1."""
    return values[world == 0], values[world == 1]
