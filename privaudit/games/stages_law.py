"""Preparing plays of games whose secret is the law of the training data; laws as in `privaudit.games.stages`."""

from collections.abc import Callable

import numpy as np

from privaudit.games.game import Game
from privaudit.games.stages import Law, Records, Stage, Staged, draw_secret


def distribution(law_0: Law, law_1: Law, n: int, *, poison: Records | None = None) -> Stage:
    """All records from one of two laws, for `distribution_inference` and `property_existence`.

    Args:
        law_0: the law of world 0.
        law_1: the law of world 1.
        n: size of the training set.
        poison: ``(n_poison, ...)`` records that the adversary adds, for the game ``poisoned_distribution``.
    """
    laws = (law_0, law_1)

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        bit = int(draw_secret(rng, game))
        data = laws[bit](rng, n)
        data = data if poison is None else np.concatenate([data, poison])
        return Staged(secret=bit, data=data, side={"laws": laws, "size": n, "poison": poison}, world=bit)

    names = {"distribution_inference", "property_existence"} if poison is None else {"poisoned_distribution"}
    return Stage(plays=frozenset(names), draw=draw)


def mixture(law: Law, added: Law, n: int, *, share: float) -> Stage:
    """Each record with probability ``share`` from another law (world 1), or none (world 0), for `mixture_membership`."""

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        bit = int(draw_secret(rng, game))
        n_added = int(rng.binomial(n, share)) if bit else 0
        data = rng.permutation(np.concatenate([law(rng, n - n_added), added(rng, n_added)]))
        return Staged(secret=bit, data=data, side={"law": law, "added_law": added, "size": n}, world=bit)

    return Stage(plays=frozenset({"mixture_membership"}), draw=draw)


def ratio(law_of: Callable[[float], Law], n: int) -> Stage:
    """All records from the law of a ratio that is drawn from the game's prior, for `ratio_regression`."""

    def draw(rng: np.random.Generator, game: Game) -> Staged:
        value = float(draw_secret(rng, game))
        side = {"laws": law_of, "size": n, "prior": game.secret.prior}
        return Staged(secret=value, data=law_of(value)(rng, n), side=side)

    return Stage(plays=frozenset({"ratio_regression"}), draw=draw)
