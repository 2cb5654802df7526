"""What an adversary sees: the fields that its game declares, and no others."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from privaudit.errors import UndeclaredUseError
from privaudit.games.game import Game

ALWAYS = ("model", "coins")  # the model as the access says, and randomness of the adversary's own


class View(Mapping[str, Any]):
    """Fields by name; those that the game does not declare are not in it.

    Args:
        game: says what the adversary knows.
        fields: what the challenger has to offer; what is not declared is left behind, and arrays become read-only.
        model: what the mechanism published, as the access shows it.
        seed: of the adversary's own coins.

    >>> from privaudit.games.catalog import GAMES
    >>> view = View(GAMES["membership"], {"record": 3, "rest": [1, 2]}, model=0.5, seed=0)
    >>> view["record"], "rest" in view
    (3, False)
    """

    __slots__ = ("_coins", "_fields", "_game", "_seed")

    def __init__(self, game: Game, fields: Mapping[str, Any], *, model: Any, seed: int) -> None:
        """Keep what is declared."""
        declared = {name: _read_only(value) for name, value in fields.items() if name in game.adversary_knows}
        self._fields: dict[str, Any] = {**declared, "model": _read_only(model)}
        self._game, self._seed = game, seed
        self._coins: np.random.Generator | None = None

    def __getitem__(self, name: str) -> Any:
        """Return a field.

        Raises:
            UndeclaredUseError: if the game does not give it.
        """
        if name == "coins":
            self._coins = self._coins or np.random.default_rng(self._seed)
            return self._coins
        if name not in self._fields:
            known = ", ".join(sorted(self._game.adversary_knows)) or "nothing"
            why = "was not given to the challenger" if name in self._game.adversary_knows else "is not among it"
            raise UndeclaredUseError(
                f"in the game {self._game.id} the adversary sees the model (access {self._game.access}) and knows {known}; "
                f"{name} {why}. Take a game that gives it, or do without."
            )
        return self._fields[name]

    def __contains__(self, name: object) -> bool:
        """Whether a field is there."""
        return name in self._fields or name == "coins"

    def __iter__(self) -> Any:
        """Names of the fields."""
        return iter((*self._fields, "coins"))

    def __len__(self) -> int:
        """Number of fields."""
        return len(self._fields) + 1


def model_as_seen(published: Any, game: Game, shown: Mapping[str, Callable[[Any], Any]] | None) -> Any:
    """Return what the access lets the adversary see of a published model.

    Args:
        published: by the mechanism.
        game: with its access.
        shown: access -> function that makes what is seen; ``None`` = everything that was published, whatever the access.

    Raises:
        UndeclaredUseError: if there is no function for the access.
    """
    if shown is None:
        return published
    if game.access not in shown:
        raise UndeclaredUseError(
            f"the game {game.id} is played with access {game.access}; the challenger shows {', '.join(shown)} alone. Take one of "
            "them (with_access), or say what is seen."
        )
    return shown[game.access](published)


def _read_only(value: Any) -> Any:
    """An adversary that writes into what it is shown must not change the next play."""
    if isinstance(value, np.ndarray):
        shown = value.view()
        shown.flags.writeable = False
        return shown
    return tuple(map(_read_only, value)) if isinstance(value, tuple) else cast(Any, value)
