"""Label-only attacks without poisoning, on unpoisoned targets with the same coins."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from privaudit.attacks.label_only.noise_robustness import NOISE_COPIES, best_level, shares_by_level
from privaudit.estimators import auc
from privaudit.scoring.label_noise import read_noisy_correct_share
from privaudit.scoring.label_oracle import LabelOracle, label_oracle_of
from privaudit.scoring.label_views import read_augmented_correct
from privaudit.studies.chameleon.arms import Answers, Figures, figures
from privaudit.studies.chameleon.models import Models

Floats = NDArray[np.float64]

GAP, AUGMENTATION, NOISE = "gap", "augmentation", "noise"


def baseline_figures(models: Models, found: Answers, shadows: Sequence[nn.Module]) -> Mapping[str, Figures]:
    """Play plain label-only attacks.

    Args:
        models: of the seed.
        found: what the unpoisoned targets answered at the candidates, the records themselves first.
        shadows: the first unpoisoned shadow models, on which the level of the noise is chosen.
    """
    correct = np.stack([_views(models, network) for network in found.networks])
    shares = np.stack([_noisy_shares(models, network) for network in found.networks])
    level = _level(models, shadows)
    return {
        GAP: figures(found.agreement[:, :, 0], found.is_in, queries=1),
        AUGMENTATION: figures(correct.mean(axis=2), found.is_in, queries=correct.shape[2]),
        NOISE: figures(shares[:, :, level], found.is_in, queries=1 + NOISE_COPIES[-1]),
    }


def _level(models: Models, shadows: Sequence[nn.Module]) -> int:
    coins = models.design.is_in[: len(shadows), models.challenge]
    shares = [_noisy_shares(models, network) for network in shadows]
    areas = [[auc(column, own) for column in share.T] for share, own in zip(shares, coins, strict=True)]
    return best_level(np.array(areas))


def _noisy_shares(models: Models, network: nn.Module) -> Floats:
    """``(n_challenge, n_levels)``: noise on the components that the network sees."""
    features, labels = models.drawn.candidates[:, 0], models.drawn.dataset.labels[models.challenge]
    oracle = label_oracle_of(network, n_records=len(features))
    return shares_by_level(read_noisy_correct_share(oracle, features, labels, models.job.seed), NOISE_COPIES[-1])


def _views(models: Models, network: nn.Module) -> Floats:
    """``(n_challenge, n_views)``: shifts and rotations of the images before they are projected."""
    images, labels = models.drawn.images, models.drawn.dataset.labels[models.challenge]
    inner = label_oracle_of(network, n_records=1)

    def answer(queries: NDArray[Any]) -> NDArray[np.int64]:
        return inner(models.drawn.projection(queries), np.zeros(len(queries), dtype=np.int64))

    oracle = LabelOracle(answer, n_records=len(images))
    return read_augmented_correct(oracle, images, labels, models.job.seed)
