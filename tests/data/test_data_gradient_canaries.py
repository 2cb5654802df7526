import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.gradient_canaries import GRADIENT_SHAPES, GradientCanaries, make_gradient_canaries
from privaudit.errors import ConfigError, ShapeError

WEIGHTS = {"0.weight": (4, 3), "0.bias": (4,), "2.weight": (2, 4), "2.bias": (2,), "scale": ()}
PARTS = {"0.weight": slice(0, 12), "0.bias": slice(12, 16), "2.weight": slice(16, 24), "2.bias": slice(24, 26)}
N_WEIGHTS = 27
BACKGROUND = np.random.default_rng(0).normal(size=N_WEIGHTS)


def make(shape, **changes):
    needed = {"layer": {"layer": "2.weight"}, "opposed": {"background": BACKGROUND}}.get(shape, {})
    return make_gradient_canaries(shape, **{"weights": WEIGHTS, **needed, **changes})


@settings(max_examples=80)
@given(
    shape=st.sampled_from(GRADIENT_SHAPES),
    n=st.integers(1, 10),
    seed=st.integers(0, 2**64),
    norm=st.floats(1e-3, 1e6),
)
def test_directions_have_norm_one_and_follow_the_seed(shape, n, seed, norm):
    made = make(shape, n_canaries=n, seed=seed, norm=norm)
    assert made.directions.shape == (n, N_WEIGHTS)
    assert made.directions.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(made.directions.astype(np.float64), axis=1), 1.0, atol=1e-6)
    assert (made.shape, made.norm) == (shape, norm)
    assert make(shape, n_canaries=n, seed=seed).directions.tobytes() == made.directions.tobytes()


@settings(max_examples=20)
@given(n=st.integers(1, N_WEIGHTS), seed=st.integers(0, 2**64), shape=st.sampled_from(["coordinate", "alternating"]))
def test_every_canary_has_a_coordinate_of_its_own(n, seed, shape):
    made = make(shape, n_canaries=n, seed=seed)
    rows, columns = np.nonzero(made.directions)
    assert rows.tolist() == list(range(n))
    assert len(set(columns.tolist())) == n
    assert made.is_orthogonal


def test_coordinates_can_be_named():
    made = make("coordinate", n_canaries=3, coordinates=[5, 0, 26])
    assert made.directions.argmax(axis=1).tolist() == [5, 0, 26]
    for wrong in ([5, 5, 26], [5, 0], [5, 0, 27], [-1, 0, 1], [1, 1, 2, 3], [[5, 0, 26]]):
        with pytest.raises(ConfigError, match="3 distinct weights below 27"):
            make("coordinate", n_canaries=3, coordinates=wrong)
    with pytest.raises(ConfigError, match="the model has 27"):
        make("coordinate", n_canaries=28)


def test_spread_has_equal_energy_in_every_tensor():
    energy = make("spread", n_canaries=4).directions.astype(np.float64) ** 2
    for part in (*PARTS.values(), slice(26, 27)):
        np.testing.assert_allclose(energy[:, part].sum(axis=1), 1 / 5, rtol=1e-5)


def test_layer_and_bias_lie_in_their_tensors_only():
    layer = make("layer", n_canaries=3).directions
    assert np.flatnonzero(layer.any(axis=0)).tolist() == list(range(16, 24))
    bias = make("bias", n_canaries=3).directions
    assert np.flatnonzero(bias.any(axis=0)).tolist() == [12, 13, 14, 15, 24, 25]


def test_opposed_points_against_the_background():
    rows = make("opposed", n_canaries=2).directions
    np.testing.assert_allclose(rows @ BACKGROUND, -np.linalg.norm(BACKGROUND), rtol=1e-6)


def test_only_alternating_canaries_change_their_sign():
    signs = {shape: [make(shape).sign(step) for step in range(5)] for shape in GRADIENT_SHAPES}
    assert signs.pop("alternating") == [1, -1, 1, -1, 1]
    assert set(map(tuple, signs.values())) == {(1, 1, 1, 1, 1)}


def test_orthogonality_is_that_of_the_directions():
    assert all(make(shape).is_orthogonal for shape in GRADIENT_SHAPES)  # one canary
    shapes = ("spread", "layer", "bias", "opposed")
    assert not any(make(shape, n_canaries=2).is_orthogonal for shape in shapes)
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    assert GradientCanaries(shape="spread", directions=turned, norm=1.0).is_orthogonal
    turned[0] = np.sqrt(1 - 1e-8) * turned[0] + 1e-4 * turned[1]
    assert not GradientCanaries(shape="spread", directions=turned, norm=1.0).is_orthogonal


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ("bais", {}, "got 'bais'. Did you mean bias"),
        ("coordinate", {"n_canaries": 0}, "at least 1"),
        ("coordinate", {"norm": 0.0}, "positive multiple"),
        ("coordinate", {"norm": np.nan}, "positive multiple"),
        ("coordinate", {"norm": np.inf}, "positive multiple"),
        ("layer", {"layer": None}, "layer must be one of 0.weight, .*got None"),
        ("layer", {"layer": "2.wieght"}, "Did you mean 2.weight"),
        ("bias", {"weights": {"w": (3,)}}, "the model has none"),
        ("opposed", {"background": None}, "need the background"),
        ("opposed", {"background": np.zeros(N_WEIGHTS)}, "not all 0"),
        ("opposed", {"background": np.ones(N_WEIGHTS - 1)}, r"\(27,\) numbers"),
        ("opposed", {"background": np.full(N_WEIGHTS, np.nan)}, "need the background"),
    ],
)
def test_what_does_not_fit_is_refused(shape, changes, message):
    with pytest.raises(ConfigError, match=message):
        make(shape, **changes)


@pytest.mark.parametrize("rows", [np.ones((2, 4)), np.zeros((2, 4)), np.eye(4)[0], np.empty((0, 4)), [[np.nan, 1.0]]])
def test_rows_must_be_of_norm_one(rows):
    with pytest.raises(ShapeError, match="norm 1"):
        GradientCanaries(shape="coordinate", directions=rows, norm=1.0)
