"""What is read off a model behind a filter: signals of what is let out, labels of it, and noise that averages away."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import chi2
from torch import nn

from privaudit.attacks.averaged_lira import MOVE, N_QUERIES
from privaudit.defenses.output_noise import OutputNoise
from privaudit.defenses.rounding import Rounding
from privaudit.defenses.temperature import Temperature
from privaudit.defenses.top_k import TopK
from privaudit.errors import DataError
from privaudit.numerics import logit_margin, two_class_logits
from privaudit.scoring.filtered import FilteredAnswers
from privaudit.scoring.label_oracle import label_oracle_of
from privaudit.scoring.measure import measure
from privaudit.scoring.moved_copies import moved_copies
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import AUGMENTED_MARGIN, AVERAGED_MARGIN, LABEL_SIGNALS, SIGNALS

N = 200
LABELS = np.arange(N) % 3


def network_of(n_outputs=3, n_features=4, size=3.0):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(n_features, n_outputs))
        network[1].weight.data *= size
    return network


def records(n=N, n_features=4, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, n_features)).astype(np.float32))


def read(names, release=None, *, network=None, features=None, labels=LABELS, number=0, seed=0):
    return measure(
        network or network_of(),
        records() if features is None else features,
        labels,
        names,
        seed=seed,
        release=release,
        number=number,
    )


class Plain:
    """Lets everything out."""

    name = "plain"
    least = 1e-300

    def release(self, probabilities, rng):
        return probabilities


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_filter_that_lets_all_out_changes_nothing(n_outputs):
    network, labels = network_of(n_outputs), np.arange(N) % max(2, n_outputs)
    names = [*SIGNALS, AVERAGED_MARGIN]
    plain, seen = (read(names, release, network=network, labels=labels) for release in (None, Plain()))
    for name in names:
        assert seen[name] == pytest.approx(plain[name], rel=1e-9, abs=1e-9)
    assert np.array_equal(seen["correct"], plain["correct"])


def test_margins_behind_a_temperature_are_divided_by_it_for_two_classes():
    network, labels = network_of(1), np.arange(N) % 2
    plain, seen = (
        read(["logit_margin"], release, network=network, labels=labels) for release in (None, Temperature(value=4.0))
    )
    assert 4.0 * seen["logit_margin"] == pytest.approx(plain["logit_margin"], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("release", [TopK(k=1), TopK(k=2), Rounding(decimals=1), Rounding(decimals=0)])
def test_signals_behind_a_coarse_answer_are_finite_and_by_hand(release):
    network = network_of(size=60.0)
    found = read(SIGNALS, release, network=network)
    assert all(np.isfinite(values).all() for values in found.values())
    told = np.maximum(release.release(softmax(query_logits(network, records()), axis=1), None), release.least)
    is_own = np.arange(3) == LABELS[:, None]
    assert found["logit_margin"][:, 0] == pytest.approx(np.log(told[is_own] / np.where(is_own, 0.0, told).sum(axis=1)))
    assert np.array_equal(found["correct"][:, 0], told.argmax(axis=1) == LABELS)


def test_a_told_zero_is_read_as_a_quarter_of_a_step():
    constant = nn.Linear(4, 3)
    nn.init.zeros_(constant.weight)
    constant.bias.data = torch.tensor([30.0, 0.0, 0.0])
    found = read(["logit_margin"], Rounding(decimals=2), network=constant)["logit_margin"][:, 0]
    assert found[LABELS == 0] == pytest.approx(np.log(1.0 / 0.005))
    assert found[LABELS == 1] == pytest.approx(np.log(0.0025 / 1.0025))


FILTERS = [
    Temperature(value=3.0),
    TopK(k=1),
    Rounding(decimals=0),
    OutputNoise(scale=2.0),
    OutputNoise(scale=2.0, fresh=True),
]


@pytest.mark.parametrize("release", FILTERS, ids=lambda one: f"{one.name}-{getattr(one, 'fresh', '')}")
def test_a_label_is_the_argmax_of_what_is_let_out(release):
    network, features = network_of(), records()
    answers, twin = (FilteredAnswers(release, seed=5, number=2, reading="labels") for _ in range(2))
    oracle = label_oracle_of(network, answers=answers, n_records=N, batch_size=7)
    found = oracle(features.numpy(), np.arange(N))
    said = twin.probabilities(query_logits(network, features), features.numpy())
    assert np.array_equal(found, said.argmax(axis=1))


def test_filters_that_keep_the_order_keep_every_label():
    """Nothing that masks confidence alone changes what label-only attacks see."""
    names = [*LABEL_SIGNALS[:3], "correct"]
    plain = read(names)
    for release in (Temperature(value=50.0), TopK(k=1), Rounding(decimals=6)):
        seen = read(names, release)
        assert all(np.array_equal(seen[name], plain[name]) for name in names)


def test_a_single_output_has_its_label_too():
    network, labels = network_of(1), np.arange(N) % 2
    names = ["correct", "augmented_correct"]
    plain, seen = (read(names, one, network=network, labels=labels) for one in (None, Temperature(value=2.0)))
    assert all(np.array_equal(seen[name], plain[name]) for name in names)
    assert np.array_equal(seen["augmented_correct"][:, :1], seen["correct"])


def test_noise_once_per_query_is_the_same_in_every_reading_and_order():
    release, features = OutputNoise(scale=2.0), records()
    everything = read([*SIGNALS, "augmented_correct", "noisy_correct_share"], release)
    for name in ("logit_margin", "negative_loss_t2", "noisy_correct_share"):
        assert np.array_equal(read([name], release)[name], everything[name])
    assert np.array_equal(
        everything["augmented_correct"][:, :1], everything["correct"]
    )  # the record itself, asked anew
    order = np.random.default_rng(0).permutation(N)
    turned = read(["logit_margin"], release, features=features[order], labels=LABELS[order])["logit_margin"]
    assert turned == pytest.approx(everything["logit_margin"][order], rel=1e-4, abs=1e-4)
    assert not np.array_equal(everything["logit_margin"], read(["logit_margin"], release, number=1)["logit_margin"])
    assert not np.array_equal(everything["logit_margin"], read(["logit_margin"], release, seed=1)["logit_margin"])


def test_fresh_noise_differs_at_each_query_and_is_the_same_in_a_reading_taken_up_again():
    release, logits, shown = OutputNoise(scale=2.0, fresh=True), np.zeros((N, 3)), records().numpy()
    answers = FilteredAnswers(release, seed=0, number=0, reading="records")
    first, second = (answers.logits(logits, shown) for _ in range(2))
    assert not (first == second).any()
    again = FilteredAnswers(release, seed=0, number=0, reading="records")
    assert np.array_equal(again.logits(logits, shown), first)
    other = FilteredAnswers(release, seed=0, number=0, reading=AVERAGED_MARGIN)
    assert not (other.logits(logits, shown) == first).any()
    fixed = FilteredAnswers(OutputNoise(scale=2.0), seed=0, number=0, reading="records")
    assert np.array_equal(fixed.logits(logits, shown), fixed.logits(logits, shown))


def test_copies_are_moved_by_a_thousandth_of_each_features_spread():
    """9,300 moves per feature: the spread of each to 3.7 %, within 5 standard errors but 6e-7 times each."""
    features = (records(300, 3) * torch.tensor([1.0, 100.0, 0.0]) + 5.0).numpy()
    copies = list(moved_copies(features, 3))
    assert len(copies) == N_QUERIES and np.array_equal(copies[0], features)
    assert all(np.array_equal(one, other) for one, other in zip(copies, moved_copies(features, 3), strict=True))
    assert not np.array_equal(copies[1], list(moved_copies(features, 4))[1])
    moves = (np.stack(copies[1:]).astype(np.float64) - features) / np.maximum(features.std(axis=0), 1e-9) / MOVE
    assert (moves[:, :, 2] == 0.0).all()
    assert np.abs(moves[:, :, :2].std(axis=(0, 1)) - 1.0).max() < 5 / np.sqrt(2 * 9300)


@pytest.mark.parametrize("fresh", [False, True])
def test_noise_on_answers_averages_away(fresh):
    """The noise left in the mean of k answers has 1/k of the variance: chi-squared, 2,000 records, both sides at 1e-6 / 2."""
    n, scale = 2000, 2.0
    features, labels = records(n), np.arange(n) % 2
    network = network_of(2)
    release = OutputNoise(scale=scale, fresh=fresh)
    plain = read([AVERAGED_MARGIN], network=network, features=features, labels=labels)[AVERAGED_MARGIN]
    seen = read(["logit_margin", AVERAGED_MARGIN], release, network=network, features=features, labels=labels)
    once = (
        seen["logit_margin"] - read(["logit_margin"], network=network, features=features, labels=labels)["logit_margin"]
    )
    for left, variance in ((once, scale**2), (seen[AVERAGED_MARGIN] - plain, scale**2 / N_QUERIES)):
        statistic = float((left**2).sum() / variance)
        assert chi2.ppf(0.5e-6, n) < statistic < chi2.isf(0.5e-6, n)


def test_without_noise_the_mean_is_the_margin_but_for_the_moves():
    network, features = network_of(), records()
    found = read([AVERAGED_MARGIN, "logit_margin"], network=network)
    assert found[AVERAGED_MARGIN].shape == (N, 1)
    assert np.abs(found[AVERAGED_MARGIN] - found["logit_margin"]).max() < 0.02
    margins = [
        logit_margin(query_logits(network, torch.from_numpy(copy)), LABELS)
        for copy in moved_copies(features.numpy(), 0)
    ]
    assert np.array_equal(found[AVERAGED_MARGIN][:, 0], np.mean(margins, axis=0))


def test_views_of_images_pass_the_filter_too():
    images = records(N, 16).reshape(N, 4, 4)
    network = network_of(3, 16)
    found = read([AUGMENTED_MARGIN, "logit_margin"], TopK(k=1), network=network, features=images)
    assert found[AUGMENTED_MARGIN].shape == (N, 18)
    assert np.array_equal(found[AUGMENTED_MARGIN][:, :1], found["logit_margin"])


@pytest.mark.parametrize("names", [["logit_margin"], [AVERAGED_MARGIN], ["augmented_correct"]])
def test_outputs_that_are_not_finite_are_said_to_be(names):
    network = network_of()
    network[1].weight.data[0, 0] = float("nan")
    with pytest.raises(DataError, match="finite"):
        read(names, TopK(k=1), network=network)


def test_two_columns_come_out_of_one_output():
    answers = FilteredAnswers(Plain(), seed=0, number=0, reading="records")
    logits = np.array([[2.0], [-1.0]])
    assert answers.probabilities(logits, np.zeros((2, 4))) == pytest.approx(softmax(two_class_logits(logits), axis=1))
