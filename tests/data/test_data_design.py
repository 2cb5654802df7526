import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.data.design import coins_of_number, make_design
from privaudit.data.seeds import STREAMS, model_seed, stream_seed
from privaudit.errors import ConfigError, ShapeError
from privaudit.types.design import FIRST_CONTROL, model_name


def design(**changes):
    given = {"kind": "paired", "n_models": 8, "n_records": 200, "targets": [0], "population": 0.2, "seed": 0}
    given |= changes
    return make_design(record_codes=np.arange(given["n_records"]), **given)


@settings(max_examples=40)
@given(
    n_pairs=st.integers(2, 8),
    n_records=st.integers(60, 200),
    population=st.floats(0.0, 0.5),
    n_control_pairs=st.sampled_from([0, 2, 3]),
    seed=st.integers(0, 2**64),
)
def test_paired_coins_are_opposite_and_the_population_is_in_no_model(
    n_pairs, n_records, population, n_control_pairs, seed
):
    made = design(
        n_models=2 * n_pairs,
        n_records=n_records,
        population=population,
        n_control_models=2 * n_control_pairs,
        seed=seed,
    )
    assert made.n_models == 2 * (n_pairs + n_control_pairs)
    assert made.is_population.sum() == round(population * n_records)
    assert not made.is_in[:, made.is_population].any()
    assert (made.is_in[0::2] + made.is_in[1::2] == ~made.is_population).all()
    assert made.pair.tolist() == [model ^ 1 for model in range(made.n_models)]


@settings(max_examples=20)
@given(
    n_pairs=st.integers(2, 6),
    n_control_pairs=st.sampled_from([0, 2, 3]),
    population=st.floats(0.0, 0.5),
    seed=st.integers(0, 2**64),
)
def test_a_models_coins_are_a_function_of_its_number(n_pairs, n_control_pairs, population, seed):
    """Whatever the size of the design, and for models that it does not hold as well."""
    given = {"n_records": 60, "population": population, "seed": seed}
    made = design(n_models=2 * n_pairs, n_control_models=2 * n_control_pairs, **given)
    larger = design(n_models=14, n_control_models=8, **given)
    for each in (made, larger):
        coins = [
            coins_of_number(number, n_records=60, is_population=each.is_population, seed=seed)
            for number in each.numbers.tolist()
        ]
        assert np.array_equal(coins, each.is_in)
        assert coins[0].dtype == each.is_in.dtype
    rows = np.isin(larger.numbers, made.numbers)
    assert np.array_equal(larger.is_in[rows], made.is_in)


def test_numbers_are_rows_and_then_those_of_the_controls():
    assert design(n_models=6).numbers.tolist() == list(range(6))
    made = design(n_models=6, n_control_models=4)
    assert made.numbers.tolist() == [*range(6), *range(FIRST_CONTROL, FIRST_CONTROL + 4)]
    assert [model_name(number) for number in made.numbers.tolist()[5:7]] == ["model 5", "control 0"]
    keys = {tuple(model_seed(0, number).generate_state(2).tolist()) for number in made.numbers.tolist()}
    assert len(keys) == 10


@pytest.mark.statistical
def test_coins_are_fair_and_independent():
    """Four counts, each outside its band with probability 1e-6 at most if the coins are fair."""
    made = design(n_models=40, n_records=5_000, n_control_models=4)
    coins = made.is_in[0::2][:, made.coin_records].astype(bool)
    agreements = [coins, coins[1:] ^ coins[:-1], coins[:, 1:] ^ coins[:, :-1], coins[-2:] ^ coins[:2]]
    for tosses in agreements:
        low, high = binom.ppf([0.5e-6, 1 - 0.5e-6], tosses.size, 0.5)
        assert low <= tosses.sum() <= high


@pytest.mark.statistical
def test_population_is_drawn_uniformly():
    """Each count of 50 is outside its band with probability 1e-6 / 50 at most; the error rate is 1e-6."""
    counts = sum(design(n_records=50, seed=seed).is_population.astype(int) for seed in range(400))
    low, high = binom.ppf([0.5e-6 / 50, 1 - 0.5e-6 / 50], 400, 0.2)
    assert low <= counts.min()
    assert counts.max() <= high


def test_coins_of_a_pair_do_not_depend_on_the_number_of_pairs():
    few, many = design(n_models=4, n_control_models=4), design(n_models=30, n_control_models=8)
    assert (few.is_in[:4] == many.is_in[:4]).all()
    assert (few.is_in[4:] == many.is_in[30:34]).all()
    assert (few.is_population == many.is_population).all()


def test_seed_decides_everything():
    assert (design(seed=5).is_in == design(seed=5).is_in).all()
    assert (design(seed=5).is_in != design(seed=6).is_in).any()
    assert design(seed=5).seed == 5


def test_roles_and_variants():
    made = design(n_models=6, targets=[4, 1], n_control_models=4)
    expected = ["shadow", "target", "shadow", "shadow", "target", "shadow"] + ["control"] * 4
    assert made.role.tolist() == expected
    assert made.variant.tolist() == [0] * 6 + [1] * 4
    assert set(design(targets="all").role) == {"target"}


def test_balanced_puts_every_record_in_half_of_the_models():
    made = design(kind="balanced", n_models=10)
    assert (made.is_in[:, made.coin_records].sum(axis=0) == 5).all()
    assert (made.pair == -1).all()
    assert not made.is_in[:, made.is_population].any()


def test_record_codes_are_kept_and_must_fit():
    made = make_design(
        kind="paired", n_models=4, n_records=50, targets=[0], population=0, seed=0, record_codes=range(7, 57)
    )
    assert made.record_codes.tolist() == list(range(7, 57))
    with pytest.raises(ShapeError, match="record_codes"):
        make_design(kind="paired", n_models=4, n_records=50, targets=[0], population=0, seed=0, record_codes=[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_models": 7}, "even and at least 4"),
        ({"n_models": 2}, "even and at least 4"),
        ({"n_models": 7, "kind": "balanced"}, "even"),
        ({"targets": [8]}, r"0\.\.7"),
        ({"targets": [-1]}, r"0\.\.7"),
        ({"targets": [1, 1]}, "distinct"),
        ({"targets": []}, "at least one"),
        ({"targets": "some"}, "'all'"),
        ({"population": 1.0}, r"\[0, 1\)"),
        ({"population": -0.1}, r"\[0, 1\)"),
        ({"population": float("nan")}, r"\[0, 1\)"),
        ({"population": 0.999}, "at least 2 records"),
        ({"n_records": 2, "population": 0.0, "n_models": 30}, "train on at least one record"),
        ({"n_control_models": 2}, "even and at least 4"),
        ({"n_control_models": 5}, "even and at least 4"),
        ({"n_control_models": 4, "kind": "balanced"}, "no control models"),
        ({"kind": "pared"}, "paired or balanced"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_designs_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        design(**changes)


def test_streams_never_meet():
    roots = (0, 1, 2**32, 2**128 - 1)
    numbers = (0, 1, 2, 4, 2**32 - 1)
    seeds = [model_seed(root, number) for root in roots for number in numbers]
    seeds += [stream_seed(root, stream, number) for root in roots for stream in STREAMS for number in numbers]
    assert len({tuple(seed.generate_state(4)) for seed in seeds}) == len(seeds)


def test_model_seed_is_numpys():
    expected = np.random.SeedSequence(7, spawn_key=(3,))
    assert model_seed(7, 3).generate_state(4).tolist() == expected.generate_state(4).tolist()


@pytest.mark.parametrize(("root", "model"), [(-1, 0), (2**128, 0), (0, -1), (0, 2**32)])
def test_numbers_that_would_spill_into_another_key_are_refused(root, model):
    with pytest.raises(ConfigError, match="must lie in"):
        model_seed(root, model)
