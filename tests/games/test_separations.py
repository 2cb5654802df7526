"""What one game's safety does not say about another: each separation is played, with the exact rates beside the counts.

Bands of counts are binomial and miss a correct play with probability 1e-6 each.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.games import stages, stages_law
from privaudit.games.catalog import GAMES
from privaudit.games.challenger import Challenger, Guesser
from privaudit.types import Neighbouring
from tests.games import toys

ENTRIES = json.loads((Path(__file__).parent.parent / "reference" / "distribution.json").read_text())["entries"]
REFERENCE = {entry["id"]: entry for entry in ENTRIES}
ERROR = 1e-6


def play(game, stage, mechanism, guess, n_plays, seed=0):
    challenger = Challenger(game=game, stage=stage, mechanism=mechanism)
    return challenger.play_many(np.random.default_rng(seed), Guesser(guess), n_plays, confidence=1 - ERROR)


def assert_rate(won, n, exact):
    low, high = binom.ppf([ERROR / 2, 1 - ERROR / 2], n, exact)
    assert low <= won <= high, (won, n, exact)


def assert_rates(tally, *exact):
    for won, n, rate in zip(tally.wins, tally.plays, exact, strict=True):
        assert_rate(won, n, rate)


@pytest.mark.statistical
def test_a_private_count_tells_the_law_and_hides_every_record():
    case = REFERENCE["di_separation_laplace_count"]
    given, expected = case["inputs"], case["expected"]
    n, epsilon, ratios = given["n"], given["epsilon"], (given["alpha0"], given["alpha1"])
    mechanism, middle = toys.laplace_count(epsilon), n * sum(ratios) / 2
    laws = stages_law.distribution(toys.bernoulli(ratios[0]), toys.bernoulli(ratios[1]), n)
    of_laws = play(GAMES["distribution_inference"], laws, mechanism, lambda view: int(view["model"] < middle), 5000)
    assert_rate(sum(of_laws.wins), sum(of_laws.plays), expected["di_accuracy"])
    assert of_laws.interval[0] > 0.98

    # the best attack on a record: all others are known, the noise is cut in the middle; exp(-eps/2) / 2 of it lies beyond
    exact = 1 - math.exp(-epsilon / 2) / 2
    assert exact < expected["mi_accuracy_upper"] == pytest.approx(1 / (1 + math.exp(-epsilon)))
    rest = toys.bernoulli(0.5)(np.random.default_rng(1), n - 1)
    of_record = play(
        GAMES["strong_membership"],
        stages.one_record(1, rest),
        mechanism,
        lambda view: int(view["model"] - view["rest"].sum() > 0.5),
        5000,
    )
    assert_rates(of_record, exact, exact)
    assert of_record.interval[1] < 2 * 0.68 - 1


@pytest.mark.statistical
def test_an_id_says_nothing_of_the_law_and_names_a_member():
    n, laws = 10, (toys.with_ids(toys.bernoulli(0.5)), toys.with_ids(toys.bernoulli(0.1)))
    of_laws = play(
        GAMES["distribution_inference"],
        stages_law.distribution(*laws, n),
        toys.publish_one_id,
        lambda view: int(view["model"] % 2),
        3000,
    )
    assert_rate(sum(of_laws.wins), sum(of_laws.plays), 0.5)
    of_records = play(
        GAMES["membership"],
        stages.membership(laws[0], n),
        toys.publish_one_id,
        lambda view: int(view["record"][0] == view["model"]),
        3000,
    )
    assert_rates(of_records, 1.0, 1 / n)  # who is called a member is one: no false positive at all
    assert of_records.interval[0] > 0.03
    of_pair = play(
        GAMES["distinguishing"].with_adjacency(Neighbouring.REPLACE_ONE),
        stages.chosen_pair(np.array([[1, 0]]), np.array([[2, 0]])),
        toys.publish_one_id,
        lambda view: int(view["model"] == 2),
        200,
    )
    assert of_pair.advantage == 1.0


@pytest.mark.statistical
def test_a_leak_of_a_rare_record_is_no_risk_on_average_and_breaks_the_worst_case():
    rare, share, n = 0, 1e-3, 20

    def law(rng, size):
        return np.where(rng.random(size) < share, rare, 1 + rng.integers(10**6, size=size))

    def guess(view):
        return int(view["model"] and view["record"] == rare)

    mechanism = toys.leak_if_rare(rare)
    on_average = play(GAMES["membership"], stages.membership(law, n), mechanism, guess, 4000)
    by_others = 1 - (1 - share) ** n
    assert_rates(on_average, 1 - share * by_others, share)
    assert on_average.interval[1] < 0.02
    worst = play(
        GAMES["distinguishing"],
        stages.chosen_pair(np.arange(1, n), np.arange(n)),
        mechanism,
        lambda view: int(view["model"]),
        200,
    )
    assert worst.advantage == 1.0


@pytest.mark.statistical
def test_hashes_of_the_known_part_give_every_member_away_and_no_attribute():
    n, law = 10, toys.with_ids(toys.bernoulli(0.5))
    of_records = play(
        GAMES["membership"],
        stages.membership(law, n),
        toys.publish_hashes,
        lambda view: int(toys.hash_of(view["record"][0]) in view["model"]),
        300,
    )
    assert of_records.advantage == 1.0
    of_attributes = play(
        GAMES["attribute_inference"],
        stages.attribute(law, n, lambda record: (record[0], record[1])),
        toys.publish_hashes,
        lambda view: int(toys.hash_of(view["known_part"]) in view["model"]),
        3000,
    )
    assert_rates(of_attributes, 0.5, 0.5)


@pytest.mark.statistical
def test_a_published_record_is_extracted_for_sure_and_hardly_a_sign_of_membership():
    n, k = 200, 10**6
    law = toys.uniform(k)
    game = GAMES["extraction"].with_secret(prior=(1 / k,) * k, size=n)
    extracted = play(game, stages.extraction(law, n), toys.publish_one, lambda view: view["model"], 200)
    assert extracted.success == 1.0
    assert extracted.baseline < 2.1e-4
    of_records = play(
        GAMES["membership"],
        stages.membership(law, n),
        toys.publish_one,
        lambda view: int(view["record"] == view["model"]),
        8000,
    )
    # the true rates: the record itself is published 1 time in n, another one of the same value 1 time in k
    assert_rates(of_records, 1 - 1 / k, 1 / n + (1 - 1 / n) / k)
    assert of_records.interval[1] >= extracted.success / n - 1 / k  # relation R10: gamma / n less the largest mass
    assert of_records.interval[1] < 0.02
