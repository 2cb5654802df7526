"""Seeds of the many audits of one study, no two of which share their random numbers."""

import zlib

import numpy as np


def audit_seed(root: int, game: str, epsilon: float, number: int) -> int:
    """Return the seed of one audit.

    Args:
        root: the study's seed.
        game: its name.
        epsilon: the claim.
        number: of the audit, from 0.

    >>> audit_seed(0, "one", 4.0, 0) == audit_seed(0, "one", 10.0, 0)
    False
    """
    words = [root, zlib.crc32(game.encode()), round(1000 * epsilon), number]
    return int(np.random.SeedSequence(words).generate_state(1)[0])
