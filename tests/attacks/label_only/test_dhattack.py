"""DHAttack: formulas by hand, the traps of the published score, and what it may not look at."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from privaudit.attacks.label_only.dhattack import N_STEPS, DhAttack, boundary_log_odds, mid_ranks, tie_notes
from privaudit.errors import ConfigError, DataError, MissingSignalError, UnsupportedError
from privaudit.estimators import auc, auc_null_variance
from privaudit.types import SignalTable

CALIBRATIONS = ("z", "rank", "paper", "none")
N_RECORDS = 60


def distances(shape, seed=0):
    """Steps as models show them: records differ, many stand to the end, some are wrong at once."""
    rng = np.random.default_rng(seed)
    nature = rng.normal(30.0, 25.0, shape[1])
    return np.clip(np.round(nature + rng.normal(0.0, 6.0, shape)), 0, N_STEPS)


@pytest.fixture(scope="session")
def with_distances(make_inputs):
    def make(design, distance, **options):
        inputs = make_inputs(design, np.where(distance > 0, 1.0, -1.0), **options)
        table = SignalTable(
            name="direction_distance",
            values=np.asarray(distance, dtype=np.float64)[:, :, None],
            model_index=np.arange(len(distance)),
            record_index=np.arange(distance.shape[1]),
        )
        return replace(inputs, signals={**inputs.signals, "direction_distance": table})

    return make


def out_of(values, coins, target, record):
    """Values of the models without the record, target and complement left out."""
    rows = [row for row in range(len(coins)) if row // 2 != target // 2 and not coins[row, record]]
    return values[rows, record]


def test_scores_by_hand(draw_coins, make_design, with_distances):
    coins = draw_coins("paired", 8, N_RECORDS)
    inputs = with_distances(make_design(coins), distance := distances(coins.shape))
    (z,), (rank,), (none,) = (DhAttack(calibration=name).run(inputs, targets=[3]) for name in ("z", "rank", "none"))
    for record in range(N_RECORDS):
        out, seen = out_of(distance, coins, 3, record), distance[3, record]
        assert z.scores[record] == pytest.approx((seen - out.mean()) / max(out.std(ddof=1), 1.0), rel=1e-9)
        assert rank.scores[record] == ((out < seen).sum() + (out == seen).sum() / 2) / len(out)
    np.testing.assert_array_equal(none.scores, distance[3])
    assert z.access == "label" and z.params == {"calibration": "z", "n_queries": 50}


def exact_log_odds(step):
    b = (-Decimal(step)).exp() + Decimal("1e-8")
    return float(-b - (1 - (-b).exp()).ln())


def test_the_papers_score_by_hand(draw_coins, make_design, with_distances):
    """Phi of our score is what is published, to six digits."""
    coins = draw_coins("paired", 16, N_RECORDS)
    distance = np.minimum(distances(coins.shape), 25)
    (result,) = DhAttack(calibration="paper").run(with_distances(make_design(coins), distance), targets=[0])
    psi = np.array([exact_log_odds(step) for step in range(26)])[distance.astype(int)]
    published = np.empty(N_RECORDS)
    for record in range(N_RECORDS):
        out = out_of(psi, coins, 0, record)
        mean, spread = (out[0], 0.0) if (out == out[0]).all() else (out.mean(), out.std(ddof=1))  # as without rounding
        published[record] = norm.cdf((psi[0, record] - mean) / (spread + 1e-30))
    np.testing.assert_allclose(norm.cdf(result.scores), published, rtol=1e-6, atol=1e-9)
    assert np.isfinite(result.scores).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_log_odds_stay_finite_where_single_precision_does_not(dtype):
    """In float32, 1 - exp(-b) is 0 from distance 17 on: the published formula gives infinity, then NaN."""
    steps = np.arange(N_STEPS + 1, dtype=dtype)
    with np.errstate(divide="ignore"):
        b = np.exp(-steps.astype(np.float32)) + np.float32(1e-8)
        assert np.isinf(np.log(np.exp(-b) / (1 - np.exp(-b)))[-1])
    psi = boundary_log_odds(steps)
    assert psi.dtype == np.float64 and np.isfinite(psi).all() and (np.diff(psi) > 0).all()
    assert psi[0] == pytest.approx(-0.541325, abs=1e-5) and psi[-1] == pytest.approx(-np.log(1e-8), abs=1e-6)


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_models_that_agree_on_every_record_give_finite_scores(calibration, draw_coins, make_design, with_distances):
    """Deviation 0: z counts steps, the published score is a step function with enormous values."""
    coins = draw_coins("paired", 6, 9)
    distance = np.tile(np.repeat([0.0, 20.0, 50.0], 3), (6, 1))
    distance[0] = [0, 1, 50, 0, 20, 50, 0, 49, 50]
    (result,) = DhAttack(calibration=calibration).run(with_distances(make_design(coins), distance), targets=[0])
    assert np.isfinite(result.scores).all()
    by_hand = {
        "z": [0, 1, 50, -20, 0, 30, -50, -1, 0],
        "rank": [0.5, 1, 1, 0, 0.5, 1, 0, 0, 0.5],
        "none": distance[0],
    }
    if calibration == "paper":
        np.testing.assert_array_equal(np.sign(result.scores), np.sign(distance[0] - distance[1]))
        assert np.abs(result.scores[result.scores != 0]).min() > 1e16
    else:
        np.testing.assert_array_equal(result.scores, by_hand[calibration])


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("n_models", [4, 8, 16])
def test_four_models_are_enough_and_two_are_not(calibration, n_models, draw_coins, make_design, with_distances):
    coins = draw_coins("paired", n_models, N_RECORDS)
    inputs = with_distances(make_design(coins, n_population=5), distances((n_models, N_RECORDS + 5)))
    for result in DhAttack(calibration=calibration).run(inputs, targets=range(n_models)):
        assert result.scores.shape == (N_RECORDS,) and np.isfinite(result.scores).all()
        assert not result.depends_on_coins
    few = inputs.restricted_to([0, 1])
    if calibration == "none":
        DhAttack(calibration=calibration).run(few, targets=[0])
    else:
        with pytest.raises(UnsupportedError, match=r"besides target 0 .* of which there are 0.*design\.n_models"):
            DhAttack(calibration=calibration).run(few, targets=[0])


@pytest.mark.parametrize("calibration", ["z", "rank", "paper"])
def test_records_that_every_shadow_holds_are_refused_and_those_that_none_does_are_scored(
    calibration, draw_coins, make_design, with_distances
):
    coins = draw_coins("balanced", 8, N_RECORDS)
    coins[:, :7] = 0
    design = make_design(coins, kind="balanced")
    (result,) = DhAttack(calibration=calibration).run(with_distances(design, distances(coins.shape)), targets=[0])
    assert np.isfinite(result.scores).all() and result.depends_on_coins  # no complement: the counts betray the coins
    coins[1:, 3] = 1
    design = make_design(coins, kind="balanced")
    with pytest.raises(UnsupportedError, match=r"1 records"):
        DhAttack(calibration=calibration).run(with_distances(design, distances(coins.shape)), targets=[0])


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_the_complement_and_the_shadows_that_hold_the_record_are_not_looked_at(
    calibration, draw_coins, make_design, with_distances
):
    coins = draw_coins("paired", 8, N_RECORDS)
    design, distance = make_design(coins), distances(coins.shape)
    attack = DhAttack(calibration=calibration)
    (before,) = attack.run(with_distances(design, distance), targets=[2])
    changed = np.where(coins == 1, N_STEPS - distance, distance)
    changed[2], changed[3] = distance[2], 7.0
    (after,) = attack.run(with_distances(design, changed), targets=[2])
    np.testing.assert_array_equal(after.scores, before.scores)
    flipped = coins.copy()
    flipped[2:4] = 1 - coins[2:4]  # the target's own coins
    (other,) = attack.run(with_distances(make_design(flipped), distance), targets=[2])
    np.testing.assert_array_equal(other.scores, before.scores)


@given(st.integers(0, 10**6), st.sampled_from(DhAttack.query_ladder), st.sampled_from(CALIBRATIONS))
def test_fewer_queries_are_those_of_a_shorter_measurement(
    draw_coins, make_design, with_distances, seed, n_queries, calibration
):
    coins = draw_coins("paired", 6, 20, seed=seed)
    design, distance = make_design(coins), distances(coins.shape, seed)
    (short,) = DhAttack(calibration=calibration).run(
        with_distances(design, np.minimum(distance, n_queries)), targets=[1]
    )
    (cut,) = DhAttack(calibration=calibration, n_queries=n_queries).run(with_distances(design, distance), targets=[1])
    np.testing.assert_array_equal(cut.scores, short.scores)
    assert cut.params["n_queries"] == n_queries


@pytest.mark.parametrize(
    ("options", "key"),
    [({"n_queries": 0}, "n_queries"), ({"n_queries": 51}, "n_queries"), ({"calibration": "median"}, "calibration")],
)
def test_unknown_options_are_refused(options, key):
    with pytest.raises(ConfigError, match=r"10, 20, 30, 50|z, rank, paper, none") as caught:
        DhAttack(**options)
    assert caught.value.key == key


@pytest.mark.parametrize("bad", [np.inf, -1.0, 51.0, 1e70])
def test_distances_that_no_measurement_gives_are_refused(bad, draw_coins, make_design, with_distances):
    coins = draw_coins("paired", 4, N_RECORDS)
    distance = distances(coins.shape)
    distance[2, 5] = bad
    with pytest.raises(DataError, match="direction_distance"):
        DhAttack().run(with_distances(make_design(coins), distance), targets=[0])
    # of a model that is not used nothing is looked at
    DhAttack(calibration="none").run(with_distances(make_design(coins), distance, models=[0, 1]), targets=[0])


def test_missing_signals_and_targets_are_refused(draw_coins, make_design, make_inputs, with_distances):
    design = make_design(draw_coins("paired", 4, N_RECORDS))
    with pytest.raises(MissingSignalError, match="direction_distance"):
        DhAttack().run(make_inputs(design, np.ones(design.is_in.shape), leave_out=("direction_distance",)), targets=[0])
    with pytest.raises(UnsupportedError, match="measured"):
        DhAttack().run(with_distances(design, distances(design.is_in.shape)), targets=[9])


def test_notes_say_how_many_records_are_tied_and_that_a_model_gives_one_label(draw_coins, make_design, with_distances):
    assert tie_notes(np.arange(300.0), np.arange(300.0)) == () == tie_notes(np.empty(0), np.empty(0))
    coins = draw_coins("paired", 6, N_RECORDS)
    distance = distances(coins.shape)
    (result,) = DhAttack(calibration="none").run(with_distances(make_design(coins), distance), targets=[0])
    share = f"{100 * np.mean(distance[0] == N_STEPS):.1f} % of the records"
    assert [note.startswith(share) for note in result.notes] == [True, True]
    distance[0] = np.where(np.arange(N_RECORDS) % 3 == 2, N_STEPS, 0)  # right where the class is 2, and nowhere else
    (constant,) = DhAttack().run(with_distances(make_design(coins), distance), targets=[0])
    assert any("class 2" in note for note in constant.notes)


def test_mid_ranks_of_ties_lie_between():
    shadows, is_out = np.tile([[50.0], [50.0], [10.0]], (1, 3)), np.ones((3, 3), dtype=bool)
    np.testing.assert_allclose(mid_ranks(np.array([50.0, 10.0, 9.0]), shadows, is_out), [2 / 3, 1 / 6, 0.0])


REDRAWS, N_MANY = 10, 1000
Z_ONE, Z_MEAN = norm.isf(0.5e-6 / (len(CALIBRATIONS) * 3 * REDRAWS)), norm.isf(0.5e-6 / (len(CALIBRATIONS) * 3))


@pytest.mark.statistical
@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("n_models", [4, 8, 16])
def test_redrawn_coins_leave_it_at_chance(calibration, n_models, draw_coins, make_design, with_distances):
    """All AUCs together fail with probability 1e-6, and all means of ten redraws with 1e-6: given the shadows' coins
    the AUC is a Mann-Whitney statistic with ties as blocks, whose exact variance is used.
    """
    distance, attack = distances((n_models, N_MANY), seed=1), DhAttack(calibration=calibration)
    areas, variances = [], []
    for redraw in range(REDRAWS):
        coins = draw_coins("paired", n_models, N_MANY, seed=1000 * n_models + redraw)
        (result,) = attack.run(with_distances(make_design(coins), distance), targets=[redraw % n_models])
        n_in = int(result.label.sum())
        areas.append(auc(result.scores, result.label))
        variances.append(auc_null_variance(result.scores, n_in, N_MANY - n_in))
    deviations = np.array(areas) - 0.5
    assert (np.abs(deviations) <= Z_ONE * np.sqrt(variances)).all()
    assert abs(deviations.sum()) <= Z_MEAN * np.sqrt(sum(variances))


def test_calibration_finds_members_that_the_distance_alone_does_not(draw_coins, make_design, with_distances):
    """Members stand five steps longer, where records differ by 25: AUC .99 and .58 on 400 records."""
    coins = draw_coins("paired", 16, 400)
    rng = np.random.default_rng(0)
    nature = rng.uniform(5.0, 40.0, 400)
    distance = np.round(nature + 5.0 * coins + rng.normal(0.0, 1.0, coins.shape))
    inputs = with_distances(make_design(coins), distance)
    areas = {}
    for calibration in CALIBRATIONS:
        (result,) = DhAttack(calibration=calibration).run(inputs, targets=[0])
        areas[calibration] = auc(result.scores, result.label)
    assert areas["z"] > 0.97 and areas["rank"] > 0.95 and areas["none"] < 0.65
