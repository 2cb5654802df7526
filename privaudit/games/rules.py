"""How a game is won, what a guess without the model reaches, and how an advantage is read off the rates of wins.

A win is a number from 0 to 1: of most games 1 or 0, where a guess can be right in part the share that is. A baseline is
the mean win of the best guess that does not look at the model. An advantage is read off the rates of wins, one per world
where a game has worlds, and is monotone in each of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from privaudit.errors import ConfigError, ShapeError

SecretKind = Literal["bit", "bits", "index", "record", "attribute", "ratio"]
FAIR = (0.5, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What the challenger draws and the adversary guesses.

    Attributes:
        kind: ``bit``: which of two worlds. ``bits``: one per canary. ``index``: place among candidates. ``record``: a
            record's value. ``attribute``: the hidden part of a record. ``ratio``: of a property.
        prior: probability of each value; empty where the law of the data draws the secret.
        values: the values, in the order of ``prior``; empty for 0, 1, 2, ...
        size: how many are drawn: canaries of ``bits``, training records of which any will do for ``extraction``.

    Raises:
        ConfigError: if the prior is no law, or has not one entry per value.

    >>> Secret(kind="index", prior=(0.25,) * 4).value(2)
    2
    """

    kind: SecretKind
    prior: tuple[float, ...] = FAIR
    values: tuple[Any, ...] = ()
    size: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no law."""
        if self.kind not in get_args(SecretKind):
            raise ConfigError(f"kind must be one of {', '.join(get_args(SecretKind))}; got {self.kind!r}.", key="kind")
        is_law = all(0 <= p <= 1 for p in self.prior) and math.isclose(math.fsum(self.prior), 1.0, abs_tol=1e-9)
        if self.prior and not is_law:
            raise ConfigError(f"prior must be probabilities that sum to 1; got {self.prior}.", key="prior")
        if self.values and len(self.values) != len(self.prior):
            raise ConfigError(
                f"prior must have one entry per value; got {len(self.prior)} and {len(self.values)}.", key="prior"
            )
        if self.kind in ("bit", "bits") and len(self.prior) != 2:
            raise ConfigError(f"a {self.kind[:3]} has two values; got a prior of {len(self.prior)}.", key="prior")
        if self.size < 1:
            raise ConfigError(f"size must be at least 1; got {self.size}.", key="size")

    def value(self, place: int) -> Any:
        """Return the value at a place of the prior."""
        return self.values[place] if self.values else place


Win = Callable[[Any, Any], float]
Baseline = Callable[[Secret], float]
Advantage = Callable[[Sequence[float], float], float]


def is_equal(secret: Any, guess: Any) -> float:
    """Win if the guess is the secret.

    >>> is_equal(1, 1), is_equal((0, 1), (0, 0))
    (1.0, 0.0)
    """
    return float(np.array_equal(np.asarray(secret), np.asarray(guess)))


def is_among(secret: Any, guess: Any) -> float:
    """Win if the guess is one of the secret's rows, the training records.

    >>> is_among(np.array([[1, 2], [3, 4]]), [3, 4]), is_among(np.array([5, 7]), 6)
    (1.0, 0.0)
    """
    rows = np.asarray(secret)
    if len(rows) == 0 or rows[0].shape != np.shape(guess):
        return 0.0
    return float((rows == np.asarray(guess)).reshape(len(rows), -1).all(axis=1).any())


def share_right(secret: Any, guess: Any) -> float:
    """Win the share of right guesses among those that were made; -1 abstains, and who makes none wins half.

    Raises:
        ShapeError: if there is not one guess per bit.

    >>> share_right([0, 1, 1, 0], [0, 1, -1, 1]), share_right([1], [-1])
    (0.6666666666666666, 0.5)
    """
    bits, guesses = np.asarray(secret), np.asarray(guess)
    if bits.shape != guesses.shape:
        raise ShapeError(f"there must be one guess (or -1) per bit; got {guesses.shape} for {bits.shape}.")
    made = guesses >= 0
    return float((bits == guesses)[made].mean()) if made.any() else 0.5


def closeness(secret: Any, guess: Any) -> float:
    """Win 1 less the squared error of a ratio; a guess outside 0..1 counts as the nearer end.

    >>> closeness(0.5, 0.75), closeness(0.5, 7.0)
    (0.9375, 0.75)
    """
    error = float(secret) - min(max(float(guess), 0.0), 1.0)
    return 0.0 if math.isnan(error) else 1.0 - error * error


def distance(secret: Any, guess: Any) -> float:
    """Return the Euclidean distance of two values, infinite where their shapes differ.

    >>> distance([0.0, 0.0], [3.0, 4.0])
    5.0
    """
    one, other = np.asarray(secret, dtype=np.float64), np.asarray(guess, dtype=np.float64)
    return float(np.linalg.norm(one - other)) if one.shape == other.shape else math.inf


@dataclass(frozen=True, slots=True)
class Within:
    """Win if a loss is at most ``eta``.

    >>> Within(1.0)(0.0, 0.5), Within(0.0)(0.0, 0.5)
    (1.0, 0.0)
    """

    eta: float
    loss: Callable[[Any, Any], float] = distance

    def __call__(self, secret: Any, guess: Any) -> float:
        """Judge a guess."""
        return float(self.loss(secret, guess) <= self.eta)


@dataclass(frozen=True, slots=True)
class ReachedBlindly:
    """Baseline kappa: the largest chance that one guess among the values wins, whatever the secret is.

    >>> ReachedBlindly(Within(1.0))(Secret(kind="record", prior=(0.25, 0.25, 0.5), values=(0.0, 1.0, 5.0)))
    0.5
    """

    win: Win

    def __call__(self, secret: Secret) -> float:
        """Return the baseline; NaN where the law of the data draws the secret."""
        values = [secret.value(place) for place in range(len(secret.prior))]
        won = [math.fsum(p * self.win(v, guess) for p, v in zip(secret.prior, values, strict=True)) for guess in values]
        return max(won, default=math.nan)


def likeliest(secret: Secret) -> float:
    """Baseline: always say the likeliest value; NaN where the law of the data draws the secret.

    >>> likeliest(Secret(kind="bit", prior=(0.9, 0.1)))
    0.9
    """
    return max(secret.prior, default=math.nan)


def met_by_chance(secret: Secret) -> float:
    """Baseline of an extraction: the likeliest record is among ``size`` draws; NaN where the law is not known.

    >>> met_by_chance(Secret(kind="record", prior=(0.5, 0.25, 0.25), size=2))
    0.75
    """
    return 1.0 - (1.0 - likeliest(secret)) ** secret.size


def constant_ratio(secret: Secret) -> float:
    """Baseline of a regression: 1 less the variance of the ratio, by guessing its mean.

    >>> constant_ratio(Secret(kind="ratio", prior=(0.5, 0.5), values=(0.0, 1.0)))
    0.75
    """
    values = np.array([secret.value(place) for place in range(len(secret.prior))], dtype=np.float64)
    prior = np.array(secret.prior)
    return 1.0 - float(prior @ (values - prior @ values) ** 2) if len(prior) else math.nan


def rate_difference(rates: Sequence[float], baseline: float) -> float:
    """TPR less FPR, from the rates of right guesses in world 0 and world 1.

    >>> rate_difference((0.75, 0.5), 0.5)
    0.25
    """
    return rates[0] + rates[1] - 1.0


def excess_in_world_1(rates: Sequence[float], baseline: float) -> float:
    """Rate of wins about members (world 1) less that about fresh records (world 0).

    >>> excess_in_world_1((0.5, 0.75), 0.5)
    0.25
    """
    return rates[1] - rates[0]


def excess(rates: Sequence[float], baseline: float) -> float:
    """Rate of wins less what is won without the model.

    >>> excess((0.75,), 0.5)
    0.25
    """
    return rates[0] - baseline


def doubled_excess(rates: Sequence[float], baseline: float) -> float:
    """Twice the share of right guesses, less 1.

    >>> doubled_excess((0.75,), 0.5)
    0.5
    """
    return 2.0 * rates[0] - 1.0
