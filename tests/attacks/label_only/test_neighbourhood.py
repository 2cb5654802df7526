"""The membership neighbourhood: divergences of normal fits, and the record that is always in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from privaudit.attacks.label_only.neighbourhood import NormalFit, kept_neighbours, normal_divergence, normal_fit
from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError

OPTIONS = {"threshold": 0.75, "sigma_floor": 0.1}


@settings(max_examples=20)
@given(means=st.tuples(*[st.floats(-3, 3)] * 2), sigmas=st.tuples(*[st.floats(0.5, 2)] * 2))
def test_the_divergence_is_the_integral(means, sigmas):
    first, second = (NormalFit(np.array(mean), np.array(sigma)) for mean, sigma in zip(means, sigmas, strict=True))
    one, other = (norm(mean, sigma) for mean, sigma in zip(means, sigmas, strict=True))
    wanted, _ = quad(lambda x: one.pdf(x) * (one.logpdf(x) - other.logpdf(x)), means[0] - 20, means[0] + 20)
    assert normal_divergence(first, second) == pytest.approx(wanted, abs=1e-6)
    assert normal_divergence(first, second) >= 0 == normal_divergence(first, first)


def test_fits_are_those_of_numpy_with_a_floor():
    margin = np.random.default_rng(0).normal(size=(6, 3, 4))
    is_used = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    fit = normal_fit(margin, is_used, sigma_floor=0.4)
    for record in range(3):
        own = margin[is_used[:, record], record]
        np.testing.assert_allclose(fit.mean[record], own.mean(axis=0))
        np.testing.assert_allclose(fit.sigma[record], np.maximum(own.std(axis=0, ddof=1), 0.4))


def margins(shift_in, shift_out, n_models=8):
    """One record of 8 models, half of which hold it, and one candidate shifted on either side."""
    rng = np.random.default_rng(3)
    is_in = (np.arange(n_models) % 2 == 0)[:, None]
    clean = rng.normal(size=(n_models, 1)) + np.where(is_in, 6.0, 0.0)
    moved = clean + np.where(is_in, shift_in, shift_out)
    return np.stack([clean, moved], axis=2), is_in.astype(int)


@pytest.mark.parametrize(("shift_in", "shift_out", "kept"), [(0, 0, 1), (9, 0, 0), (0, 9, 0), (9, 9, 0)])
def test_a_candidate_must_be_near_on_both_sides(shift_in, shift_out, kept):
    assert kept_neighbours(*margins(shift_in, shift_out), **OPTIONS).tolist() == [[True, bool(kept)]]


def test_the_direction_is_from_the_record_to_the_candidate():
    """A candidate of twice the deviation is nearer than one of half: .443 against .807 nats."""
    base = np.array([-1.0, 0.0, 1.0])
    widths = np.stack([base, base * 2, base / 2], axis=1)[:, None, :]
    margin = np.concatenate([widths, widths])
    kept = kept_neighbours(margin, [[1]] * 3 + [[0]] * 3, threshold=0.75, sigma_floor=0.01)
    assert kept.tolist() == [[True, True, False]]


def test_saturated_models_keep_their_neighbours_by_the_floor():
    """Deviations of nearly 0: without a floor a shift of a hundredth is infinitely far."""
    rng = np.random.default_rng(0)
    margin = 12.0 + 1e-6 * rng.normal(size=(8, 1, 3))
    margin[:, :, 1] += 0.05
    margin[:, :, 2] += 5.0
    is_in = np.arange(8)[:, None] % 2
    assert kept_neighbours(margin, is_in, **OPTIONS).tolist() == [[True, True, False]]
    assert kept_neighbours(margin, is_in, threshold=0.75, sigma_floor=1e-9).tolist() == [[True, False, False]]


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 1e4), forced=st.integers(0, 2))
def test_the_record_itself_is_always_kept(seed, scale, forced):
    margin = scale * np.random.default_rng(seed).standard_cauchy(size=(6, 5, 3))
    is_in = np.arange(6)[:, None] % 2 + np.zeros((1, 5), dtype=int)
    kept = kept_neighbours(margin, is_in, threshold=1e-12, sigma_floor=1e-5, forced=forced)
    assert kept[:, forced].all() and kept.shape == (5, 3)


def test_a_fit_does_not_depend_on_far_away_records_or_order_of_models():
    margin, is_in = np.random.default_rng(1).normal(size=(8, 4, 6)), np.arange(8)[:, None] % 2 * np.ones((1, 4))
    kept = kept_neighbours(margin, is_in, **OPTIONS)
    order = np.random.default_rng(2).permutation(8)
    np.testing.assert_array_equal(kept_neighbours(margin[order], is_in[order], **OPTIONS), kept)
    margin[:, 3] = 1e9
    np.testing.assert_array_equal(kept_neighbours(margin, is_in, **OPTIONS)[:3], kept[:3])


@pytest.mark.parametrize(
    ("margin", "is_in", "options", "error"),
    [
        (np.zeros((4, 1)), np.zeros((4, 1)), {}, ShapeError),
        (np.zeros((4, 1, 2)), np.zeros((3, 1)), {}, ShapeError),
        (np.full((4, 1, 2), np.nan), [[0], [0], [1], [1]], {}, DataError),
        (np.full((4, 1, 2), np.inf), [[0], [0], [1], [1]], {}, DataError),
        (np.zeros((3, 1, 2)), [[0], [0], [1]], {}, UnsupportedError),
        (np.zeros((4, 1, 2)), [[0], [0], [1], [1]], {"sigma_floor": 0.0}, ConfigError),
        (np.zeros((4, 1, 2)), [[0], [0], [1], [1]], {"threshold": float("nan")}, ConfigError),
    ],
)
def test_what_cannot_be_fitted_is_refused(margin, is_in, options, error):
    with pytest.raises(error):
        kept_neighbours(margin, is_in, **(OPTIONS | options))
