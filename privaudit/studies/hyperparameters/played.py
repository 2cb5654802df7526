"""What one repeat of the study gave."""

from collections.abc import Mapping
from typing import NamedTuple

from privaudit.studies.hyperparameters.contest import Figures

TUNED, DRAWN_TARGETS, ELSEWHERE = "tuned on the training data", "drawn at random", "tuned on other records"
PRIVATE, PRIVATE_DRAWN = "epsilon 1, tuned on the training data", "epsilon 1, drawn at random"


class Played(NamedTuple):
    """One repeat.

    Attributes:
        task: name of the data.
        repeat: its number; the same number with and without privacy is not the same pool.
        figures: kind of targets -> attack -> figures.
        claim: kind of private targets -> mean over targets of the AUC that the guarantee allows.
    """

    task: str
    repeat: int
    figures: Mapping[str, Mapping[str, Figures]]
    claim: Mapping[str, float]
