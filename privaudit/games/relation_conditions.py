"""When relations between games hold: conditions on their parameters, with the words for them."""

from privaudit.games.game_titles import BY_STRENGTH
from privaudit.games.relation import Params
from privaudit.games.relations_group import group_advantage
from privaudit.types import Neighbouring

DPD = "distinguishing"
SAME_NEIGHBOURS = "both games have the same neighbours"
REPLACES = "non-members are fresh draws, so that a record is replaced"
FROM_ADD_REMOVE = "the guarantee is about adding or removing one record, and the game about replacing one"
ONE_SIZE = "neighbours are replaced records, both worlds have the same number of records, and no defense changes them"


def one_relation(params: Params) -> bool:
    """Whether neighbours are the same in source and target."""
    source = params.get("neighbouring")
    return bool(source == params.get("target_neighbouring", source))


def one_statement(params: Params) -> bool:
    """Whether neighbours and delta are the same in source and target."""
    return one_relation(params) and params.get("delta") == params.get("target_delta")


def from_add_remove(params: Params) -> bool:
    """Whether the source adds or removes a record and the target replaces one."""
    relations = (params.get("neighbouring"), params.get("target_neighbouring"))
    return relations == (Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE)


def replaces(params: Params) -> bool:
    """Whether a record is replaced in both games."""
    return params.get("neighbouring") == Neighbouring.REPLACE_ONE and one_relation(params)


def draws_of_one_size(params: Params) -> bool:
    """Whether two draws of one size differ in replaced records alone."""
    return replaces(params) and params["n_replaced"] >= 1 and not params.get("defense_changes_records", False)


def weaker_access(params: Params) -> bool:
    """Whether the target's attacker sees less."""
    return BY_STRENGTH.index(params.get("access")) < BY_STRENGTH.index(params.get("target_access"))


def delta_of(params: Params) -> float:
    """Return the delta of the source."""
    return float(params["delta"])


def group_of(epsilon: float, params: Params, k: str) -> float:
    """Return the advantage that is allowed at as many steps as the parameter of that name says."""
    return float(group_advantage([params[k]], epsilon, delta_of(params))[0])
