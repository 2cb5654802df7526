"""What the defenses that change a recipe share: one new mapping, checked."""

from collections.abc import Mapping
from typing import Any

from privaudit.config.reading import problems_of
from privaudit.config.recipe import RecipeConfig
from privaudit.errors import ConfigError


def changed_recipe(recipe: Mapping[str, Any], changes: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return a recipe with some keys replaced.

    Where changes bring ``steps`` or ``sample_rate`` the recipe's ``epochs`` and ``batch_size`` go, and the other way round.

    Args:
        recipe: the block ``recipe`` of an audit config; it stays as it is.
        changes: keys that are replaced whole.
        name: of the defense, for the message.

    Returns:
        A new mapping, without the keys that are ``None``.

    Raises:
        ConfigError: if no recipe comes out.

    >>> changed_recipe({"epochs": 5, "batch_size": 8}, {"steps": 10, "sample_rate": 0.1}, name="dp_sgd")
    {'steps': 10, 'sample_rate': 0.1}
    """
    pairs = (("steps", "sample_rate"), ("epochs", "batch_size"))
    dropped = {old for new, olds in (pairs, pairs[::-1]) if any(key in changes for key in new) for old in olds}
    merged = {**{key: value for key, value in recipe.items() if key not in dropped}, **changes}
    found = {key: value for key, value in merged.items() if value is not None}
    problems = problems_of(RecipeConfig, found)
    if problems:
        raise ConfigError(f"defense {name} cannot change this recipe: {problems[0]}", key=f"defenses.{name}")
    return found
