"""Chameleon's last stage: shares of neighbours, in the order in which they are asked for, and what a reader is told."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.label_only import chameleon
from privaudit.attacks.label_only.chameleon import Chameleon, agreement_scores, asked_queries, signal_names
from privaudit.errors import ConfigError, DataError, MissingSignalError, ShapeError, UnsupportedError
from privaudit.estimators import auc
from privaudit.types import SignalTable

RECORDS = np.arange(3, 43)  # 40 challenge records among 60
TARGETS = [8, 10, 12, 14, 16, 18]


def neighbourhoods(seed, n=40, n_all=9, share=0.4):
    kept = np.random.default_rng(seed).random((n, n_all)) < share
    kept[:, 0] = True
    return kept


@pytest.fixture
def played(draw_coins, make_design, make_inputs):
    """Inputs in which members answer rightly with one chance and others with another."""

    def _played(of_members=0.8, of_others=0.2, *, copies=1, confidence=0.05, n_all=9, seed=0, **attack):
        rng = np.random.default_rng(seed)
        design = make_design(draw_coins("paired", 20, 60, seed=seed))
        kept = neighbourhoods(seed, n_all=n_all)
        chance = np.where(design.is_in[np.ix_(TARGETS, RECORDS)], of_members, of_others)
        agreement = rng.random((len(TARGETS), 40, n_all)) < chance[:, :, None]
        one = np.ones((len(TARGETS), 40, 1))
        values = (agreement * 1.0, np.broadcast_to(kept, agreement.shape) * 1.0, copies * one, confidence * one)
        settings = Chameleon(**attack)
        signals = {
            name: SignalTable(name=name, values=value, model_index=np.array(TARGETS), record_index=RECORDS)
            for name, value in zip(signal_names(settings.settings, settings.n_challenge), values, strict=True)
        }
        inputs = dataclasses.replace(make_inputs(design, np.zeros((20, 60))), signals=signals)
        return settings, inputs

    return _played


@given(seed=st.integers(0, 500), n_queries=st.integers(1, 12))
def test_neighbours_are_asked_first_and_the_budget_is_kept(seed, n_queries):
    kept = neighbourhoods(seed, share=0.3)
    within, whole = (asked_queries(kept, n_queries=n_queries, has_rest=rest) for rest in (False, True))
    n_kept = kept.sum(axis=1)
    np.testing.assert_array_equal(within.sum(axis=1), np.minimum(n_queries, n_kept))
    np.testing.assert_array_equal(whole.sum(axis=1), min(n_queries, 9))
    assert within[:, 0].all() and not (within & ~kept).any() and not (within & ~whole).any()
    for row, asked in zip(kept, within, strict=True):
        assert asked[: np.flatnonzero(asked).max() + 1].sum() == row[: np.flatnonzero(asked).max() + 1].sum()
    beyond = whole & ~kept
    assert not beyond[n_kept >= n_queries].any()


@given(seed=st.integers(0, 200))
def test_scores_are_the_share_of_neighbours(seed):
    rng = np.random.default_rng(seed)
    kept, agreement = neighbourhoods(seed), (rng.random((3, 40, 9)) < 0.5) * 1.0
    scores = agreement_scores(agreement, kept)
    for target in range(3):
        for record in range(40):
            assert scores[target, record] == pytest.approx(agreement[target, record][kept[record]].mean())
    tied = agreement_scores(agreement, kept, tie_break=True)
    np.testing.assert_allclose(tied - scores, 1e-3 * agreement.mean(axis=2))
    np.testing.assert_array_equal(agreement_scores(agreement, kept, n_queries=1), agreement[:, :, 0])
    turned = agreement.copy()
    turned[:, ~kept] = 1 - turned[:, ~kept]
    np.testing.assert_array_equal(agreement_scores(turned, kept), scores)  # nothing outside counts


def test_results_hold_the_challenge_records_and_the_targets_coins(played):
    attack, inputs = played()
    results = attack.run(inputs, targets=TARGETS)
    assert [result.target for result in results] == TARGETS
    for result in results:
        np.testing.assert_array_equal(result.unit_ids, RECORDS)
        np.testing.assert_array_equal(result.label, inputs.design.is_in[result.target, RECORDS])
        assert (result.game, result.access, result.attack) == ("poisoned_membership", "label", "chameleon")
        assert auc(result.scores, result.label) > 0.8
        assert result.params["mean_copies"] == 1 and result.params["share_above_threshold"] == 0
        assert result.params["mean_queries"] == result.params["mean_kept"] == neighbourhoods(0).sum(axis=1).mean()
        assert result.params["share_at_top_score"] == (result.scores == result.scores.max()).mean()
    (alone,) = attack.run(inputs, targets=[12])
    np.testing.assert_array_equal(alone.scores, results[2].scores)


@pytest.mark.statistical
def test_where_coins_say_nothing_neither_do_scores(played):
    """240 trials with equal chances: an AUC beyond .5 +- .19 is five standard deviations off, once in a million."""
    attack, inputs = played(0.5, 0.5)
    results = attack.run(inputs, targets=TARGETS)
    pooled = [np.concatenate([getattr(result, name) for result in results]) for name in ("scores", "label")]
    assert abs(auc(*pooled) - 0.5) < 0.19


def test_every_rung_of_the_ladder_is_legal_and_the_last_one_is_all(played):
    attack, inputs = played(n_all=65)
    ladder = attack.query_ladder
    assert ladder == (1, 2, 4, 8, 16, 32, 64, 65)
    whole = attack.run(inputs, targets=TARGETS)
    for n_queries in ladder:
        results = dataclasses.replace(attack, n_queries=n_queries).run(inputs, targets=TARGETS)
        assert results[0].params["mean_queries"] <= n_queries
    np.testing.assert_array_equal(results[0].scores, whole[0].scores)
    for wrong in (0, 3, 66):
        with pytest.raises(ConfigError, match="1, 2, 4, 8, 16, 32, 64, 65") as caught:
            Chameleon(n_queries=wrong)
        assert caught.value.key == "n_queries"


def test_a_block_at_the_top_near_one_percent_is_told(played, monkeypatch):
    monkeypatch.setattr(chameleon, "FEWEST_FOR_ONE_PERCENT", 10)
    attack, inputs = played(1.0, 0.0)
    name = signal_names(attack.settings, attack.n_challenge)[0]
    label = inputs.design.is_in[np.ix_(TARGETS, RECORDS)]

    def notes(n_others):
        agreement = np.repeat(label[:, :, None] * 1.0, 9, axis=2)
        agreement[tuple(np.argwhere(label == 0)[:n_others].T)] = 1.0
        table = dataclasses.replace(inputs.signals[name], values=agreement)
        given_ = dataclasses.replace(inputs, signals={**inputs.signals, name: table})
        return " ".join(attack.run(given_, targets=TARGETS)[0].notes)

    assert "have the highest score" in notes(1)  # 1 of about 120
    assert "have the highest score" not in notes(0)
    assert "have the highest score" not in notes(20)


def test_records_poisoned_too_little_or_too_much_are_told(played):
    attack, inputs = played(confidence=0.3)
    results = attack.run(inputs, targets=TARGETS)
    assert any("40 of 40 challenge records are poisoned too little" in note for note in results[0].notes)
    attack, inputs = played(0.0, 0.0)
    (result, *_) = attack.run(inputs, targets=TARGETS)
    assert any("poisoned too much" in note for note in result.notes)
    assert any("none of the 40 records correctly" in note for note in result.notes)
    attack, inputs = played(copies=0)
    assert attack.run(inputs, targets=TARGETS)[0].notes == (chameleon.TWIN_NOTE,)


def test_copies_that_swamp_a_model_are_told(played):
    """40 copies beside some 30 records of a model."""
    attack, inputs = played(copies=1)
    assert any(
        note.startswith("40 copies were planted beside") for note in attack.run(inputs, targets=TARGETS)[0].notes
    )


def test_what_was_not_measured_is_refused(played):
    attack, inputs = played()
    with pytest.raises(MissingSignalError, match="does not cover model 0"):
        attack.run(inputs, targets=[0])
    with pytest.raises(UnsupportedError, match="measured"):
        attack.run(inputs.restricted_to([8]), targets=[10])
    with pytest.raises(MissingSignalError, match="was not collected"):
        Chameleon(settings="repository").run(inputs, targets=TARGETS)
    names = signal_names(attack.settings, attack.n_challenge)
    other = dataclasses.replace(inputs.signals[names[1]], record_index=RECORDS + 1)
    with pytest.raises(ShapeError, match="covers others"):
        attack.run(dataclasses.replace(inputs, signals={**inputs.signals, names[1]: other}), targets=TARGETS)
    with pytest.raises(ConfigError, match="no settings"):
        Chameleon(settings="nobody's")


@pytest.mark.parametrize(
    ("agreement", "kept", "error"),
    [
        (np.zeros((2, 3)), np.ones((2, 3), dtype=bool), ShapeError),
        (np.zeros((1, 2, 3)), np.ones((2, 4), dtype=bool), ShapeError),
        (np.full((1, 2, 3), 0.5), np.ones((2, 3), dtype=bool), DataError),
        (np.zeros((1, 2, 3)), np.zeros((2, 3), dtype=bool), DataError),
    ],
)
def test_answers_that_are_none_are_refused(agreement, kept, error):
    with pytest.raises(error):
        agreement_scores(agreement, kept)


def test_targets_of_different_plans_are_not_mixed(played):
    attack, inputs = played()
    name = signal_names(attack.settings, attack.n_challenge)[2]
    values = inputs.signals[name].values.copy()
    values[1] += 1
    table = dataclasses.replace(inputs.signals[name], values=values)
    mixed = dataclasses.replace(inputs, signals={**inputs.signals, name: table})
    with pytest.raises(MissingSignalError, match="different plans"):
        attack.run(mixed, targets=TARGETS)
