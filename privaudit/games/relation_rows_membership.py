"""Relations that carry a guarantee to games: R1, R3, R5, R11; and between membership and attributes: R2, R4, R6, R7."""

import math

from privaudit.games.relation import Params, Relation
from privaudit.games.relation_conditions import (
    DPD,
    FROM_ADD_REMOVE,
    REPLACES,
    SAME_NEIGHBOURS,
    delta_of,
    from_add_remove,
    group_of,
    one_relation,
    one_statement,
    replaces,
    weaker_access,
)
from privaudit.games.relations_group import epsilon_of_group_advantage
from privaudit.games.relations_guarantee import (
    add_remove_of_replace_one,
    advantage_of_epsilon,
    epsilon_of_advantage,
    replace_one_of_add_remove,
)
from privaudit.games.relations_prior import epsilon_of_success, success_at_prior

ABSTAINS = "an attacker may abstain, which counts as wrong, and a record is replaced"


def _to_replace_one(epsilon: float, params: Params) -> float:
    doubled, delta = replace_one_of_add_remove(epsilon, delta_of(params))
    return doubled if delta <= params["target_delta"] * (1.0 + 1e-12) else math.inf


GUARANTEES = (
    Relation(
        id="R1",
        title="epsilon and delta bound the advantage of whoever chooses both data sets",
        source=DPD,
        target=DPD,
        source_quantity="epsilon",
        needs=("delta",),
        condition=SAME_NEIGHBOURS,
        precondition=one_relation,
        upper=lambda value, params: advantage_of_epsilon(value, delta_of(params)),
        lower=lambda value, params: epsilon_of_advantage(value, delta_of(params)),
    ),
    Relation(
        id="R3",
        title="replacing a record is removing one and adding one",
        source=DPD,
        target=DPD,
        source_quantity="epsilon",
        target_quantity="epsilon",
        needs=("delta", "target_delta"),
        condition=FROM_ADD_REMOVE,
        precondition=from_add_remove,
        upper=_to_replace_one,
        lower=lambda value, params: add_remove_of_replace_one(value, params["target_delta"], delta_of(params)),
        note="delta grows to delta (1 + e^epsilon)",
    ),
    Relation(
        id="R3",
        title="replacing a record is removing one and adding one: the advantage doubles at most",
        source=DPD,
        target=DPD,
        condition=FROM_ADD_REMOVE,
        precondition=from_add_remove,
        upper=lambda value, params: min(1.0, 2.0 * value),
        lower=lambda value, params: value / 2.0,
    ),
    Relation(
        id="R5",
        title="epsilon and delta bound the share of right guesses at a prior",
        source=DPD,
        target="membership_prior",
        source_quantity="epsilon",
        target_quantity="success",
        needs=("delta", "prior"),
        condition=SAME_NEIGHBOURS,
        precondition=one_relation,
        upper=lambda value, params: success_at_prior(value, params["prior"], delta_of(params)),
        lower=lambda value, params: epsilon_of_success(value, params["prior"], delta_of(params)),
    ),
    Relation(
        id="R11",
        title="a user with k records is k steps away",
        source=DPD,
        target="user_membership",
        source_quantity="epsilon",
        needs=("delta", "k"),
        condition=SAME_NEIGHBOURS,
        precondition=one_relation,
        upper=lambda value, params: group_of(value, params, "k"),
        lower=lambda value, params: epsilon_of_group_advantage(value, params["k"], delta_of(params)),
    ),
    Relation(
        id="R11",
        title="a user with k records is k steps away: k times the advantage at most",
        source=DPD,
        target="user_membership",
        needs=("k",),
        condition=SAME_NEIGHBOURS,
        precondition=one_relation,
        upper=lambda value, params: min(1.0, params["k"] * value),
        lower=lambda value, params: value / params["k"],
    ),
)
MEMBERSHIP = (
    *(
        Relation(
            id="R2",
            title="who knows less, or meets a random record, has no larger advantage",
            source=source,
            target=target,
            condition=SAME_NEIGHBOURS,
            precondition=one_relation,
            note="a random member against a fresh record is one record replaced; against a coin it is one added",
        )
        for source, target in (
            (DPD, "strong_membership"),
            ("strong_membership", "membership_worst_case"),
            ("membership_worst_case", "membership"),
        )
    ),
    Relation(
        id="R2",
        title="one record chosen beforehand is two neighbouring data sets",
        source=DPD,
        target="membership_worst_case",
        source_quantity="epsilon",
        target_quantity="epsilon",
        condition=f"{SAME_NEIGHBOURS}, and delta",
        precondition=one_statement,
    ),
    Relation(
        id="R4",
        title="who sees more has no smaller advantage",
        source="*",
        target="*",
        condition="the target's attacker sees less",
        precondition=weaker_access,
        note="about the best attackers; an attack on labels may beat one on probabilities",
    ),
    Relation(
        id="R6",
        title="an inferred attribute that is right tells a member",
        source="membership",
        target="attribute_inference",
        condition=REPLACES,
        precondition=replaces,
        note="about the advantage over fresh records; the share of right inferences is bounded by no membership bound",
    ),
    Relation(
        id="R7",
        title="asking about a guessed value turns membership into an attribute",
        source="attribute_inference",
        target="membership",
        needs=("n_values", "may_abstain"),
        condition=ABSTAINS,
        precondition=lambda params: bool(params["may_abstain"]) and replaces(params),
        upper=lambda value, params: min(1.0, params["n_values"] * value),
        lower=lambda value, params: value / params["n_values"],
    ),
)
