"""Chameleon's study: what it draws, whom it trains, what its checks see, and the quick study."""

import dataclasses
import json

import numpy as np
import pytest

from privaudit.attacks.label_only.chameleon_settings import named_settings
from privaudit.cli.main import exit_code
from privaudit.collect.chameleon_rounds import PoisonPlan
from privaudit.studies.chameleon.arms import (
    ADAPTIVE,
    PRIVATE,
    TIE_BREAK,
    Answers,
    Figures,
    chameleon_figures,
    figures,
    fixed_arm,
    query_curve,
)
from privaudit.studies.chameleon.checks import checks
from privaudit.studies.chameleon.models import models_of, recipe_of
from privaudit.studies.chameleon.played import Played, Shadows, shadows_of
from privaudit.studies.chameleon.task import DIGITS, FASHION, fitted_projection

FIXED = (0, 1, 2, 6)


@pytest.fixture(scope="module")
def drawn():
    return DIGITS.drawn(3, None)


def test_a_seed_draws_records_that_do_not_overlap(drawn):
    assert drawn.dataset.n_records == DIGITS.n_records and drawn.n_challenge == DIGITS.n_challenge
    np.testing.assert_array_equal(drawn.candidates[:, 0], drawn.dataset.features[: drawn.n_challenge])
    np.testing.assert_array_equal(drawn.projection(drawn.images), drawn.candidates[:, 0])
    assert drawn.candidates.shape == (DIGITS.n_challenge, DIGITS.settings.n_queries, DIGITS.n_components)
    rows = {row.tobytes() for row in (*drawn.dataset.features, *drawn.test_features)}
    assert len(rows) == DIGITS.n_records + DIGITS.n_test
    again, other = DIGITS.drawn(3, None), DIGITS.drawn(4, None)
    np.testing.assert_array_equal(again.candidates, drawn.candidates)
    assert not np.array_equal(other.images, drawn.images)


def test_components_are_white_on_the_images_they_were_fitted_to():
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(500, 3, 3)) * np.arange(1, 10).reshape(3, 3)).astype(np.float32)
    white = fitted_projection(images, 4)(images)
    np.testing.assert_allclose(np.cov(white, rowvar=False), np.eye(4), atol=1e-4)
    assert abs(np.corrcoef(white[:, 0], images[:, 2, 2])[0, 1]) > 0.95  # the widest pixel leads


def test_shadows_are_pairs_and_targets_have_coins_of_their_own(drawn):
    models = models_of(DIGITS, drawn, seed=3)
    assert models.shadows == list(range(8)) and len(models.targets) == DIGITS.n_targets
    assert not set(models.targets) & set(models.shadows)
    coins = models.design.is_in[:, models.challenge]
    assert (coins[:8].sum(axis=0) == 4).all()  # as many shadow models with each record as without
    assert len({row.tobytes() for row in coins[models.targets]}) == DIGITS.n_targets
    assert not {(1 - row).tobytes() for row in coins[models.targets]} & {row.tobytes() for row in coins[models.targets]}


def test_the_private_recipe_keeps_to_its_epsilon():
    recipe = recipe_of(FASHION, is_private=True)
    assert recipe.sample_rate == 64 / 2000 and recipe.steps == 1094
    assert recipe.dp.noise_multiplier == pytest.approx(1.372, abs=0.005) and recipe.dp.max_grad_norm == 1
    assert recipe_of(FASHION, is_private=False).dp is None


def test_figures_count_what_they_say():
    is_in = np.repeat([[True, False]], 200, axis=1).reshape(2, 200)
    scores = np.where(is_in, 1.0, 0.0)
    assert figures(scores, is_in, queries=3) == Figures(1.0, 1.0, 1.0, 1.0, 0.0, 3)
    scores[1, :3] = 1.0  # 3 of 200 others at the top: the floor rule falls to 0, the expected rate does not
    found = figures(scores, is_in, queries=3)
    assert found.floor == 0 and found.at_top == 3 / 200 and found.expected == pytest.approx(2 / 3)


def test_fewer_queries_end_at_the_whole_neighbourhood():
    rng = np.random.default_rng(0)
    is_in = rng.random((8, 50)) < 0.5
    agreement = (rng.random((8, 50, 6)) < np.where(is_in, 0.8, 0.3)[:, :, None]) * 1.0
    kept = rng.random((50, 6)) < 0.6
    kept[:, 0] = True
    found = Answers([], agreement, is_in, 0.9)
    curve = query_curve(found, kept)
    assert list(curve) == [1, 2, 4, 6]
    assert curve[6] == (chameleon_figures(found, kept), chameleon_figures(found, kept, tie_break=True))
    assert [pair[1].queries for pair in curve.values()] == [1, 2, 4, 6] and curve[6][0].queries < 6


def test_the_rounds_are_summed_up():
    plan = PoisonPlan(
        copies=np.array([1, 1, 2, 0]),
        labels=np.zeros(4),
        out_confidence=np.array([0.1, 0.2, 0.1, 0.1]),
        kept=np.array([[True, False], [True, True], [True, True], [True, True]]),
        history=(np.array([0.5, 0.6, 0.9, 0.1]), np.full(4, 0.1)),
    )
    found = shadows_of(plan, threshold=0.13)
    assert found[:3] == (2, 1.0, 0.5) and found[4:] == (0.25, 2.0)
    assert found.correlation == pytest.approx(np.corrcoef(plan.copies, plan.history[0])[0, 1])


def one_seed(seed, *, auc=0.85, floor=0.5, tied=0.5, last=0.05, fall=0.01, private=0.01, area=0.51):
    def rate(value, area=0.6):
        return Figures(area, value, value, value, 0.0, 10)

    wobble = 1e-4 * (-1) ** seed
    rates = dict(zip(FIXED, (0.0, 0.6, 0.1, last), strict=True))
    arms = {fixed_arm(k): rate(value, 0.87 if k == 1 else 0.6) for k, value in rates.items()}
    arms |= {ADAPTIVE: rate(floor, auc), TIE_BREAK: rate(tied, auc), PRIVATE: rate(private + wobble, area)}
    return Played(
        seed=seed,
        arms=arms,
        baselines={"gap": rate(0.012), "noise": rate(0.011)},
        curve={},
        accuracy={fixed_arm(0): 0.82, ADAPTIVE: 0.82 - fall},
        shadows=Shadows(4, 1.2, 0.8, 0.4, 0.02, 16.0),
    )


@pytest.mark.parametrize(
    ("changes", "unmet"),
    [
        ({}, []),
        ({"floor": 0.035}, [0]),  # 3 times .012 is more
        ({"tied": 0.19}, [1]),
        ({"last": 0.31}, [2]),
        ({"last": 0.61}, [2]),
        ({"auc": 0.83}, [3]),
        ({"fall": 0.031}, [4]),
        ({"private": 0.0}, []),
        ({"private": 0.012}, [5]),
        ({"area": 0.57}, [5]),
    ],
)
def test_checks_see_what_is_wrong(changes, unmet):
    found = checks([one_seed(seed, **changes) for seed in range(3)], fixed=FIXED)
    assert [place for place, check in enumerate(found) if not check.is_met] == unmet


def test_a_single_bad_seed_fails_the_tie_break():
    found = checks([one_seed(0), one_seed(1, tied=0.0), one_seed(2)], fixed=FIXED)
    assert [check.is_met for check in found] == [True, False, *[True] * 4]


def test_data_that_are_not_there_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PRIVAUDIT_DATA", raising=False)
    for arguments in ([], ["--data-dir", str(tmp_path)]):
        assert exit_code(["study", "chameleon", "--quiet", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert FASHION.file in line and "PRIVAUDIT_DATA" in line


@pytest.mark.slow
def test_a_small_study_plays_every_arm(capsys, monkeypatch):
    """Too few and too short to find anything; `privaudit study chameleon --quick` is the small version that does."""
    settings = dataclasses.replace(DIGITS.settings, n_out_models=2, most_copies=1, n_candidates=3)
    small = dataclasses.replace(
        DIGITS, settings=settings, n_records=300, n_challenge=12, n_targets=4, epochs=4, fixed=(0, 1), epsilon=8.0
    )
    monkeypatch.setattr("privaudit.studies.chameleon.chameleon_study.DIGITS", small)
    assert exit_code(["study", "chameleon", "--quick", "--quiet", "--workers", "1", "--format", "json"]) == 0
    content = json.loads(capsys.readouterr().out)
    arms, curve, seeds = content["tables"]
    rows = {row[0]: row for row in arms["rows"]}
    assert {"gap", "augmentation", "noise", ADAPTIVE, TIE_BREAK, PRIVATE, *map(fixed_arm, (0, 1))} <= rows.keys()
    assert all(0 <= row[1] <= 1 for row in rows.values())
    assert rows["gap"][3] is None  # fewer than 100 non-members a seed: the floor rule measures nothing
    assert [row[0] for row in curve["rows"]] == [1, 2, 4] and len(seeds["rows"]) == 2
    assert len(content["checks"]) == 2


def test_settings_of_the_study_are_those_by_name():
    assert FASHION.settings == named_settings("calibrated")
    assert dataclasses.replace(DIGITS.settings, n_out_models=8, n_candidates=64) == FASHION.settings
