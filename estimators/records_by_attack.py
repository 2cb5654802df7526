"""Attacks times records: what each record gives away to each attack, and whether attacks point at the same records."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from privaudit.errors import DegenerateScoresError, ShapeError
from privaudit.estimators.played_models import Bools, Floats, check_played
from privaudit.estimators.run_rankings import top_weights
from privaudit.validate import check_probability


class AttackAgreement(NamedTuple):
    """How far attacks rank the records alike.

    Attributes:
        n_records: records compared.
        n_top: records counted as the top of one attack.
        spearman: ``(n_attacks, n_attacks)`` rank correlations, NaN where an attack tells no records apart.
        top_overlap: ``(n_attacks, n_attacks)`` share of one attack's top that is in another's.
        n_in_all: records in the top of every attack.
        n_in_any: records in the top of at least one.
    """

    n_records: int
    n_top: int
    spearman: Floats
    top_overlap: Floats
    n_in_all: float
    n_in_any: float


def auc_shares(scores: ArrayLike, is_in: ArrayLike) -> Floats:
    """Return how far each record's scores rise, on the scale of the AUC, when a model was trained on it.

    A score stands, among the non-members of its own model, above a share of them (ties half). The mean of this share over
    members is the attack's AUC, over non-members 0.5. A record's number is the mean over the models that were trained on
    it less the mean over those that were not: a record that is called a member by every model has 0.

    Args:
        scores: ``(n_models, n_records)`` each model's scores when it played the target, its pair left out.
        is_in: ``(n_models, n_records)`` the coins.

    Returns:
        ``(n_records,)`` in [-1, 1], higher = gives more away; averaged over records about the AUC less 0.5. NaN for a
        record that all models, or none, were trained on.

    Raises:
        ShapeError, DataError, DegenerateScoresError: see `check_played`; also if a model has no non-member.

    Source: placement values (DeLong, DeLong and Clarke-Pearson, Biometrics 1988), here per record over models.

    >>> auc_shares([[9.0, 1.0, 2.0, 3.0], [2.0, 1.0, 9.0, 3.0]], [[1, 0, 0, 1], [0, 0, 1, 1]])[[0, 2]].tolist()
    [0.25, 0.25]
    """
    values, coins = check_played(scores, is_in)
    if coins.all(axis=1).any():
        raise DegenerateScoresError("every model needs non-members to compare with; one has none.")
    standing = np.stack([_standing(row, inside) for row, inside in zip(values, coins, strict=True)])
    n_in, n_out = coins.sum(axis=0), (~coins).sum(axis=0)
    with np.errstate(invalid="ignore"):
        inside = np.where(coins, standing, 0.0).sum(axis=0) / n_in
        return np.asarray(inside - np.where(coins, 0.0, standing).sum(axis=0) / n_out)


def _standing(scores: Floats, inside: Bools) -> Floats:
    others = np.sort(scores[~inside])
    below, at_most = (np.searchsorted(others, scores, side=side) for side in ("left", "right"))
    return np.asarray((below + at_most) / (2 * len(others)))


def attack_agreement(vulnerability: ArrayLike, *, top: float = 0.01) -> AttackAgreement:
    """Compare the rankings of records by several attacks.

    Args:
        vulnerability: ``(n_attacks, n_records)`` a number per attack and record, higher = more at risk; records that are
            NaN for any attack are left out, and ``n_records`` says how many are left.
        top: share of the records that counts as the top, rounded up to a whole number.

    Returns:
        The agreement. Records tied at the cut are in the top to an equal part each, so counts need not be whole.

    Raises:
        ShapeError: if it is no matrix of one attack and two measured records at least.
        ConfigError: if ``top`` is no probability.

    Source: Spearman, American Journal of Psychology 1904.

    >>> found = attack_agreement([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0]], top=0.3)
    >>> round(float(found.spearman[0, 1]), 6), found.n_in_all, found.n_in_any
    (0.5, 1.0, 1.0)
    """
    given = np.asarray(vulnerability, dtype=np.float64)
    if given.ndim != 2 or len(given) < 1:
        raise ShapeError(f"vulnerability must have shape (n_attacks, n_records); got {given.shape}.")
    values = given[:, ~np.isnan(given).any(axis=0)]
    n_records = values.shape[1]
    if n_records < 2:
        raise ShapeError(f"rankings need two records that every attack has measured; got {n_records}.")
    n_top = max(int(np.ceil(check_probability("top", top) * n_records - 1e-9)), 1)
    ranks = rankdata(values, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1))
    with np.errstate(invalid="ignore"):
        spearman = (ranks @ ranks.T) / np.outer(length, length)
    weights = np.stack([top_weights(row, n_top) for row in values])
    return AttackAgreement(
        n_records=n_records,
        n_top=n_top,
        spearman=spearman,
        top_overlap=weights @ weights.T / n_top,
        n_in_all=float(weights.prod(axis=0).sum()),
        n_in_any=float((1.0 - (1.0 - weights).prod(axis=0)).sum()),
    )
