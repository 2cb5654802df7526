import numpy as np
import pytest

from privaudit.report import report_to_dict
from privaudit.report.thin import KEPT_RATES, MAX_POINTS, thin_roc
from privaudit.types import RocCurve


def empirical(n, seed=0, shift=0.7):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(shift, 1, n), rng.normal(0, 1, n)])
    is_in = (np.arange(2 * n) < n)[np.argsort(-scores)]
    tpr, fpr = np.cumsum(is_in) / n, np.cumsum(~is_in) / n
    return RocCurve(fpr=np.concatenate([[0], fpr]), tpr=np.concatenate([[0], tpr]), n_in=n, n_out=n)


def floor_rule(roc, rate):
    return roc.tpr[np.searchsorted(roc.fpr, rate, side="right") - 1]


@pytest.mark.parametrize("n", [300, 2000, 50_000])
def test_kept_points_are_points_of_the_curve(n):
    roc, thin = empirical(n), thin_roc(empirical(n))
    assert len(thin.fpr) <= MAX_POINTS
    whole = set(zip(roc.fpr, roc.tpr, strict=True))
    assert set(zip(thin.fpr, thin.tpr, strict=True)) <= whole
    assert (thin.fpr[0], thin.tpr[0], thin.fpr[-1], thin.tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(thin.fpr) >= 0).all()
    assert (np.diff(thin.tpr) >= 0).all()


@pytest.mark.parametrize("n", [300, 2000, 50_000])
def test_well_known_rates_read_the_same(n):
    roc, thin = empirical(n), thin_roc(empirical(n))
    for rate in KEPT_RATES:
        assert floor_rule(thin, rate) == floor_rule(roc, rate)


def test_shape_is_kept():
    roc, thin = empirical(50_000), thin_roc(empirical(50_000))
    grid = np.concatenate([np.linspace(0, 1, 500), np.geomspace(1e-4, 1, 500)])
    lost = np.interp(grid, roc.fpr, roc.tpr) - np.interp(grid, thin.fpr, thin.tpr)
    assert np.abs(lost).max() < 0.01
    assert all(floor_rule(thin, rate) <= floor_rule(roc, rate) for rate in grid)


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_dropping_points_inside_runs_changes_nothing(repeats):
    stairs = np.linspace(0, 1, 101)
    fpr = np.concatenate([[0], np.repeat(stairs, 12 * repeats)])
    tpr = np.concatenate([[0], np.repeat(np.concatenate([np.linspace(s - 0.01, s, 12) for s in stairs]), repeats)])
    roc = RocCurve(fpr=fpr, tpr=tpr.clip(0, 1))
    thin = thin_roc(roc)
    assert len(thin.fpr) <= MAX_POINTS
    grid = np.linspace(0, 1, 1234)
    assert [floor_rule(thin, rate) for rate in grid] == [floor_rule(roc, rate) for rate in grid]


def test_a_curve_of_one_repeated_point():
    ones = np.ones(1000)
    assert thin_roc(RocCurve(fpr=ones, tpr=ones)).fpr.tolist() == [1.0]


def test_short_and_thinned_curves_come_back_equal():
    short = empirical(150)
    assert thin_roc(short) is short
    thin = thin_roc(empirical(9000))
    assert thin_roc(thin) is thin


def test_reports_hold_thinned_curves(builder):
    content = report_to_dict(builder.sample_report())
    assert all(len(finding["roc"]["fpr"]) <= MAX_POINTS for finding in content["sections"][0]["findings"][:3])
