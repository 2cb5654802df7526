"""The study of unknown hyperparameters: its pools, its tuning, what an attacker is kept from, and the quick study."""

import json

import numpy as np
import pytest

from privaudit.cli.main import exit_code
from privaudit.errors import ConfigError
from privaudit.estimators import gaussian_auc, gaussian_mu
from privaudit.studies.hyperparameters import checks as checks_module
from privaudit.studies.hyperparameters import tuning
from privaudit.studies.hyperparameters.checks import checks
from privaudit.studies.hyperparameters.claim import DELTA, EPSILON, highest_auc, noise_of
from privaudit.studies.hyperparameters.contest import (
    ATTACKS,
    CHOSEN,
    ORACLE,
    Figures,
    chosen_columns,
    contest,
    diagonal,
)
from privaudit.studies.hyperparameters.played import DRAWN_TARGETS, ELSEWHERE, PRIVATE, PRIVATE_DRAWN, TUNED, Played
from privaudit.studies.hyperparameters.pools import CIFAR, DIGITS, SHOTS, components, two_pools
from privaudit.studies.hyperparameters.trained import make_grid, tuned_elsewhere
from privaudit.studies.hyperparameters.tuning import Hyperparameters, draw, tune

N_DATASETS = 6


@pytest.fixture(scope="module")
def pools():
    return DIGITS.pools(3, None)


@pytest.fixture(scope="module")
def grid(pools):
    return make_grid(pools, n_datasets=N_DATASETS, private=False, seed=5)


def test_pools_are_disjoint_and_of_equal_classes(pools):
    labels = np.repeat(np.arange(4), 30)
    own, other = two_pools(labels, 10, 0)
    assert len(np.unique([*own, *other])) == 80
    assert (labels[own] == labels[other]).all() and np.bincount(labels[own]).tolist() == [10] * 4
    assert pools.features.shape == pools.other_features.shape == (20 * SHOTS, 65)
    assert pools.features.dtype == np.float32 and (pools.features[:, -1] == 1).all()
    rows = {row.tobytes() for row in (*pools.features, *pools.other_features)}
    assert len(rows) == 40 * SHOTS


def test_a_class_with_too_few_records_is_refused():
    with pytest.raises(ConfigError, match="needs 20 records; the smallest has 19"):
        two_pools(np.repeat([0, 1], [19, 40]), 10, 0)


def test_components_are_those_of_public_records_alone():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5)) * [5, 3, 1, 0.5, 0.1] + 7
    public = np.arange(40)
    kept = components(features, public, 2)
    assert np.mean(kept[public] ** 2) == pytest.approx(1)
    assert abs(np.corrcoef(kept[public].T)[0, 1]) < 1e-9
    assert abs(np.corrcoef(kept[:, 0], features[:, 0])[0, 1]) > 0.98
    changed = features.copy()
    changed[50:] += 100.0
    np.testing.assert_array_equal(components(changed, public, 2)[:50], kept[:50])


def test_draws_are_log_uniform():
    """5,000 draws: a quantile is within .03 of its place in (0, 1), which a correct draw misses once in 10,000."""
    drawn = draw(5000, np.random.default_rng(1))
    places = (np.log10(drawn.learning_rate) + 4) / 3
    assert places.min() >= 0 and places.max() <= 1
    assert np.abs(np.sort(places) - np.linspace(0, 1, 5000)).max() < 0.03
    assert np.unique(drawn.sample_rate).tolist() == [0.1, 0.3, 1.0]


def test_tuning_takes_the_most_accurate_on_records_held_out(monkeypatch, pools):
    """The trainer is replaced by one whose heads answer right only with the 7th trial, and at records it was not given."""
    asked = []

    def stand_in(features, labels, heads, **options):
        asked.append((heads, options))
        weights = np.zeros((len(heads.is_in), 65, 10))
        weights[np.arange(7, len(weights), tuning.N_TRIALS)] = np.linalg.lstsq(features, np.eye(10)[labels])[0]
        return weights

    monkeypatch.setattr(tuning, "train_heads", stand_in)
    is_in = np.random.default_rng(2).random((4, len(pools.labels))) < 0.5
    chosen = tune(pools.features, pools.labels, is_in, private=False, seed=1)
    elsewhere = tune(pools.other_features, pools.labels, is_in, private=False, seed=1)
    (heads, options), (others, _) = asked
    assert chosen.learning_rate.tolist() == heads.learning_rate[7 :: tuning.N_TRIALS].tolist()
    share = heads.is_in.reshape(4, tuning.N_TRIALS, -1)[:, 0].sum() / is_in.sum()
    assert not (heads.is_in & ~np.repeat(is_in, tuning.N_TRIALS, axis=0)).any() and 0.65 < share < 0.75
    assert options["expected_size"] == 0.7 * len(pools.labels) / 2
    assert (heads.is_in == others.is_in).all()
    assert elsewhere.sample_rate.tolist() == chosen.sample_rate.tolist()


def test_private_heads_get_the_noise_of_their_rate():
    chosen = Hyperparameters(np.array([0.01, 0.1]), np.array([1.0, 0.3]))
    heads = tuning.heads_of(np.ones((2, 4), dtype=bool), chosen, private=True)
    assert heads.noise_multiplier.tolist() == [noise_of(1.0), noise_of(0.3)] and heads.clip.tolist() == [1.0, 1.0]


def test_the_claims_auc_is_the_gaussian_one_at_full_batches():
    assert highest_auc(1.0) == pytest.approx(gaussian_auc(gaussian_mu(EPSILON, DELTA)), abs=1e-4)
    assert 0.5 < highest_auc(0.3) <= highest_auc(1.0) + 1e-3


def test_a_grid_holds_every_data_set_with_every_candidate(pools, grid):
    assert grid.margin.shape == (N_DATASETS, 2 * N_DATASETS, len(pools.labels))
    assert (grid.is_in[::2] ^ grid.is_in[1::2]).all() and grid.pair.tolist() == [1, 0, 3, 2, 5, 4]
    slow, fast = grid.drawn.learning_rate.argsort()[[0, -1]]
    spread = np.abs(grid.margin[:, N_DATASETS:] - np.log(1 / 9)).mean(axis=(0, 2))
    assert spread[slow] < spread[fast]


def test_heads_tuned_elsewhere_are_trained_on_the_same_sets(pools, grid):
    """A head with a high margin at its members: every data set's own heads know them better than its complement's do."""
    margin, tuned = tuned_elsewhere(pools, grid, seed=5)
    assert margin.shape == (N_DATASETS, N_DATASETS, len(pools.labels)) and len(tuned.learning_rate) == N_DATASETS
    for row, members in enumerate(grid.is_in):
        mine, complement = margin[row].mean(axis=0), margin[row ^ 1].mean(axis=0)
        assert (mine - complement)[members].mean() > 0 > (mine - complement)[~members].mean()


def test_no_candidate_that_the_targets_coins_decided_is_chosen(grid):
    """Columns that are the target's own head over again: divergence 0, taken wherever an attacker has them."""
    n = N_DATASETS
    targets = diagonal(grid.margin[:, :n], np.arange(n))
    for column, is_known in ((0, False), (1, False), (2, True), (n, True)):
        margin = grid.margin.copy()
        margin[:, column] = targets.margin[0]
        assert (chosen_columns(grid._replace(margin=margin), targets)[0] == column) == is_known
    drawn = targets._replace(forbidden=n + np.arange(n))
    margin[:, n] = targets.margin[0]
    assert chosen_columns(grid._replace(margin=margin), drawn)[0] != n


def test_a_choice_does_not_depend_on_heads_of_the_target_or_its_complement(grid):
    """Neither their rows nor the columns tuned on them: only the target's margins may tell its coins."""
    n = N_DATASETS
    targets = diagonal(grid.margin[:, :n], np.arange(n))
    changed = grid.margin.copy()
    changed[:2] = changed[:2] * -3 + 1
    changed[:, :2] = changed[:, :2] * 5 + 2
    after = grid._replace(margin=changed)
    assert chosen_columns(after, targets)[0] == chosen_columns(grid, targets)[0]


def test_known_hyperparameters_tell_members_apart(grid):
    found = contest(grid, diagonal(grid.margin[:, :N_DATASETS], np.arange(N_DATASETS)))
    assert set(found) == set(ATTACKS) and found[ORACLE].auc > 0.52


def played(repeat, *, gain=0.2, gap=0.0, private=0.52):
    """One repeat with known figures: KL is 0.01 below the oracle, `gain` above the others."""

    def figures(shift=0.0):
        found = {attack: Figures(0.89 - gain + repeat * 1e-3, 0.05) for attack in ATTACKS}
        return {**found, CHOSEN: Figures(0.89, 0.27 + shift), ORACLE: Figures(0.9, 0.3 + shift)}

    wobble = 0.01 * (-1) ** repeat
    plain = {TUNED: figures(), DRAWN_TARGETS: figures(), ELSEWHERE: figures(gap + wobble)}
    secret = dict.fromkeys(ATTACKS, Figures(private + repeat * 1e-3, 0.01))
    return Played(
        "CIFAR-10 features",
        repeat,
        {**plain, PRIVATE: secret, PRIVATE_DRAWN: secret},
        {PRIVATE: 0.575, PRIVATE_DRAWN: 0.575},
    )


@pytest.mark.parametrize(
    ("changes", "n_unmet"),
    [({}, 0), ({"gain": 0.05}, 1), ({"gain": -0.01}, 3), ({"gap": 0.05}, 2), ({"private": 0.6}, 2)],
)
def test_checks_see_what_is_wrong(changes, n_unmet):
    found = checks({"CIFAR-10 features": [played(repeat, **changes) for repeat in range(8)]})
    assert sum(not check.is_met for check in found) == n_unmet
    assert len(found) == 9 and checks_module.MARGIN.keys() == checks_module.LEAST_GAIN.keys()


def test_data_that_are_not_there_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PRIVAUDIT_DATA", raising=False)
    for arguments in ([], ["--data-dir", str(tmp_path)]):
        assert exit_code(["study", "hyperparameters", "--quiet", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert CIFAR.file in line and "PRIVAUDIT_DATA" in line


def test_the_quick_study_finds_what_it_set_out_to_show(capsys):
    assert exit_code(["study", "hyperparameters", "--quick", "--quiet", "--workers", "1", "--format", "json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [check["name"] for check in content["checks"] if not check["is_met"]] == []
    assert len(content["checks"]) == 5 and len(content["tables"][0]["rows"]) == 5 * len(ATTACKS)
