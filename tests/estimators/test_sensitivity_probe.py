"""The sensitivity probe: clips that hold and clips that do not, rounding, refusals."""

import math

import numpy as np
import pytest

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators.sensitivity_probe import SensitivityProbe, measure_sensitivity

CLIP = 0.5


def _clipped_per_layer(layers):
    """Every layer clipped by itself, at the norm that belongs to all of them together."""
    return np.concatenate([layer * min(1.0, CLIP / max(np.linalg.norm(layer), 1e-9)) for layer in layers])


def test_per_layer_clipping_moves_the_sum_by_the_root_of_the_layers():
    rng = np.random.default_rng(0)
    without = rng.normal(size=40)
    spread = [rng.normal(size=10) * 100 for _ in range(4)]
    single = [layer * (place == 0) for place, layer in enumerate(spread)]
    sums = {"spread": without + _clipped_per_layer(spread), "layer": without + _clipped_per_layer(single)}
    probe = measure_sensitivity(without, sums, max_grad_norm=CLIP)
    assert dict(probe.ratios) == {"spread": pytest.approx(2.0), "layer": pytest.approx(1.0)}
    assert probe.is_refuted


def test_rounding_of_single_precision_is_no_defect():
    rng = np.random.default_rng(1)
    without = (10 * rng.normal(size=100_000)).astype(np.float32)
    canary = rng.normal(size=100_000)
    sums = {"spread": without + (canary / np.linalg.norm(canary)).astype(np.float32)}
    probe = measure_sensitivity(without, sums, max_grad_norm=1.0)
    assert probe.ratios["spread"] != 1.0 and not probe.is_refuted
    assert measure_sensitivity(without, {"none": without}, max_grad_norm=1.0).ratios["none"] == 0.0


def test_tolerance_is_the_border():
    for ratio, is_refuted in ((1.01, False), (1.010001, True)):
        probe = measure_sensitivity([0.0], {"a": [ratio]}, max_grad_norm=1.0, tolerance=0.01)
        assert probe.is_refuted == is_refuted


def test_a_sum_that_overflowed_is_refuted():
    for seen in ([math.inf, 0.0], [1e300, 1e300]):
        probe = measure_sensitivity([0.0, 0.0], {"bias": seen}, max_grad_norm=1.0)
        assert probe.ratios["bias"] == math.inf and probe.is_refuted


def test_ratios_cannot_be_changed_or_contradict_the_result():
    given = {"a": 2.0}
    probe = SensitivityProbe(ratios=given, tolerance=0.0, is_refuted=True)
    given["a"] = 0.0
    assert probe.ratios["a"] == 2.0
    with pytest.raises(TypeError):
        probe.ratios["a"] = 0.0
    for ratios, is_refuted in (({"a": 2.0}, False), ({"a": 1.0}, True), ({"a": math.nan}, False), ({}, False)):
        with pytest.raises(ConfigError, match="ratios"):
            SensitivityProbe(ratios=ratios, tolerance=0.0, is_refuted=is_refuted)
    with pytest.raises(ConfigError, match="tolerance"):
        SensitivityProbe(ratios={"a": 1.0}, tolerance=-0.1, is_refuted=False)


def test_sums_that_cannot_be_compared_are_refused():
    for clip in (0.0, math.inf, math.nan):
        with pytest.raises(ConfigError, match="max_grad_norm"):
            measure_sensitivity([0.0], {"a": [1.0]}, max_grad_norm=clip)
    with pytest.raises(ShapeError, match="canary a"):
        measure_sensitivity([0.0], {"a": [1.0, 2.0]}, max_grad_norm=1.0)
    with pytest.raises(DataError, match="canary a"):
        measure_sensitivity([0.0], {"a": [math.nan]}, max_grad_norm=1.0)
    with pytest.raises(DataError, match="finite"):
        measure_sensitivity([math.inf], {"a": [1.0]}, max_grad_norm=1.0)
