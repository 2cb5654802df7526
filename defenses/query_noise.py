"""Normal numbers that belong to a query: whoever asks again, in whatever order, meets the same ones.

A service whose noise is drawn once per query keeps it, or derives it from a secret and the query as is done here. Were the
noise drawn in the order of the queries, the same question would be answered differently elsewhere in the sequence. The idea is
that of "sticky noise" seeded by a salted hash, see Gadotti et al., USENIX Security 2019, who show its limits.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

GOLDEN, FIRST, SECOND = (np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def query_keys(queries: NDArray[np.float32], secret: bytes) -> NDArray[np.uint64]:
    """Return a number for each query: equal ones for equal queries, unrelated ones for others and for other secrets.

    Args:
        queries: ``(n, ...)`` what a model is shown.
        secret: of the model, 64 bytes at most.

    Returns:
        ``(n,)`` uint64.

    >>> first, again, other = query_keys(np.array([[1.0, 0.0], [1.0, -0.0], [1.0, 2.0]], dtype=np.float32), b"secret")
    >>> bool(first == again), bool(first == other)
    (True, False)
    """
    flat = np.ascontiguousarray(np.asarray(queries, dtype=np.float32) + np.float32(0.0))  # of -0 and 0 makes one
    digests = b"".join(hashlib.blake2b(query.tobytes(), digest_size=8, key=secret).digest() for query in flat)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def keyed_normals(keys: NDArray[np.uint64], n_columns: int) -> NDArray[np.float64]:
    """Return standard normal numbers of each key.

    Args:
        keys: ``(n,)`` uint64.
        n_columns: numbers of each.

    Returns:
        ``(n, n_columns)`` float64, within 8.3 of 0.

    Source: the mixing function of Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.

    >>> keyed_normals(np.array([1, 1], dtype=np.uint64), 2).round(4).tolist()
    [[0.1676, 0.6613], [0.1676, 0.6613]]
    """
    # products and sums of whole arrays wrap around, as they should
    counters = np.arange(1, n_columns + 1, dtype=np.uint64) * GOLDEN
    mixed = np.asarray(keys, dtype=np.uint64)[:, None] + counters
    mixed = (mixed ^ (mixed >> np.uint64(30))) * FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * SECOND
    mixed ^= mixed >> np.uint64(31)
    return np.asarray(ndtri(((mixed >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52))
