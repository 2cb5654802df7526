"""HopSkipJump as its paper writes it: one record after the other, one search after the other; slow on purpose.

Chen, Jordan, Wainwright, "HopSkipJumpAttack: A Query-Efficient Decision-Based Attack", S&P 2020, algorithms 1 and 2, with
the constants .01 / sqrt(d) (search) and .01 (radius) that our walk uses too. It shares no code with ours; the random points
of an iteration are answered in one call, as they do not depend on each other.
"""

import math

import numpy as np


class NaiveWalk:
    """Walks from one start towards one record; ``answer`` gives labels of ``(n, n_features)`` queries."""

    def __init__(self, answer, record, label, seed):
        self.answer, self.record, self.label = answer, record.astype(np.float64), label
        self.rng = np.random.default_rng(seed)
        self.n_queries, self.n_features = 0, record.size
        self.theta = 0.01 / math.sqrt(record.size)

    def adversarial(self, queries):
        self.n_queries += len(queries)
        return self.answer(queries.astype(np.float32)) != self.label

    def binary_search(self, point):
        low, high = 0.0, 1.0
        while high - low > self.theta:
            middle = (low + high) / 2
            query = (1 - middle) * self.record + middle * point
            if self.adversarial(query[None])[0]:
                high = middle
            else:
                low = middle
        return (1 - high) * self.record + high * point

    def gradient_direction(self, point, radius, n_evaluations):
        noise = self.rng.standard_normal((n_evaluations, self.n_features))
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        phi = np.where(self.adversarial(point + radius * noise), 1.0, -1.0)
        if abs(phi.mean()) == 1:
            gradient = phi.mean() * noise.mean(axis=0)
        else:
            gradient = ((phi - phi.mean())[:, None] * noise).mean(axis=0)
        return gradient / np.linalg.norm(gradient)

    def run(self, start, n_iterations, first_evaluations=100):
        """Return the least distance so far and the queries spent, after 0..n_iterations iterations."""
        if self.adversarial(self.record[None])[0]:
            return np.zeros(n_iterations + 1), np.full(n_iterations + 1, self.n_queries)
        assert self.adversarial(start[None])[0]
        point = self.binary_search(start.astype(np.float64))
        distance = np.linalg.norm(point - self.record)
        found, spent = [distance], [self.n_queries]
        for t in range(1, n_iterations + 1):
            direction = self.gradient_direction(point, 0.01 * distance, int(first_evaluations * math.sqrt(t)))
            step = distance / math.sqrt(t)
            while not self.adversarial((point + step * direction)[None])[0]:
                step /= 2
                if step < 1e-8 * distance:  # single precision: the point itself
                    step = 0.0
                    break
            point = self.binary_search(point + step * direction)
            distance = np.linalg.norm(point - self.record)
            found.append(min(found[-1], distance))
            spent.append(self.n_queries)
        return np.array(found), np.array(spent)


def naive_distances(answer, features, labels, starts, *, n_iterations, seed):
    """``(n, n_iterations + 1)`` distances and queries of records ``(n, n_features)``, each with random numbers of its own."""
    walks = [
        NaiveWalk(answer, record, label, (seed, place)).run(start, n_iterations)
        for place, (record, label, start) in enumerate(zip(features, labels, starts, strict=True))
    ]
    return np.stack([found for found, _ in walks]), np.stack([spent for _, spent in walks])
