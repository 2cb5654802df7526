"""One order of the records for the same scores, whatever file and order of rows they came in.

Sums, blocks and splits go by it. Guesses among equal scores do not: where nearly all scores are equal there are so few
different contents that a permutation drawn from the content, though independent of the coins at each draw, is one of
few for ever, and for some seeds wrong more often than it may.
"""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from privaudit.data.score_files import ScoreFile


def shuffled(file: ScoreFile, seed: int) -> ScoreFile:
    """Sort the records (or trainings), then permute them by the seed and a digest of what was sorted.

    Sorted by scores, membership and features, records that cannot be told apart are all that an order of rows can
    exchange. Ranks take the place of numbers, so that an increasing transform changes nothing. The digest gives every
    content a permutation of its own: one for all would take the same ranks each time, which are no sample.

    Args:
        file: the scores.
        seed: of the permutation.
    """
    is_series = file.layout == "trainings"
    scores, member = (file.scores.T, file.member.T) if is_series else (file.scores, file.member)
    features = np.empty((0, scores.shape[1])) if file.features is None else file.features.T
    table = np.concatenate([_ranks(scores), member, _ranks(features)]).astype("<i4")
    order = np.lexsort(table[::-1])
    content = hashlib.sha256(f"{file.layout} {len(file.values)} {table.shape} ".encode())
    content.update(np.ascontiguousarray(table[:, order]).tobytes())
    rng = np.random.default_rng([seed, int.from_bytes(content.digest(), "little")])
    order = order[rng.permutation(len(order))]
    if is_series:
        names = tuple(file.model_names[row] for row in order.tolist())
        return replace(file, values=file.values[order], member=file.member[order], model_names=names)
    kept = None if file.features is None else file.features[order]
    return replace(file, values=file.values[:, order], member=file.member[:, order], features=kept)


def _ranks(rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return dense ranks within each row."""
    ranks = np.empty(rows.shape, dtype=np.int64)
    for place, row in enumerate(rows):
        ranks[place] = np.unique(row, return_inverse=True)[1]
    return ranks
