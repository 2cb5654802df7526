"""The black-box game, on scikit-learn's digits as a stand-in for MNIST, which is not bundled."""

import os
from pathlib import Path

import numpy as np
import pytest

from privaudit.data.bundled import load_digits_dataset
from privaudit.errors import ConfigError, DataError
from privaudit.studies import black_box
from privaudit.studies.black_box import (
    COLUMNS,
    FILE,
    RATES,
    Audited,
    all_games,
    audit_game,
    play_games,
    quick_games,
    read_images,
    study,
)
from privaudit.studies.black_box_game import CANARIES, STARTS, Game, PlayedRuns, Runs, make_setting, play_runs
from privaudit.studies.study import StudyOptions

N_RECORDS, DELTA = 40, 1e-5

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def digits():
    dataset = load_digits_dataset()
    return np.ascontiguousarray(dataset.features.reshape(dataset.n_records, -1)), dataset.labels


@pytest.fixture(scope="module")
def setting(digits):
    return make_setting(*digits, n_records=N_RECORDS, seed=0)


def game(**changes):
    return Game(**{"number": 0, "seed": 0, "start": "worst case", "canary": "blank", "lr": 1e-2, **changes})


def played(setting, one, n=20, *, noise=1.0, steps=10):
    return play_runs({0: setting}, noise, steps, DELTA, Runs(one, range(n)))


def rows_of(features):
    return {row.tobytes() for row in features}


def test_nothing_is_trained_on_twice_and_canaries_are_in_no_training(digits, setting):
    """Records that are told apart by a number of their own, so that shares are seen by record."""
    numbered = np.repeat(np.arange(len(digits[1]), dtype=np.float32)[:, None], 64, axis=1)
    made = make_setting(numbered, digits[1], n_records=N_RECORDS, seed=3)
    trained, tested = rows_of(made.features), rows_of(made.test_features)
    half = np.random.default_rng(3).permutation(len(numbered))[: len(numbered) // 2]
    assert (len(trained), len(tested)) == (N_RECORDS, len(numbered) - len(half) - N_RECORDS)
    assert not trained & tested and not (trained | tested) & rows_of(numbered[half])
    copied = rows_of(made.canaries["mislabelled"].features)
    assert copied <= tested and not copied & trained
    assert set(setting.canaries) == set(CANARIES) and not setting.canaries["blank"].features.any()


def test_pre_trained_weights_know_the_classes_and_random_ones_do_not(setting):
    """Deterministic. Ten classes: a guess is right in a tenth of cases, give or take a network's luck."""
    accuracy = {start: played(setting, game(start=start, lr=1e-9)).accuracy for start in STARTS}
    assert accuracy["worst case"] > 0.6
    assert max(accuracy["average, fixed"], accuracy["average, fresh"]) < 0.4


@pytest.mark.parametrize("canary", CANARIES)
def test_almost_without_noise_the_loss_tells_every_run_apart(setting, canary):
    """Deterministic but for noise of a hundredth of the clip."""
    runs = played(setting, game(canary=canary), noise=0.01)
    assert runs.is_in.tolist() == [True, False] * 10
    assert runs.scores[runs.is_in].min() > runs.scores[~runs.is_in].max()


def test_initial_weights_are_shared_but_for_the_fresh_ones(setting):
    spread = {start: np.ptp(played(setting, game(start=start, lr=1e-9)).scores) for start in STARTS}
    assert max(spread["worst case"], spread["average, fixed"]) < 1e-4
    assert spread["average, fresh"] > 0.05


def test_every_run_has_noise_of_its_own_and_the_same_again(setting):
    first, again = (played(setting, game()).scores for _ in range(2))
    other = played(setting, game(number=1)).scores
    assert np.array_equal(first, again)
    assert len(np.unique(np.concatenate([first, other]))) == 40


def test_a_game_is_played_in_groups_and_audited(digits):
    """Noise for epsilon 10, 200 runs a side; a bound of 1 is a shift of 0.27 deviations.

    In 5,000 simulations of a Gaussian law of shift 1.5 the bound's shift was 1.05 with a deviation of 0.15, so a right
    audit, whose law has a shift of nearly 2, fails in less than one of a million seeds.
    """
    seen = []
    (found,) = play_games(
        [game()],
        *digits,
        options=StudyOptions(workers=1),
        progress=seen.append,
        n_records=N_RECORDS,
        n_runs=200,
        steps=10,
    )
    assert found.gaussian > 0.3
    assert 0.0 <= found.model_free < found.gaussian and found.accuracy > 0.5
    assert [step.done for step in seen] == list(range(21))


def test_higher_scores_are_more_member_like():
    scores = np.arange(200.0)
    is_in = scores >= 100
    right = audit_game(game(), [PlayedRuns(scores, is_in, 0.5)])
    wrong = audit_game(game(), [PlayedRuns(-scores, is_in, 0.5)])
    assert right.gaussian > 5 and wrong.gaussian == 0.0


def test_the_study_has_every_cell_once_and_the_checked_ones_with_three_seeds():
    games = all_games(5)
    cells = [(one.start, one.canary, one.lr) for one in games if one.seed == 5]
    assert len(set(cells)) == len(cells) == len(STARTS) * len(CANARIES) * len(RATES)
    assert len({one.number for one in games}) == len(games) == len(cells) + 2 * len(RATES)
    assert {one.canary for one in games if one.seed > 5} == {"blank"}
    assert [one.start for one in quick_games(5)] == ["worst case"]


def test_a_check_is_met_by_the_median_of_its_seeds(monkeypatch):
    def stand_in(games, features, labels, *, options, progress):
        bounds = {1e-4: (4.0, 5.0, 9.0), 1e-3: (4.9, 4.9, 9.0), 1e-2: (6.0, 7.0, 8.0)}
        return [
            Audited(
                game=one, gaussian=bounds.get(one.lr, (0.0,) * 3)[one.seed], model_free=1.0 + one.number, accuracy=0.9
            )
            for one in games
        ]

    monkeypatch.setattr(black_box, "play_games", stand_in)
    monkeypatch.setattr(black_box, "read_images", lambda folder: (None, None))
    result = study(StudyOptions())
    assert [check.is_met for check in result.checks] == [True, False, True]  # none of the rate above 1e-2
    assert [len(table.rows) for table in result.tables] == [12, 32]
    assert all(len(row) == len(COLUMNS) for table in result.tables for row in table.rows)
    assert result.tables[0].rows[0][:6] == ("worst case", "blank", 1e-4, 0, 4.0, 1.0)


def test_a_file_of_another_layout_and_too_few_records_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no folder"):
        read_images(None)
    np.savez(tmp_path / FILE, images=np.zeros((4, 28, 28), np.uint8))
    with pytest.raises(DataError, match="images"):
        read_images(tmp_path)
    np.savez(tmp_path / FILE, X=np.full((4, 28, 28), 255, np.uint8), y=np.arange(4))
    features, labels = read_images(tmp_path)
    assert features.shape == (4, 784) and features.max() == 1.0 and labels.dtype == np.int64
    with pytest.raises(DataError, match="84 records"):
        make_setting(features, labels, n_records=N_RECORDS, seed=0)


@pytest.mark.slow
def test_mnist_is_audited_well_beyond_what_ordinary_weights_show():
    """The quick study's game, of 200 records and 100 runs a side. Measured at this seed: 5.97 of the claimed 10.

    By simulation of a Gaussian law of shift 1.9, as the study's 250 runs a side have it, one seed in a thousand stays
    below 2.4; of a shift of 0, as scores that do not see the canary have it, none comes near.
    """
    folder = os.environ.get("PRIVAUDIT_DATA", SHARED)
    if not (Path(folder) / FILE).is_file():
        pytest.skip(f"{FILE} is not bundled; it is read from the folder that PRIVAUDIT_DATA names")
    images = read_images(Path(folder))
    (found,) = play_games(quick_games(0), *images, options=StudyOptions(workers=1), n_records=200, n_runs=100)
    assert found.gaussian > 2.4 and found.accuracy > 0.8
