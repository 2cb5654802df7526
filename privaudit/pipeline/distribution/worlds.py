"""What the worlds of a distribution audit differ in: a group's value, or a function of the user's."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.config.distribution import PropertyConfig
from privaudit.data.dataset import Dataset
from privaudit.data.user_code import describe_exception, load_function, split_spec
from privaudit.errors import ConfigError, PrivauditError


def property_of(config: PropertyConfig, dataset: Dataset, base: Path | None) -> NDArray[np.bool_]:
    """Return which records have the property.

    Args:
        config: a group and its value, or a function.
        dataset: the records.
        base: folder of a relative file.

    Returns:
        ``(n_records,)``.

    Raises:
        ConfigError: if no record, or every one, has it, or the function does not return one boolean per record.
    """
    has = _of_group(config, dataset) if config.function is None else _of_function(config.function, dataset, base)
    if has.all() or not has.any():
        raise ConfigError(
            f"{'every' if has.all() else 'no'} record of {dataset.name} has the property {property_name(config)}; worlds of "
            "another ratio cannot be drawn.",
            key="distribution.property",
        )
    return has


def property_name(config: PropertyConfig) -> str:
    """Return what to call the property.

    >>> property_name(PropertyConfig(group="sex", value="Female"))
    'sex = Female'
    """
    return f"{config.group} = {config.value}" if config.function is None else config.function.rpartition(":")[2]


def _of_group(config: PropertyConfig, dataset: Dataset) -> NDArray[np.bool_]:
    assert config.group is not None  # the config has checked that there is one or a function
    values = dataset.groups[config.group]  # loading the data refused a group that is not there
    has = values == config.value
    if not has.any():
        known = ", ".join(np.unique(values)[:8].tolist())
        raise ConfigError(
            f"group {config.group} of {dataset.name} has no value {config.value!r}; it has {known}.",
            key="distribution.property.value",
        )
    return np.asarray(has)


def _of_function(spec: str, dataset: Dataset, base: Path | None) -> NDArray[np.bool_]:
    first, again = (_booleans(spec, dataset, base) for _ in range(2))
    if not np.array_equal(first, again):
        raise ConfigError(
            f"{spec} says something else when it is called again. Whether a record has the property must not depend on chance.",
            key="distribution.property.function",
        )
    return first


def _booleans(spec: str, dataset: Dataset, base: Path | None) -> NDArray[np.bool_]:
    said = call_user(spec, base, "distribution.property.function", dataset)
    try:
        values = np.asarray(said)
    except ValueError:  # lists of different lengths
        values = np.zeros((0, 0), dtype=np.object_)
    if values.shape != (dataset.n_records,) or values.dtype != np.bool_:
        raise ConfigError(
            f"{spec} must return one true or false per record (booleans, e.g. by a comparison), shape ({dataset.n_records},); got {values.dtype} of shape "
            f"{values.shape}.",
            key="distribution.property.function",
        )
    return values


def transform_of(
    spec: str, dataset: Dataset, base: Path | None
) -> Callable[[int, NDArray[np.int64], int, np.random.Generator], Any]:
    """Return the user's function that draws a training set of a world, with the data set filled in.

    Args:
        spec: ``file.py:function``.
        dataset: the records.
        base: folder of a relative file.
    """
    load_function(spec, base)  # refused now, not at the first draw

    def draw(world: int, pool: NDArray[np.int64], n: int, rng: np.random.Generator) -> Any:
        return call_user(spec, base, "distribution.worlds.draw", dataset, world, pool, n, rng)

    draw.__name__ = spec  # what messages about its answers call it
    return draw


def call_user(spec: str, base: Path | None, key: str, *arguments: Any) -> Any:
    """Call a function of the user's; whatever it raises becomes one line that names it.

    Raises:
        ConfigError: if the function raises.
    """
    function = load_function(spec, base)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
            return function(*arguments)
    except PrivauditError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{describe_exception(error, split_spec(spec, base)[0])}. Mend {spec}.", key=key) from error
