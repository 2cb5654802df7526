"""Which variant of the recipe should the shadows of a target be of, where every data set was trained with one variant?

On the grid of `grid_lira` every data set is trained with every candidate. A stored design has one variant for each model, so
a variant is judged by the mean over its own shadows: how far each is from the target on the shadow's own members, or how
accurate it is on the records that it was not trained on. A target and its complement are never among the shadows.

Source: Pradhan, Jälkö, Tobaben, Honkela, SaTML 2025 (arXiv 2502.06374): both choices. One variant per data set is ours; with
it accuracy chooses one variant for all shadows, where on the grid each shadow has its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.hyperparameter_selection import member_divergence, member_moments
from privaudit.attacks.shadow_fit import Bools, Floats, left_out
from privaudit.errors import UnsupportedError
from privaudit.interfaces import AuditInputs

Integers = NDArray[np.int64]


class Shadows(NamedTuple):
    """The models that may serve as shadows.

    Attributes:
        models: ``(n_shadows,)`` their rows.
        variant: ``(n_shadows,)`` the variant of the recipe that each was trained with.
        usable: ``(n_targets, n_shadows)`` False for a target itself and its complement.
    """

    models: Integers
    variant: Integers
    usable: Bools

    def counts(self) -> Integers:
        """Return how many usable shadows of every variant each target has, ``(n_targets, n_variants)``."""
        return np.asarray(self.usable.astype(np.int64) @ self._belongs())

    def mean_of_each(self, values: Floats) -> Floats:
        """Return the mean over each target's usable shadows of every variant, 0 where it has none.

        Args:
            values: ``(n_targets, n_shadows)``; those of shadows that are not usable are not looked at.

        Returns:
            ``(n_targets, n_variants)``, variants in the order of their numbers.
        """
        return np.where(self.usable, values, 0.0) @ self._belongs() / np.maximum(self.counts(), 1)

    def _belongs(self) -> Bools:
        return np.asarray(self.variant[:, None] == np.unique(self.variant))


def shadows_of(inputs: AuditInputs, targets: Sequence[int]) -> Shadows:
    """Return the usable models that the audit trained, and which of them each target may be compared with.

    Args:
        inputs: what was measured.
        targets: numbers of the models to attack.

    Raises:
        UnsupportedError: if the audit trained none of the usable models.
    """
    models = inputs.usable[inputs.design.is_trained[inputs.usable]]
    if not len(models):
        raise UnsupportedError("this attack needs shadow models; none was measured. Train some (design.n_models).")
    absent = [left_out(inputs.design.pair, int(target), "pair") for target in targets]
    usable = np.array([~np.isin(models, out) for out in absent], dtype=bool).reshape(len(targets), len(models))
    return Shadows(models, inputs.design.variant[models], usable)


def variant_divergence(target_values: Floats, shadow_values: Floats, is_in: Bools, shadows: Shadows) -> Floats:
    """Return how far the shadows of every variant are from every target, on the shadows' own members.

    Args:
        target_values: ``(n_targets, n_records)`` the targets' signals.
        shadow_values: ``(n_shadows, n_records)`` the shadows'.
        is_in: ``(n_shadows, n_records)`` True for the shadows' members.
        shadows: who they are.

    Returns:
        ``(n_targets, n_variants)`` mean of KL(target || shadow), 0 where a target has no shadow of a variant.

    Raises:
        UnsupportedError: if a shadow has no member.

    >>> values, members = np.array([[1.0, 3.0], [1.0, 3.0], [4.0, 6.0]]), np.ones((3, 2), dtype=bool)
    >>> shadows = Shadows(np.arange(3), np.array([0, 0, 5]), np.array([[False, True, True]]))
    >>> variant_divergence(values[:1], values, members, shadows).tolist()
    [[0.0, 4.5]]
    """
    means, variances = member_moments(target_values, is_in)
    own = [member_moments(shadow_values[[row]], is_in[[row]]) for row in range(len(is_in))]
    own_means, own_variances = (np.concatenate(part, axis=1) for part in zip(*own, strict=True))
    return shadows.mean_of_each(member_divergence(means, variances, own_means, own_variances))


def variant_accuracy(is_correct: Floats, is_in: Bools, shadows: Shadows) -> Floats:
    """Return how accurate the shadows of every variant are on the records that they were not trained on.

    Args:
        is_correct: ``(n_shadows, n_records)`` 1 where a shadow predicts the record's class.
        is_in: ``(n_shadows, n_records)`` True for the shadows' members.
        shadows: who they are.

    Returns:
        ``(n_targets, n_variants)`` mean accuracies, 0 where a target has no shadow of a variant.

    Raises:
        UnsupportedError: if a shadow was trained on all records.

    >>> shadows = Shadows(np.arange(2), np.array([3, 5]), np.array([[True, True]]))
    >>> variant_accuracy(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]), np.array([[True, False, False]] * 2), shadows).tolist()
    [[0.5, 1.0]]
    """
    n_outside = (~is_in).sum(axis=1)
    if not n_outside.all():
        raise UnsupportedError(
            "every shadow needs records that it was not trained on; some have none. Use more records."
        )
    accuracy = np.where(is_in, 0.0, is_correct).sum(axis=1) / n_outside
    return shadows.mean_of_each(np.broadcast_to(accuracy, shadows.usable.shape))
