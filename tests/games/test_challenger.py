"""The challenger: every game is played, the adversary sees what is declared, and counts become limits that hold.

Bands of counts are binomial and miss a correct play with probability 1e-6 each.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.errors import ConfigError, UndeclaredUseError, UnsupportedError
from privaudit.games import stages, stages_law
from privaudit.games.catalog import GAMES
from privaudit.games.challenger import Challenger, Guesser
from privaudit.games.rules import ReachedBlindly, Within
from privaudit.games.tally import Tally, win_limits
from privaudit.types import Neighbouring
from tests.games import toys

ENTRIES = json.loads((Path(__file__).parent.parent / "reference" / "distribution.json").read_text())["entries"]
REFERENCE = {entry["id"]: entry for entry in ENTRIES}
ERROR, N_PLAYS = 1e-6, 2000
BITS, NUMBERS = toys.bernoulli(0.5), toys.uniform(10)
REST = np.arange(5)
TENTHS = (0.1,) * 10

# game -> stage, a best blind guess, and its exact rates of wins per world
BLIND = {
    "membership": (stages.membership(NUMBERS, 5), lambda view: 1, (0.0, 1.0)),
    "membership_prior": (stages.membership(NUMBERS, 5), lambda view: 0, (0.9,)),
    "membership_worst_case": (stages.one_record(7, lambda rng: NUMBERS(rng, 4)), lambda view: 1, (0.0, 1.0)),
    "strong_membership": (stages.one_record(7, REST), lambda view: int(view["coins"].integers(2)), (0.5, 0.5)),
    "distinguishing": (stages.chosen_pair(REST, REST[1:]), lambda view: int(view["coins"].integers(2)), (0.5, 0.5)),
    "user_membership": (stages.user(np.array([7, 8]), REST), lambda view: 0, (1.0, 0.0)),
    "poisoned_membership": (stages.membership(NUMBERS, 5, poison=REST), lambda view: 0, (1.0, 0.0)),
    "many_canaries": (stages.canaries(np.arange(9), REST), lambda view: np.zeros(9), (0.5,)),
    "canary": (stages.canaries(np.arange(9), REST), lambda view: np.full(9, -1), (0.5,)),
    "attribute_inference": (stages.attribute(BITS, 5, lambda z: (None, z)), lambda view: 1, (0.5, 0.5)),
    "strong_attribute_inference": (
        stages.attribute(BITS, 5, lambda z: (None, z)),
        lambda view: int(view["rest"][0]),
        (0.5, 0.5),
    ),
    "reconstruction": (stages.reconstruction(range(10), REST), lambda view: view["candidates"][4], (0.3,)),
    "reconstruction_candidates": (stages.reconstruction(range(10), REST), lambda view: 3, (0.1,)),
    "extraction": (stages.extraction(NUMBERS, 5), lambda view: 3, (1 - 0.9**5,)),
    "distribution_inference": (stages_law.distribution(BITS, toys.bernoulli(0.1), 5), lambda view: 1, (0.0, 1.0)),
    "property_existence": (stages_law.distribution(toys.bernoulli(0.0), BITS, 5), lambda view: 0, (1.0, 0.0)),
    "poisoned_distribution": (
        stages_law.distribution(BITS, toys.bernoulli(0.1), 5, poison=np.ones(2, dtype=int)),
        lambda view: 1,
        (0.0, 1.0),
    ),
    "mixture_membership": (stages_law.mixture(BITS, NUMBERS, 5, share=0.5), lambda view: 1, (0.0, 1.0)),
    "ratio_regression": (stages_law.ratio(toys.bernoulli, 5), lambda view: 0.5, (0.75,)),
}
SECRETS = {
    "membership_prior": {"prior": (0.9, 0.1)},
    "reconstruction": {"prior": TENTHS},
    "reconstruction_candidates": {"prior": TENTHS},
    "extraction": {"prior": TENTHS, "size": 5},
    "attribute_inference": {"prior": (0.5, 0.5)},
    "strong_attribute_inference": {"prior": (0.5, 0.5)},
}


def game_of(name):
    game = GAMES[name].with_secret(**SECRETS.get(name, {}))
    near = Within(1.0)
    return game.with_win(near, ReachedBlindly(near)) if name == "reconstruction" else game


def play(name, stage, mechanism, guess, n_plays=N_PLAYS, game=None, seed=0):
    challenger = Challenger(game=game or game_of(name), stage=stage, mechanism=mechanism)
    return challenger.play_many(np.random.default_rng(seed), Guesser(guess), n_plays, confidence=1 - ERROR)


def test_every_game_of_an_adversary_is_played_here():
    assert set(BLIND) == {name for name, game in GAMES.items() if game.is_played}


@pytest.mark.statistical
@pytest.mark.parametrize("name", BLIND)
def test_a_mechanism_that_publishes_nothing_leaves_the_baseline(name):
    stage, guess, exact = BLIND[name]
    tally = play(name, stage, toys.silent, guess, 1000)
    for won, n, rate in zip(tally.wins, tally.plays, exact, strict=True):
        if tally.is_counted:
            assert binom.ppf(ERROR / 2, n, rate) <= won <= binom.ppf(1 - ERROR / 2, n, rate)
        else:
            assert abs(won / n - rate) < math.sqrt(math.log(2 / ERROR) / (2 * n))  # Hoeffding
    assert tally.interval[0] <= 1e-12 and tally.interval[1] >= -1e-12  # the true advantage is 0
    if tally.game.n_worlds == 1:
        assert tally.baseline == pytest.approx(exact[0])


@pytest.mark.statistical
def test_known_mechanisms_reach_their_closed_forms():
    epsilon = 1.0
    kept = 1 / (1 + math.exp(-epsilon))
    replaced = GAMES["strong_membership"].with_adjacency(Neighbouring.REPLACE_ONE)
    one = stages.one_record(1, np.zeros(0, dtype=int), other=0)
    tally = play("", one, toys.randomised_response(epsilon), lambda view: int(view["model"][0]), game=replaced)
    for won, n in zip(tally.wins, tally.plays, strict=True):
        assert binom.ppf(ERROR / 2, n, kept) <= won <= binom.ppf(1 - ERROR / 2, n, kept)
    assert tally.interval[0] < math.tanh(epsilon / 2) < tally.interval[1]

    case = REFERENCE["kary_eps1_k10"]
    k, exact = case["inputs"]["k"], case["expected"]["krr"]
    nothing = np.zeros(0, dtype=int)
    stage = stages.reconstruction(range(k), nothing)
    tally = play("reconstruction_candidates", stage, toys.kary_response(1.0, k), lambda view: view["model"])
    assert binom.ppf(ERROR / 2, N_PLAYS, exact) <= tally.wins[0] <= binom.ppf(1 - ERROR / 2, N_PLAYS, exact)
    assert tally.advantage == pytest.approx(tally.success - 1 / k)


def test_a_mechanism_that_publishes_all_is_broken_in_every_game_of_bits():
    planted = np.arange(100, 109)
    tally = play(
        "many_canaries",
        stages.canaries(planted, REST),
        lambda data, rng: set(data.tolist()),
        lambda view: [int(one in view["model"]) for one in view["canaries"].tolist()],
        200,
    )
    assert tally.advantage == 1.0
    assert tally.is_counted and tally.interval[0] > 0.8


def challenger_of(name="membership", game=None, mechanism=toys.silent, shown=None):
    return Challenger(game=game or game_of(name), stage=BLIND[name][0], mechanism=mechanism, shown=shown)


def refusal(challenger, function):
    with pytest.raises(UndeclaredUseError) as caught:
        challenger.play(np.random.default_rng(0), Guesser(function))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_the_game_does_not_declare_is_not_in_the_view():
    said = refusal(challenger_of("membership_worst_case"), lambda view: view["rest"])
    assert said.startswith(
        "in the game membership_worst_case the adversary sees the model (access score) and knows law, record, size, trainer; "
        "rest is not among it"
    )
    assert "trainer was not given" in refusal(challenger_of(), lambda view: view["trainer"])
    assert "secret" in refusal(challenger_of(), lambda view: view.get("secret"))
    assert "prior" in refusal(challenger_of("membership"), lambda view: view["prior"])
    for name in BLIND:
        transcript = challenger_of(name).play(np.random.default_rng(0), Guesser(BLIND[name][1]))
        assert set(transcript.view) <= GAMES[name].adversary_knows | {"model", "coins"}
        assert len(transcript.view) == len(set(transcript.view))
        assert "secret" not in transcript.view and "world" not in transcript.view


def test_the_access_says_what_is_seen_of_the_model():
    shown = {"label": lambda model: model > 0, "score": lambda model: model}
    for access, seen in (("label", True), ("score", 0.5)):
        challenger = challenger_of(
            game=GAMES["membership"].with_access(access), mechanism=lambda data, rng: 0.5, shown=shown
        )
        assert challenger.play(np.random.default_rng(0), Guesser(lambda view: view["model"])).guess == seen
    white_box = challenger_of(game=GAMES["membership"].with_access("white_box"), shown=shown)
    assert "shows label, score alone" in refusal(white_box, lambda view: 1)


def test_writing_into_a_view_is_refused():
    challenger = challenger_of("strong_membership", mechanism=lambda data, rng: data)
    for name in ("rest", "model"):
        with pytest.raises(ValueError, match="read-only"):
            challenger.play(np.random.default_rng(0), Guesser(lambda view, name=name: view[name].fill(0)))
    assert REST.tolist() == [0, 1, 2, 3, 4]


def test_the_same_seed_plays_the_same():
    def once(name):
        guess = Guesser(lambda view: (view["coins"].random(), BLIND[name][1](view))[1])
        return [repr(challenger_of(name).play_many(np.random.default_rng(3), guess, 40)) for _ in range(2)]

    for name in ("membership", "many_canaries", "distribution_inference", "reconstruction"):
        one, other = once(name)
        assert one == other


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Challenger(game=GAMES["record_risk"], stage=BLIND["membership"][0], mechanism=toys.silent), UnsupportedError, "no game of an adversary"),
        (lambda: Challenger(game=GAMES["extraction"], stage=BLIND["membership"][0], mechanism=toys.silent), UnsupportedError, "prepares membership, membership_prior; got the game extraction"),
        (lambda: play("membership", BLIND["membership"][0], toys.silent, lambda view: 1, 0), ConfigError, "n_plays must be at least 1"),
        (lambda: play("membership", BLIND["membership"][0], toys.silent, lambda view: 1, 1), UnsupportedError, "Play more"),
        (lambda: play("reconstruction", stages.reconstruction(range(3), REST), toys.silent, lambda view: 1, 9), ConfigError, "one entry per candidate \\(3\\); got 10"),
        (lambda: play("", stages.one_record(1, REST), toys.silent, lambda view: 1, 9, GAMES["strong_membership"].with_adjacency(Neighbouring.REPLACE_ONE)), ConfigError, "give other"),
        (lambda: play("distinguishing", stages.chosen_pair(REST, REST[2:]), toys.silent, lambda view: 1, 9), ConfigError, "0 and 2 records"),
        (lambda: play("distinguishing", stages.chosen_pair(REST, REST + 1), toys.silent, lambda view: 1, 9), ConfigError, "1 and 1 records"),
        (lambda: Tally(game=GAMES["membership"], wins=(1.0,), plays=(1,)), ConfigError, "has 2 worlds"),
        (lambda: Tally(game=GAMES["extraction"], wins=(1.0,), plays=(1,), confidence=1.0), ConfigError, "confidence"),
        (lambda: win_limits(3, 2, level=0.1), ConfigError, "won must lie"),
        (lambda: win_limits(math.nan, 2, level=0.1), ConfigError, "won must lie"),
    ],
)  # fmt: skip
def test_plays_that_cannot_be_are_refused(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(0, 1000), st.floats(1e-6, 0.2), st.booleans())
def test_limits_of_wins_hold_as_often_as_they_say(n, thousandths, level, is_counted):
    """Exactly: the probability of counts whose limit lies on the wrong side of the truth, summed."""
    rate, missed_below, missed_above = thousandths / 1000, 0.0, 0.0
    for won, mass in enumerate(binom.pmf(np.arange(n + 1), n, rate)):
        lower, upper = win_limits(won, n, level=level, is_counted=is_counted)
        assert 0.0 <= lower <= won / n <= upper <= 1.0
        missed_below += mass * (lower > rate + 1e-9)
        missed_above += mass * (upper < rate - 1e-9)
    assert missed_below <= level * (1 + 1e-9)
    assert missed_above <= level * (1 + 1e-9)


@pytest.mark.parametrize(("won", "n"), [(0, 10), (10, 10), (5, 10), (1, 10**6), (10**6 - 1, 10**6)])
def test_chernoff_is_never_tighter_than_clopper_pearson(won, n):
    exact, wide = (win_limits(won, n, level=1e-3, is_counted=is_counted) for is_counted in (True, False))
    assert wide[0] <= exact[0] + 1e-12 and exact[1] <= wide[1] + 1e-12
    assert wide[1] - wide[0] < 2 * (exact[1] - exact[0])
