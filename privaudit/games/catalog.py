"""The named games; names after Salem et al., "SoK: Let the Privacy Games Begin!", IEEE S&P 2023, formulas ours.

What a field that an adversary knows means: ``record``: the record in question; ``law``: of the data, to draw from;
``laws``: those of the two worlds, or of every ratio; ``size``: how many records are trained on; ``trainer``: how, to train
shadow models; ``prior``: of the secret; ``rest``: all other training records; ``data_sets``: the two training sets;
``canaries``: the records that were planted or not; ``user_records``: those of one user; ``known_part``: of the record in
question; ``candidates``: values that the secret may have; ``poison``: records that the adversary added; ``added_law``: what
may be part of the mixture. The model itself is seen as the access says, in every game.
"""

from collections.abc import Mapping
from types import MappingProxyType

from privaudit.games import rules
from privaudit.games.catalog_membership import MEMBERSHIP_GAMES, REPLACE_ONE, two_worlds
from privaudit.games.game import Game
from privaudit.games.rules import Secret

LAW_SIDE = frozenset({"laws", "size", "trainer"})

_RECORDS = (
    Game(
        id="attribute_inference",
        symbol="AI",
        title="what is the hidden attribute of a training record?",
        secret=Secret(kind="attribute", prior=()),
        data="iid",
        target="random",
        adjacency=REPLACE_ONE,
        adjacencies=(REPLACE_ONE,),
        adversary_knows=frozenset({"known_part", "law", "size", "trainer"}),
        win=rules.is_equal,
        baseline=rules.likeliest,
        advantage=rules.excess_in_world_1,
        n_worlds=2,
        description=(
            "The adversary sees part of a record and names the rest; the advantage is its success on training records less "
            "that on fresh ones."
        ),
    ),
    Game(
        id="strong_attribute_inference",
        symbol="SAI",
        title="attribute inference for an adversary who knows all other training records",
        secret=Secret(kind="attribute", prior=()),
        data="fixed",
        target="random",
        adjacency=REPLACE_ONE,
        adjacencies=(REPLACE_ONE,),
        adversary_knows=frozenset({"known_part", "law", "size", "trainer", "rest"}),
        win=rules.is_equal,
        baseline=rules.likeliest,
        advantage=rules.excess_in_world_1,
        n_worlds=2,
        description="As attribute_inference, and the adversary knows the rest of the training set.",
    ),
    Game(
        id="reconstruction",
        symbol="RC_eta",
        title="what is the one unknown training record, up to a loss of eta?",
        secret=Secret(kind="record"),
        data="fixed",
        target="random",
        adjacency=REPLACE_ONE,
        adjacencies=(REPLACE_ONE,),
        adversary_knows=frozenset({"rest", "prior", "candidates", "trainer"}),
        win=rules.Within(0.0),
        baseline=rules.ReachedBlindly(rules.Within(0.0)),
        advantage=rules.excess,
        description=(
            "One record is drawn from a prior and trained on with all others, which the adversary knows; kappa is what the "
            "best blind guess reaches."
        ),
    ),
    Game(
        id="reconstruction_candidates",
        symbol="RC_k",
        title="which of k candidates is the one unknown training record?",
        secret=Secret(kind="index"),
        data="fixed",
        target="random",
        adjacency=REPLACE_ONE,
        adjacencies=(REPLACE_ONE,),
        adversary_knows=frozenset({"rest", "prior", "candidates", "trainer"}),
        win=rules.is_equal,
        baseline=rules.likeliest,
        advantage=rules.excess,
        description="As reconstruction, with a uniform prior on k known candidates; the baseline is 1/k.",
    ),
    Game(
        id="extraction",
        symbol="EXT",
        title="name any training record",
        secret=Secret(kind="record", prior=()),
        data="iid",
        target="none",
        adjacency=None,
        adversary_knows=frozenset({"law", "size", "trainer"}),
        win=rules.is_among,
        baseline=rules.met_by_chance,
        advantage=rules.excess,
        description="The adversary outputs one record and wins if it was trained on, whichever it is.",
    ),
)

_LAWS = (
    two_worlds(
        "distribution_inference",
        "DI",
        "from which of two laws was the training set drawn?",
        target="law",
        adjacency=None,
        adversary_knows=LAW_SIDE,
        description=(
            "A coin chooses one of two laws, from which all n training records are drawn; the advantage is 2 accuracy - 1, "
            "the accuracy being the mean over the two worlds."
        ),
    ),
    Game(
        id="ratio_regression",
        symbol="DI_reg",
        title="which share of the training set has the property?",
        secret=Secret(kind="ratio", prior=(0.5, 0.5), values=(0.0, 1.0)),
        data="iid",
        target="law",
        adjacency=None,
        adversary_knows=LAW_SIDE | {"prior"},
        win=rules.closeness,
        baseline=rules.constant_ratio,
        advantage=rules.excess,
        description=(
            "The ratio is drawn from a prior and the adversary estimates it; the advantage is what the mean squared error "
            "lies below that of the best constant, the prior's variance."
        ),
    ),
    two_worlds(
        "property_existence",
        "PE",
        "does any training record have the property?",
        target="law",
        adjacency=None,
        adversary_knows=LAW_SIDE,
        description="Distribution inference where the property does not occur at all in world 0.",
    ),
    two_worlds(
        "poisoned_distribution",
        "DI_poison",
        "distribution inference where the adversary adds records of its own to the training set",
        data="poisoned",
        target="law",
        adjacency=None,
        adversary_knows=LAW_SIDE | {"poison"},
        description="As distribution_inference, of a model that was trained on the adversary's records, too.",
    ),
    two_worlds(
        "mixture_membership",
        "DMI",
        "was this source of data part of the training mixture?",
        target="law",
        adjacency=None,
        adversary_knows=frozenset({"added_law", "law", "size", "trainer"}),
        description="All records are drawn from one law, or each with some probability from another one.",
    ),
)

GAMES: Mapping[str, Game] = MappingProxyType({game.id: game for game in (*MEMBERSHIP_GAMES, *_RECORDS, *_LAWS)})
