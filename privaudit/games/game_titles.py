"""Games, what is counted in them, and who sees what, in the words of reports. Names after Salem et al., IEEE S&P 2023."""

from privaudit.types import Neighbouring
from privaudit.types.design import Access

GAME_TITLES = {
    "distinguishing": "Telling two neighbouring data sets apart",
    "strong_membership": "Membership inference, worst record, all other records known",
    "membership_worst_case": "Membership inference, worst record",
    "membership": "Membership inference, random record",
    "membership_prior": "Membership inference, members rare or common",
    "poisoned_membership": "Membership inference with records added by the attacker",
    "many_canaries": "Many inserted or coin-drawn records in one training",
    "user_membership": "Membership inference, all records of a user",
    "attribute_inference": "Attribute inference, beyond what holds for fresh records",
    "strong_attribute_inference": "Attribute inference, all other records known",
    "reconstruction": "Reconstruction of a record",
    "reconstruction_candidates": "Reconstruction from a list of candidates",
    "extraction": "Extraction of some training record",
    "distribution_inference": "Distribution inference",
    "ratio_regression": "Estimating the share of a property",
    "property_existence": "Does any training record have the property?",
    "poisoned_distribution": "Distribution inference with records added by the attacker",
    "mixture_membership": "Was a data source part of the training mixture?",
}
ACCESS_TITLES = {
    None: "all that training gives away",
    "white_box": "the model itself",
    "score": "probabilities",
    "label": "labels alone",
}
BY_STRENGTH: tuple[Access | None, ...] = (None, "white_box", "score", "label")
NEIGHBOUR_TITLES = {
    Neighbouring.ADD_REMOVE: "add/remove",
    Neighbouring.REPLACE_ONE: "replace one",
    Neighbouring.ZERO_OUT: "zero out",
    None: "not stated",
}


def game_title(game: str) -> str:
    """Return a game's full name, the id of a game that has none.

    >>> game_title("membership"), game_title("my_game")
    ('Membership inference, random record', 'my_game')
    """
    return GAME_TITLES.get(game, game)
