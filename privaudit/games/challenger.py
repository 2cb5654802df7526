"""Plays a game: draws the secret, trains, shows the adversary what is declared, and judges its guess."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.games.game import Game
from privaudit.games.stages import Records, Stage
from privaudit.games.tally import Tally
from privaudit.games.view import View, model_as_seen

Mechanism = Callable[[Records, np.random.Generator], Any]


class Adversary(Protocol):
    """Whoever guesses the secret from a view."""

    def guess(self, view: View) -> Any:
        """Return the guess; ``view["coins"]`` is randomness of the adversary's own."""
        ...


@dataclass(frozen=True, slots=True)
class Guesser:
    """An adversary made of a function.

    >>> Guesser(lambda view: 1).guess({})
    1
    """

    function: Callable[[View], Any]

    def guess(self, view: View) -> Any:
        """Return the function's guess."""
        return self.function(view)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One play.

    Attributes:
        secret: what was drawn.
        world: 0 or 1 where the game counts wins apart.
        view: what the adversary saw.
        guess: what it said.
        won: from 0 to 1.
    """

    secret: Any
    world: int
    view: View
    guess: Any
    won: float

    @property
    def is_won(self) -> bool:
        """Whether the guess was right throughout."""
        return self.won == 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """Plays one game with one mechanism.

    Attributes:
        game: the game.
        stage: draws secret, training set and side knowledge; see `privaudit.games.stages`.
        mechanism: from a training set and a generator to what is published.
        shown: access -> what is seen of that; ``None`` = all of it, whatever the access.

    Raises:
        UnsupportedError: if the game has no adversary, or the stage prepares other games.

    >>> from privaudit.games.catalog import GAMES
    >>> from privaudit.games.stages import chosen_pair
    >>> leaky = Challenger(
    ...     game=GAMES["distinguishing"],
    ...     stage=chosen_pair(np.array([1]), np.array([1, 2])),
    ...     mechanism=lambda data, rng: len(data),
    ... )
    >>> tally = leaky.play_many(np.random.default_rng(0), Guesser(lambda view: int(view["model"] == 2)), 200)
    >>> tally.advantage, tally.interval[0] > 0.9
    (1.0, True)
    """

    game: Game
    stage: Stage
    mechanism: Mechanism
    shown: Mapping[str, Callable[[Any], Any]] | None = None

    def __post_init__(self) -> None:
        """Refuse a stage of another game."""
        if not self.game.is_played:
            raise UnsupportedError(f"{self.game.id} is no game of an adversary; it cannot be played.")
        if self.game.id not in self.stage.plays:
            raise UnsupportedError(
                f"this stage prepares {', '.join(sorted(self.stage.plays))}; got the game {self.game.id}. Take the stage of it."
            )

    def play(self, rng: np.random.Generator, adversary: Adversary) -> Transcript:
        """Play once.

        Raises:
            UndeclaredUseError: if the adversary looks at what the game does not give.
        """
        staged = self.stage.draw(rng, self.game)
        seen = model_as_seen(self.mechanism(staged.data, rng), self.game, self.shown)
        view = View(self.game, staged.side, model=seen, seed=int(rng.integers(2**63)))
        guess = adversary.guess(view)
        won = self.game.win(staged.secret, guess)
        return Transcript(secret=staged.secret, world=staged.world, view=view, guess=guess, won=won)

    def play_many(
        self, rng: np.random.Generator, adversary: Adversary, n_plays: int, *, confidence: float = 0.95
    ) -> Tally:
        """Play independently many times and count the wins.

        Args:
            rng: all randomness.
            adversary: the same in every play.
            n_plays: number of trainings.
            confidence: of the interval of the advantage.

        Raises:
            ConfigError: if there is no play.
            UnsupportedError: if a world does not come up.
            UndeclaredUseError: if the adversary looks at what the game does not give.
        """
        if n_plays < 1:
            raise ConfigError(f"n_plays must be at least 1; got {n_plays}.", key="n_plays")
        wins, plays, is_counted = [0.0] * self.game.n_worlds, [0] * self.game.n_worlds, True
        for _ in range(n_plays):
            one = self.play(rng, adversary)
            world = one.world if self.game.n_worlds == 2 else 0
            wins[world] += one.won
            plays[world] += 1
            is_counted = is_counted and one.won in (0.0, 1.0)
        return Tally(game=self.game, wins=tuple(wins), plays=tuple(plays), is_counted=is_counted, confidence=confidence)
