"""Independent random streams of one root seed: one per model, and named ones for records and design.

A stream is ``SeedSequence(root, spawn_key=key)``, whose input is the root, filled up to four 32-bit words, and then the
words of the key. A model's key is one word and a named stream's key is three, so the two inputs differ in length
whatever the numbers are: no number of models can ever reach a named stream. Roots above 128 bits would spill into the
key, and numbers above 32 bits would take two words, so both are refused.
"""

import numpy as np

from privaudit.errors import ConfigError

STREAMS = (
    "records",
    "population",
    "coins",
    "control_coins",
    "balanced",
    "canaries",
    "canary_coins",
    "canary_sampling",
    "challenge",
    "world_pools",
    "world_draws",
    "world_queries",
    "released_outputs",
    "output_filter",
    "averaged_queries",
    "world_poison",
    "graph_bases",
    "graph_draws",
    "graph_queries",
    "meta_classifier",
)  # append only: the place is part of the key


def model_seed(root: int, model: int) -> np.random.SeedSequence:
    """Seed of everything random in one model's training.

    Args:
        root: the audit's seed, 0 <= root < 2**128.
        model: the model's number in the design.

    Raises:
        ConfigError: if either is out of range.
    """
    return np.random.SeedSequence(_root(root), spawn_key=(_word("model", model),))


def stream_seed(root: int, stream: str, index: int = 0) -> np.random.SeedSequence:
    """Seed of a named stream; never that of a model (see above).

    Args:
        root: the audit's seed, 0 <= root < 2**128.
        stream: one of ``STREAMS``.
        index: number within the stream, e.g. of a pair of models.

    Raises:
        ConfigError: if a number is out of range.
    """
    return np.random.SeedSequence(_root(root), spawn_key=(0, STREAMS.index(stream), _word("index", index)))


def stream_generator(root: int, stream: str, index: int = 0) -> np.random.Generator:
    """Generator of a named stream.

    >>> a, b = (stream_generator(0, "coins", pair).integers(0, 2, 64) for pair in (0, 1))
    >>> bool((a == b).all())
    False
    """
    return np.random.default_rng(stream_seed(root, stream, index))


def _root(root: int) -> int:
    if not 0 <= root < 2**128:
        raise ConfigError(f"seed must lie in 0..2**128-1; got {root}.", key="seed")
    return int(root)


def _word(name: str, number: int) -> int:
    if not 0 <= number < 2**32:
        raise ConfigError(f"{name} must lie in 0..2**32-1; got {number}.")
    return int(number)
