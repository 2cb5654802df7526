"""What the challenger prepares before it trains: a secret, the training set that hangs on it, and the side knowledge.

A law is a function ``(rng, n) -> (n, ...)`` that draws records. Every stage offers all it knows; what reaches the adversary is
what the game declares.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.games.game import Game
from privaudit.types import Neighbouring

Records = NDArray[Any]
Law = Callable[[np.random.Generator, int], Records]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A prepared play.

    Attributes:
        secret: what is to be guessed.
        data: ``(n, ...)`` the training set.
        side: name -> what an adversary may know, declared or not.
        world: 0 or 1 where the game counts wins apart in two worlds.
    """

    secret: Any
    data: Records
    side: Mapping[str, Any] = field(default_factory=dict)
    world: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How plays are prepared.

    Attributes:
        plays: ids of the games that it can prepare.
        draw: makes one play.
    """

    plays: frozenset[str]
    draw: Callable[[np.random.Generator, Game], Staged]


def draw_secret(rng: np.random.Generator, game: Game) -> Any:
    """Draw a value from the prior of the game's secret.

    Raises:
        UnsupportedError: if it has none.
    """
    prior = game.secret.prior
    if not prior:
        raise UnsupportedError(f"the secret of {game.id} has no prior; give one (with_secret).")
    return game.secret.value(int(np.searchsorted(np.cumsum(prior)[:-1], rng.random(), side="right")))


def _bit(rng: np.random.Generator, game: Game) -> int:
    return int(draw_secret(rng, game))


def _put(rng: np.random.Generator, record: Any, rest: Records) -> Records:
    """A record among others, at a random place: order says nothing."""
    return np.insert(rest, int(rng.integers(len(rest) + 1)), record, axis=0)


def _without(rng: np.random.Generator, game: Game, record: Any, rest: Records, other: Callable[[], Any]) -> Records:
    """The training set of world 0, in which something stands for the record, or nothing does."""
    if game.adjacency is Neighbouring.ADD_REMOVE:
        return rest
    return _put(rng, np.zeros_like(record) if game.adjacency is Neighbouring.ZERO_OUT else other(), rest)


def membership(law: Law, n: int, *, poison: Records | None = None) -> Stage:
    """A random record, member or not, among ``n - 1`` others of its law.

    Args:
        law: of the records.
        n: size of the training set with the record.
        poison: ``(n_poison, ...)`` records that the adversary adds, for the game ``poisoned_membership``.
    """

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        bit, record, rest = _bit(rng, game), law(rng, 1)[0], law(rng, n - 1)
        data = _put(rng, record, rest) if bit else _without(rng, game, record, rest, lambda: law(rng, 1)[0])
        side = {"record": record, "law": law, "size": n, "prior": game.secret.prior, "rest": rest, "poison": poison}
        return Staged(secret=bit, data=data if poison is None else np.concatenate([data, poison]), side=side, world=bit)

    return Stage(
        plays=frozenset({"membership", "membership_prior"} if poison is None else {"poisoned_membership"}), draw=draw
    )


def one_record(record: Any, rest: Records | Callable[[np.random.Generator], Records], other: Any = None) -> Stage:
    """A fixed record, there or not, for `membership_worst_case` and `strong_membership`.

    Args:
        record: the record.
        rest: ``(n - 1, ...)`` the others, or a function that draws them.
        other: what stands in its place under the relation ``replace_one``.
    """

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        if other is None and game.adjacency is Neighbouring.REPLACE_ONE:
            raise ConfigError("under replace_one another record stands in for the record; give other.", key="other")
        bit, others = _bit(rng, game), rest(rng) if callable(rest) else np.asarray(rest)
        data = _put(rng, record, others) if bit else _without(rng, game, record, others, lambda: other)
        return Staged(
            secret=bit, data=data, side={"record": record, "rest": others, "size": len(others) + 1}, world=bit
        )

    return Stage(plays=frozenset({"membership_worst_case", "strong_membership"}), draw=draw)


def chosen_pair(data_0: Records, data_1: Records) -> Stage:
    """Two neighbouring training sets of the adversary's choice, for `distinguishing`.

    Args:
        data_0: ``(n, ...)`` the training set of world 0.
        data_1: that of world 1; a neighbour of it under the game's relation, in any order.
    """
    pair = (np.asarray(data_0), np.asarray(data_1))

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        _check_neighbours(*pair, game)
        bit = _bit(rng, game)
        return Staged(secret=bit, data=pair[bit], side={"data_sets": pair}, world=bit)

    return Stage(plays=frozenset({"distinguishing"}), draw=draw)


def _check_neighbours(data_0: Records, data_1: Records, game: Game) -> None:
    counts = [Counter(np.ascontiguousarray(row).tobytes() for row in data) for data in (data_0, data_1)]
    apart = sorted(sum((one - other).values()) for one, other in (counts, counts[::-1]))
    wanted = [0, 1] if game.adjacency is Neighbouring.ADD_REMOVE else [1, 1]
    if apart not in (wanted, [0, 0]):
        raise ConfigError(
            f"the training sets must be neighbours under {game.adjacency}; {apart[0]} and {apart[1]} records are in one of "
            "them alone.",
            key="data_sets",
        )


def user(records: Records, rest: Records | Callable[[np.random.Generator], Records]) -> Stage:
    """All records of one user or none, for `user_membership`; ``rest`` as in `one_record`."""

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        bit, others = _bit(rng, game), rest(rng) if callable(rest) else np.asarray(rest)
        data = rng.permutation(np.concatenate([others, records])) if bit else others
        return Staged(secret=bit, data=data, side={"user_records": records, "size": len(others)}, world=bit)

    return Stage(plays=frozenset({"user_membership"}), draw=draw)


def canaries(planted: Records, rest: Records) -> Stage:
    """A coin for each canary, one training, for `many_canaries`."""

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        bits = (rng.random(len(planted)) < game.secret.prior[1]).astype(np.int64)
        data = np.concatenate([rest, np.asarray(planted)[bits == 1]])
        if game.adjacency is Neighbouring.ZERO_OUT:
            data = np.concatenate([data, np.zeros_like(planted)[bits == 0]])
        return Staged(secret=bits, data=rng.permutation(data), side={"canaries": planted, "rest": rest})

    return Stage(plays=frozenset({"many_canaries", "canary"}), draw=draw)


def attribute(law: Law, n: int, split: Callable[[Any], tuple[Any, Any]]) -> Stage:
    """A training record (world 1) or a fresh one (world 0), of which the adversary sees a part.

    Args:
        law: of the records.
        n: size of the training set.
        split: from a record to the part that is seen and the one that is guessed.
    """

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        world, record, rest = int(rng.integers(2)), law(rng, 1)[0], law(rng, n - 1)
        seen, hidden = split(record)
        data = _put(rng, record if world else law(rng, 1)[0], rest)
        side = {"known_part": seen, "law": law, "size": n, "rest": rest}
        return Staged(secret=hidden, data=data, side=side, world=world)

    return Stage(plays=frozenset({"attribute_inference", "strong_attribute_inference"}), draw=draw)


def reconstruction(candidates: Sequence[Any], rest: Records) -> Stage:
    """One unknown record among known ones, for both reconstruction games.

    Args:
        candidates: the values of the record in the order of the game's prior; `reconstruction` asks for the value,
            `reconstruction_candidates` for its place.
        rest: ``(n - 1, ...)`` the other training records; may be empty.
    """

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        if len(game.secret.prior) != len(candidates):
            raise ConfigError(
                f"the prior of {game.id} must have one entry per candidate ({len(candidates)}); got "
                f"{len(game.secret.prior)}. Give it with with_secret.",
                key="prior",
            )
        place = int(rng.choice(len(candidates), p=game.secret.prior))
        side = {"rest": rest, "prior": game.secret.prior, "candidates": tuple(candidates)}
        secret = place if game.id == "reconstruction_candidates" else candidates[place]
        return Staged(secret=secret, data=_put(rng, candidates[place], np.asarray(rest)), side=side)

    return Stage(plays=frozenset({"reconstruction", "reconstruction_candidates"}), draw=draw)


def extraction(law: Law, n: int) -> Stage:
    """A training set of which any record will do, for `extraction`."""

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        data = law(rng, n)
        return Staged(secret=data, data=data, side={"law": law, "size": n})

    return Stage(plays=frozenset({"extraction"}), draw=draw)
