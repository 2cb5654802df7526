"""The regression on weights: estimates, and the answers between any two ratios that they give."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from privaudit.attacks.distribution.kl_regression import decide_between
from privaudit.attacks.distribution.pin_regression import PinRegression
from privaudit.errors import ConfigError, MissingSignalError, UnsupportedError
from privaudit.training.meta_classifier.fit import MetaSettings, estimated_ratios
from privaudit.training.meta_classifier.weight_layers import WeightLayer
from privaudit.training.randomness import one_thread

RATIOS = (0.1, 0.3, 0.5, 0.7, 0.9)


def worlds(make_worlds, n_victims=20):
    inputs, world = make_worlds(n_shadows=(8,) * 5, n_victims=n_victims)
    return replace(inputs, ratios=RATIOS), np.array(RATIOS)[world]


def logistic_regressions(ratios, seed):
    """Weights whose first entry is the log-odds of the ratio, with noise."""
    rng = np.random.default_rng(seed)
    effect = np.zeros((len(ratios), 6))
    effect[:, 0] = np.log(ratios / (1 - ratios))
    weight = np.stack([-effect, effect], axis=1) + rng.normal(0, 0.3, (len(ratios), 2, 6))
    return (WeightLayer(weight=weight[..., None], bias=np.zeros((len(ratios), 2))),)


def test_one_regression_gives_the_whole_matrix(make_worlds):
    """Five ratios, ten pairs, one fit: neighbours are told apart mostly, and others nearly always."""
    inputs, truth = worlds(make_worlds)
    shadows = np.array(RATIOS)[inputs.shadow_world]
    with one_thread():
        estimates = estimated_ratios(
            logistic_regressions(shadows, 0),
            shadows,
            logistic_regressions(truth, 1),
            MetaSettings(),
            torch.device("cpu"),
        )
    scores = PinRegression().run(replace(inputs, victim_signals={"pin_ratio": estimates})).scores
    assert np.array_equal(scores, estimates)
    matrix = {}
    for low in RATIOS:
        for high in RATIOS:
            if low != high:
                said = [decide_between(scores[truth == own], low, high) >= 0 for own in (low, high)]
                matrix[low, high] = (np.mean(~said[0]) + np.mean(said[1])) / 2
    assert len(matrix) == 20
    assert min(matrix.values()) > 0.75
    assert min(value for pair, value in matrix.items() if abs(pair[0] - pair[1]) > 0.25) > 0.95
    assert all(matrix[pair] == matrix[pair[::-1]] for pair in matrix)  # no estimate is a midpoint itself


def test_ratios_and_shadow_models_are_needed(make_worlds):
    inputs, truth = worlds(make_worlds)
    with pytest.raises(MissingSignalError, match="pin_ratio was not collected"):
        PinRegression().run(inputs)
    read = replace(inputs, victim_signals={"pin_ratio": truth})
    with pytest.raises(ConfigError, match="worlds have none"):
        PinRegression().run(replace(read, ratios=None))
    few, _ = make_worlds(n_shadows=(8, 8, 3))
    with pytest.raises(UnsupportedError, match="4 shadow models"):
        PinRegression().run(replace(few, ratios=RATIOS[:3], victim_signals={"pin_ratio": np.zeros(few.n_victims)}))
