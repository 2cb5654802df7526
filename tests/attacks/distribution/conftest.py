"""Toy worlds: models whose log-odds are normal around a mean that moves with the world."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from privaudit.attacks.distribution.gauss import GaussianQueries
from privaudit.attacks.distribution.kl import KlCalibrated, KlDivergence
from privaudit.attacks.distribution.kl_label import KlLabelOnly
from privaudit.attacks.distribution.loss_test import LossTest
from privaudit.attacks.distribution.meta_classifier import MetaClassifier
from privaudit.attacks.distribution.per_point import PerPointThresholdTest
from privaudit.attacks.distribution.threshold_test import ThresholdTest
from privaudit.types.worlds import WorldInputs

BINARY = {
    "loss_test": LossTest(),
    "loss_test: loss": LossTest(quantity="loss"),
    "threshold_test": ThresholdTest(),
    "per_point": PerPointThresholdTest(),
    "per_point: half": PerPointThresholdTest(decision="half"),
    "meta_classifier": MetaClassifier(),
    "kl": KlDivergence(),
    "kl: published": KlDivergence(pairs="published"),
    "kl: calibrated": KlDivergence(decision="calibrated"),
    "kl: transductive": KlDivergence(decision="transductive"),
    "kl_calibrated": KlCalibrated(),
    "kl_label": KlLabelOnly(),
    "kl_label: vote": KlLabelOnly(decision="vote"),
    "gauss": GaussianQueries(),
    "gauss: calibrated": GaussianQueries(decision="calibrated"),
}
WITH_SHADOWS = {name: attack for name, attack in BINARY.items() if attack.fewest_shadows}


def _worlds(
    *, shift=0.0, n_shadows=(8, 8), n_victims=20, n_queries=60, n_classes=2, spread=(1.0, 1.0), individual=0.3, seed=0
):
    """Draw inputs and the victims' worlds; ``n_victims`` of each world, victims of world 0 first.

    A model's log-odds of class 1 (or all but the first class) of query q are a base, plus half the shift towards its world's
    side times the query's own size, plus a common factor and ``individual`` noise, both times the world's ``spread``.
    """
    rng = np.random.default_rng(seed)
    n_worlds = len(n_shadows)
    base = rng.normal(0.0, 1.5, (n_queries, n_classes - 1))
    size, factor = rng.normal(0.0, 1.0, (2, n_queries, n_classes - 1))
    # mostly the class that world 1's models favour, so that accuracy differs between the worlds
    favoured = np.concatenate([np.zeros((n_queries, 1)), size], axis=1).argmax(axis=1)
    truth = np.where(rng.random(n_queries) < 0.75, favoured, rng.integers(0, n_classes, n_queries))

    def models(world, n):
        moved = base + shift * (world - (n_worlds - 1) / 2) * size
        return moved + spread[world % len(spread)] * (
            0.3 * rng.normal(size=(n, 1, 1)) * factor + individual * rng.normal(size=(n, *base.shape))
        )

    logits = [
        np.concatenate([models(world, numbers[world]) for world in range(n_worlds)])
        for numbers in (n_shadows, [n_victims] * n_worlds)
    ]
    if n_classes == 2:
        shadows, victims = (np.concatenate([1.0 - expit(table), expit(table)], axis=2) for table in logits)
    else:
        shadows, victims = (
            softmax(np.concatenate([np.zeros((*table.shape[:2], 1)), table], axis=2), axis=2) for table in logits
        )
    inputs = WorldInputs(
        shadows=shadows,
        shadow_world=np.repeat(np.arange(n_worlds), n_shadows),
        victims=victims,
        victim_labels=victims.argmax(axis=2),
        query_label=truth,
        query_world=np.arange(n_queries) % n_worlds,
    )
    return inputs, np.repeat(np.arange(n_worlds), n_victims)


@pytest.fixture
def make_worlds():
    return _worlds


@pytest.fixture
def accuracy():
    def of(scores, world):
        return (np.mean(scores[world == 0] < 0) + np.mean(scores[world == 1] >= 0)) / 2

    return of


@pytest.fixture(params=BINARY)
def attack(request):
    return BINARY[request.param]


@pytest.fixture(params=WITH_SHADOWS)
def shadow_attack(request):
    return WITH_SHADOWS[request.param]
