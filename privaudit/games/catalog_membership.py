"""The games about membership; `privaudit.games.catalog` says what the names of fields mean."""

from privaudit.games import rules
from privaudit.games.game import Game
from privaudit.games.rules import Secret
from privaudit.types import Neighbouring
from privaudit.types.report import POISONED, RECORD_RISK

ADD_REMOVE, REPLACE_ONE, ZERO_OUT = Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE, Neighbouring.ZERO_OUT
RECORD_RELATIONS = (REPLACE_ONE, ADD_REMOVE, ZERO_OUT)
RECORD_SIDE = frozenset({"record", "law", "size", "trainer"})


def two_worlds(id: str, symbol: str, title: str, **fields: object) -> Game:
    """Make a game whose secret is one of two worlds; its advantage is TPR less FPR."""
    options = {
        "secret": Secret(kind="bit"),
        "data": "iid",
        "win": rules.is_equal,
        "baseline": rules.likeliest,
        "advantage": rules.rate_difference,
        "n_worlds": 2,
    }
    return Game(id=id, symbol=symbol, title=title, **{**options, **fields})  # type: ignore[arg-type]


MEMBERSHIP_GAMES = (
    two_worlds(
        "membership",
        "MI",
        "was this record in the training set?",
        target="random",
        adjacency=REPLACE_ONE,
        adjacencies=RECORD_RELATIONS,
        adversary_knows=RECORD_SIDE,
        description=(
            "A model is trained on n draws of the law; by a fair coin the adversary is given one of them or a fresh draw. An "
            "audit with a coin per record plays it with the relation add_remove."
        ),
    ),
    two_worlds(
        "membership_prior",
        "MI_p",
        "membership where members are rarer, or more frequent, than non-members",
        target="random",
        adjacency=REPLACE_ONE,
        adjacencies=RECORD_RELATIONS,
        adversary_knows=RECORD_SIDE | {"prior"},
        advantage=rules.excess,
        n_worlds=1,
        description="Membership with another coin; the advantage is the success beyond that of the likelier answer.",
    ),
    two_worlds(
        "membership_worst_case",
        "MI_z",
        "was this one record, the worst there is, in the training set?",
        target="fixed",
        adjacency=ADD_REMOVE,
        adjacencies=RECORD_RELATIONS,
        adversary_knows=RECORD_SIDE,
        description="The record is fixed, the others are draws; it is trained with or without it, or with another one.",
    ),
    two_worlds(
        "strong_membership",
        "SMI",
        "membership for an adversary who knows all other training records",
        data="fixed",
        target="fixed",
        adjacency=ADD_REMOVE,
        adjacencies=RECORD_RELATIONS,
        adversary_knows=RECORD_SIDE | {"rest"},
        description="As membership_worst_case, and the adversary knows the rest of the training set.",
    ),
    two_worlds(
        "distinguishing",
        "DPD",
        "which of two neighbouring training sets was it?",
        data="adversarial",
        target="adversarial",
        adjacency=ADD_REMOVE,
        adjacencies=RECORD_RELATIONS,
        adversary_knows=frozenset({"data_sets", "trainer"}),
        description=(
            "The adversary chooses two neighbouring training sets, one of which is trained on: what differential privacy "
            "bounds. Many runs with one planted canary are played in it."
        ),
    ),
    two_worlds(
        "user_membership",
        "UMI",
        "did this user's records take part?",
        target="group",
        adjacency=ADD_REMOVE,
        adjacencies=(ADD_REMOVE,),
        adversary_knows=frozenset({"user_records", "law", "size", "trainer"}),
        description="All k records of one user are trained on, or none of them (SUBJ where they are spread over clients).",
    ),
    two_worlds(
        POISONED,
        "MI_poison",
        "membership where the adversary adds records of its own to the training set",
        data="poisoned",
        target="random",
        adjacency=ADD_REMOVE,
        adjacencies=RECORD_RELATIONS,
        adversary_knows=RECORD_SIDE | {"poison"},
        description="As membership, of a model that was trained on the adversary's records, too.",
    ),
    Game(
        id="many_canaries",
        symbol="MULTI",
        title="which of many planted records were in the one training?",
        secret=Secret(kind="bits"),
        data="adversarial",
        target="group",
        adjacency=ADD_REMOVE,
        adjacencies=(ADD_REMOVE, ZERO_OUT),
        adversary_knows=frozenset({"canaries", "rest", "trainer"}),
        win=rules.share_right,
        baseline=rules.likeliest,
        advantage=rules.doubled_excess,
        description="A coin each decides which of m canaries one model is trained on; the adversary guesses some of them.",
    ),
    Game(
        id="canary",
        symbol="",
        title="planted canaries of an audit of DP-SGD",
        secret=Secret(kind="bits"),
        data="adversarial",
        target="adversarial",
        adjacency=ADD_REMOVE,
        adjacencies=(ADD_REMOVE, ZERO_OUT),
        adversary_knows=frozenset({"canaries", "rest", "trainer"}),
        win=rules.share_right,
        baseline=rules.likeliest,
        advantage=rules.doubled_excess,
        description=(
            "What findings of kind canaries name: many_canaries where the audit is one run, distinguishing where it is many "
            "runs of one canary; the finding says which."
        ),
    ),
    two_worlds(
        RECORD_RISK,
        "",
        "which records are most at risk? A ranking for the model's owner",
        target="none",
        adjacency=None,
        adversary_knows=frozenset(),
        accesses=("score", "white_box"),
        is_played=False,
        description=(
            "No game of an adversary: the ranking is made from the course of the training, which no attacker has, and no "
            "relation leads from it to another game."
        ),
    ),
)
