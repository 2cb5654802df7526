"""A privacy game as data: who draws which secret, what is trained on what, what the adversary knows, sees and must guess."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from privaudit.errors import ConfigError
from privaudit.games.rules import Advantage, Baseline, Secret, Win
from privaudit.types import Neighbouring
from privaudit.types.design import Access

DataKind = Literal["iid", "fixed", "adversarial", "poisoned"]
TargetKind = Literal["random", "fixed", "adversarial", "group", "law", "none"]
ACCESSES: tuple[Access, ...] = ("label", "score", "white_box")  # each can be computed from the next one


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """One privacy game. What the adversary sees of the model (``access``) is a parameter and no game of its own.

    Attributes:
        id: readable and unique, as in findings and results.
        symbol: short name in tables and formulas, "" without one.
        title: what it is about, in words.
        secret: what is drawn and guessed.
        data: ``iid``: drawn from the law. ``fixed``: whatever they are. ``adversarial``: the adversary chooses them.
            ``poisoned``: the adversary adds some.
        target: what the secret is about: a ``random`` or ``fixed`` record, one that the adversary chooses
            (``adversarial``), a ``group`` of records, the ``law`` of the data, or ``none`` in particular.
        adjacency: how the two worlds' training sets differ, ``None`` where they do not differ by records.
        adjacencies: relations that the game can be played with; empty where ``adjacency`` is ``None``.
        adversary_knows: names of what the adversary is given; a view holds nothing else.
        access: what the adversary sees of the model.
        accesses: what that may be in this game.
        win: from secret and guess to a number from 0 to 1.
        baseline: the mean win of the best guess without the model.
        advantage: from the rates of wins (per world where the game has two) and the baseline.
        n_worlds: 2 where wins are counted apart in the worlds 0 and 1, else 1.
        is_played: False for what is reported beside the games but has no adversary.
        description: the steps, in one or two sentences.

    Raises:
        ConfigError: if access or adjacency is none that the game can be played with.

    Source: anatomy and names after Salem et al., "SoK: Let the Privacy Games Begin!", IEEE S&P 2023; formulas are ours.
    """

    id: str
    symbol: str
    title: str
    secret: Secret
    data: DataKind
    target: TargetKind
    adjacency: Neighbouring | None
    adjacencies: tuple[Neighbouring, ...] = ()
    adversary_knows: frozenset[str]
    access: Access = "score"
    accesses: tuple[Access, ...] = ACCESSES
    win: Win
    baseline: Baseline
    advantage: Advantage
    n_worlds: Literal[1, 2] = 1
    is_played: bool = True
    description: str

    def __post_init__(self) -> None:
        """Refuse what the game cannot be played with."""
        if self.access not in self.accesses:
            raise ConfigError(
                f"the game {self.id} is played with access {' or '.join(self.accesses)}; got {self.access!r}.",
                key="access",
            )
        allowed: tuple[Neighbouring | None, ...] = self.adjacencies or (None,)
        if self.adjacency not in allowed:
            shown = " or ".join(map(str, allowed)).replace("None", "no relation")
            raise ConfigError(f"the game {self.id} is played with {shown}; got {self.adjacency}.", key="adjacency")

    def with_access(self, access: Access) -> "Game":
        """Return the game where the adversary sees something else of the model.

        Raises:
            ConfigError: if the game cannot be played so.
        """
        return replace(self, access=access)

    def with_adjacency(self, adjacency: Neighbouring) -> "Game":
        """Return the game where the two training sets differ in another way.

        Raises:
            ConfigError: if the game cannot be played so.
        """
        return replace(self, adjacency=adjacency)

    def with_secret(self, **changes: Any) -> "Game":
        """Return the game with another prior, other values or another size of the secret.

        Raises:
            ConfigError: if the prior is no law.
        """
        return replace(self, secret=replace(self.secret, **changes))

    def with_win(self, win: Win, baseline: Baseline) -> "Game":
        """Return the game with another rule of winning and the baseline that belongs to it."""
        return replace(self, win=win, baseline=baseline)
