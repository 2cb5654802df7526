"""SNAP: the adversary adds a few records to every training set first, and then needs few shadow models.

Poison shifts the log-odds of the planted class against the true one, for records with the property, and the more the fewer of
them there are (`snap_shift`). A victim's log-odds are compared with those of four shadow models of each world, say.

``contrast`` (this project's, the default). A victim's number is its mean log-odds over query records of the true class that
have the property, minus that over those that have not. Poison moves the first mean alone, while most of what differs between
trainings moves both: the difference between trainings of one world goes, and the shift stays. The threshold is the middle
between the two worlds' means.

``published``. Every model's log-odds over all queries with the property are trimmed around their median; the threshold is the
middle between the medians of all shadow models' log-odds of either world; the side of most of the victim's trimmed log-odds
decides. One threshold for all queries: those far from it never say anything. The authors' code takes log-odds against all
other classes, where there are more than two, and world 0 for the one with the smaller ratio; here shadow models say the
direction in both rules.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from privaudit.attacks.distribution.checks import (
    Bools,
    Floats,
    Integers,
    check_choice,
    check_clip,
    check_inputs,
    split_worlds,
    victim_probabilities,
)
from privaudit.attacks.distribution.signals import CLIP
from privaudit.errors import UnsupportedError
from privaudit.types.design import Access
from privaudit.types.worlds import Poison, VictimScores, WorldInputs

Rule = Literal["contrast", "published"]
DIGITS = 12  # of a mean log-odds: what differs less is rounding, and a tie


def planted_log_odds(probabilities: Floats, poison: Poison, clip: float = CLIP) -> Floats:
    """Return the log-odds of the planted class against the true class of the poison.

    Args:
        probabilities: ``(n_models, n_queries, n_classes)``; 0 and 1 are legal.
        poison: which classes.
        clip: probabilities are moved into [clip, 1 - clip].

    Returns:
        ``(n_models, n_queries)``; of more than two classes the others are left out.

    >>> said = np.array([[[0.25, 0.75], [0.0, 1.0]]])
    >>> planted_log_odds(said, Poison(share=0.1, true_class=1, planted_class=0), 0.1).round(3).tolist()
    [[-1.099, -2.197]]
    """
    planted, true = (
        np.log(np.clip(probabilities[:, :, place], clip, 1.0 - clip))
        for place in (poison.planted_class, poison.true_class)
    )
    return np.asarray(planted - true)


def contrasts(log_odds: Floats, is_own: Bools, is_other: Bools) -> Floats:
    """Return each model's mean log-odds over some queries minus that over others.

    Args:
        log_odds: ``(n_models, n_queries)``.
        is_own: ``(n_queries,)`` queries that poison speaks of.
        is_other: ``(n_queries,)`` those it is compared with; where there is none, nothing is subtracted.

    Returns:
        ``(n_models,)``, rounded to 12 digits.
    """
    own = log_odds[:, is_own].mean(axis=1)
    return np.asarray(np.round(own - log_odds[:, is_other].mean(axis=1) if is_other.any() else own, DIGITS))


def trimmed(log_odds: Floats) -> Floats:
    """Return the log-odds within a standard deviation of their median: first those far below are cut, then those far above.

    Args:
        log_odds: ``(n_queries,)`` of one model.

    Returns:
        as many as are left; all where rounding leaves none.

    Source: the code of Chaudhari et al., IEEE S&P 2023; the second deviation is of what the first cut leaves, as there.

    >>> trimmed(np.array([0.0, 1.0, 2.0, 3.0, 50.0])).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    middle = np.median(log_odds)
    above = log_odds[log_odds >= middle - log_odds.std()]
    kept = above[above <= middle + above.std()] if len(above) else above
    return kept if len(kept) else log_odds


def published_scores(ours: Floats, world: Integers, theirs: Floats) -> Floats:
    """Return which share of a victim's trimmed log-odds is on world 1's side of one threshold, minus 1/2.

    Args:
        ours: ``(n_shadows, n_queries)`` log-odds of shadow models on queries with the property.
        world: ``(n_shadows,)`` world of each.
        theirs: ``(n_victims, n_queries)`` of victims.

    Returns:
        ``(n_victims,)``, 0 where both worlds' medians are one.

    Source: Chaudhari, Abascal, Oprea, Jagielski, Tramer and Ullman, "SNAP: Efficient Extraction of Private Properties with
    Poisoning", IEEE S&P 2023.
    """
    medians = [float(np.median(np.concatenate([trimmed(row) for row in rows]))) for rows in split_worlds(ours, world)]
    direction = np.sign(np.round(medians[1] - medians[0], DIGITS))
    threshold = (medians[0] + medians[1]) / 2
    # the middle of both sides' shares: with the worlds exchanged a score is minus itself, values on the threshold included
    sides = [float(np.sign(trimmed(row) - threshold).mean()) / 2 for row in theirs]
    return np.asarray(direction * np.array(sides, dtype=np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snap:
    """Tell worlds apart by what poison does to models of either.

    Attributes:
        rule: ``contrast`` (default) or ``published``, see above.
        clip: probabilities are moved into [clip, 1 - clip] before their log-odds are taken.

    Source: Chaudhari, Abascal, Oprea, Jagielski, Tramer and Ullman, "SNAP: Efficient Extraction of Private Properties with
    Poisoning", IEEE S&P 2023; the contrast is ours.
    """

    name: ClassVar[str] = "snap"
    game: ClassVar[str] = "poisoned_distribution"
    access: ClassVar[Access] = "score"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 2
    rule: Rule = "contrast"
    clip: float = CLIP

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_choice("rule", self.rule, get_args(Rule))
        check_clip(self.clip)

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim: oriented distance of its contrast from the threshold, or share of its log-odds minus 1/2.

        Args:
            inputs: two poisoned worlds, with queries that have the property and victims' probabilities.

        Raises:
            UnsupportedError: if there are more worlds, fewer than two shadow models of one, no poison or no query with the
                property.
            MissingSignalError: if victims give labels alone.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        poison, has_property = _poison_and_property(inputs)
        victims = victim_probabilities(inputs, self.name)
        ours, theirs = (planted_log_odds(table, poison, self.clip) for table in (inputs.shadows, victims))
        if self.rule == "published":
            return VictimScores(
                scores=published_scores(ours[:, has_property], inputs.shadow_world, theirs[:, has_property])
            )
        is_true = inputs.query_label == poison.true_class
        own, other = (_of_class(chosen, is_true) for chosen in (has_property, ~has_property))
        means = [rows.mean() for rows in split_worlds(contrasts(ours, own, other), inputs.shadow_world)]
        direction = np.sign(np.round(means[1] - means[0], DIGITS))
        scores = direction * (contrasts(theirs, own, other) - (means[0] + means[1]) / 2)
        notes = () if other.any() else ("snap: no query lacks the property, so that there is nothing to compare with",)
        return VictimScores(scores=scores, notes=notes)


def _poison_and_property(inputs: WorldInputs) -> tuple[Poison, Bools]:
    if inputs.poison is None:
        raise UnsupportedError(
            "snap reads what poison did, and there is none. Add distribution.poison, or leave it out."
        )
    if inputs.query_property is None or not inputs.query_property.any():
        raise UnsupportedError(
            "snap asks about records with the property; no query has it. Raise distribution.n_queries, or leave it out."
        )
    highest = max(inputs.poison.true_class, inputs.poison.planted_class)
    if highest >= inputs.shadows.shape[2]:
        raise UnsupportedError(
            f"snap reads the probability of class {highest}; models give {inputs.shadows.shape[2]}. Name another class."
        )
    return inputs.poison, inputs.query_property


def _of_class(chosen: Bools, is_true: Bools) -> Bools:
    """Those of the true class, all where none has it."""
    both = chosen & is_true
    return both if both.any() else chosen
