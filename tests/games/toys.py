"""Mechanisms so small that every rate of success is known in closed form: functions from a training set and a generator."""

import hashlib
import math

import numpy as np


def silent(data, rng):
    """Publish nothing."""
    return


def randomised_response(epsilon):
    """Every bit is kept with probability e^eps / (1 + e^eps), else turned round; epsilon under replace-one."""

    def mechanism(data, rng):
        is_kept = rng.random(len(data)) < 1 / (1 + math.exp(-epsilon))
        return np.where(is_kept, data, 1 - data)

    return mechanism


def laplace_count(epsilon):
    """The sum of bits with Laplace noise of scale 1 / eps; epsilon under add/remove and under replace-one."""
    return lambda data, rng: float(data.sum() + rng.laplace(0.0, 1 / epsilon))


def gaussian_sum(sigma):
    """The sum of values with Gaussian noise; 1/sigma-GDP where one record moves the sum by 1 at most."""
    return lambda data, rng: data.sum(axis=0) + rng.normal(0.0, sigma, data.shape[1:])


def kary_response(epsilon, k):
    """The only record, one of 0..k-1, with probability e^eps / (e^eps + k - 1), else another one at random."""

    def mechanism(data, rng):
        (value,) = data
        if rng.random() < math.exp(epsilon) / (math.exp(epsilon) + k - 1):
            return int(value)
        return int((value + rng.integers(1, k)) % k)

    return mechanism


def publish_one(data, rng):
    """One record, drawn at random."""
    return data[rng.integers(len(data))]


def publish_one_id(data, rng):
    """The id, which is the first column, of one record drawn at random."""
    return data[rng.integers(len(data)), 0]


def hash_of(v):
    """A hash of the part of a record that everybody may see."""
    return hashlib.sha256(str(int(v)).encode()).hexdigest()


def publish_hashes(data, rng):
    """The hash of the first column of every record."""
    return frozenset(hash_of(v) for v in data[:, 0])


def leak_if_rare(rare):
    """Tell whether one rare record is present, and nothing else."""
    return lambda data, rng: bool((data == rare).any())


def bernoulli(ratio):
    """The law of bits of which a share is 1."""
    return lambda rng, n: (rng.random(n) < ratio).astype(np.int64)


def uniform(k):
    """The law of the numbers 0..k-1."""
    return lambda rng, n: rng.integers(k, size=n)


def with_ids(law):
    """Records of two columns: an id that no two share (but with probability 2^-62), and a draw of a law."""
    return lambda rng, n: np.column_stack([rng.integers(2**62, size=n), law(rng, n)])
