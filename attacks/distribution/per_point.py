"""The per-point threshold test: every query votes by a threshold of its own, and the queries that tell most apart count."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from privaudit.attacks.distribution.checks import (
    Floats,
    Integers,
    check_choice,
    check_clip,
    check_inputs,
    split_worlds,
    victim_probabilities,
)
from privaudit.attacks.distribution.folds import balanced_folds
from privaudit.attacks.distribution.signals import CLIP, true_class_log_odds
from privaudit.attacks.distribution.thresholds import best_thresholds, exact_threshold
from privaudit.errors import ConfigError
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0)
Decision = Literal["half", "calibrated"]


def top_votes(log_odds: Floats, world: Integers, others: Floats, fractions: tuple[float, ...]) -> Floats:
    """Return what share of the queries vote for world 1, for each fraction of the queries that is asked.

    Args:
        log_odds: ``(n_shadows, n_queries)`` to fit each query's threshold and direction to.
        world: ``(n_shadows,)`` world 0 or 1 of each.
        others: ``(n_models, n_queries)`` log-odds of the models that are voted on.
        fractions: of the queries, those whose mean log-odds differ most between the worlds; rounded up.

    Returns:
        ``(n_fractions, n_models)`` in [0, 1]; a query without a threshold, and a value on one, count one half.

    >>> shadows = np.array([[0.0, 1.0], [0.2, 1.1], [3.0, 1.2], [3.1, 0.9]])
    >>> top_votes(shadows, np.array([0, 0, 1, 1]), np.array([[2.5, 1.0]]), (0.5,)).tolist()
    [[1.0]]
    """
    log_odds_0, log_odds_1 = split_worlds(log_odds, world)
    found = best_thresholds(log_odds_0, log_odds_1)
    # means, as the numbers of shadow models may differ: among equal ones the order is that of the published sums
    order = np.argsort(-np.abs(log_odds_0.mean(axis=0) - log_odds_1.mean(axis=0)), kind="stable")
    so_far = np.cumsum((np.sign(found.distance(others)) + 1.0)[:, order], axis=1)  # half votes are whole numbers
    counts = np.ceil(np.array(fractions) * len(order) - 1e-9).astype(np.int64).clip(1)
    return np.asarray((so_far[:, counts - 1] / (2 * counts)).T)


def held_out_votes(log_odds: Floats, world: Integers, fractions: tuple[float, ...]) -> Floats:
    """Return ``(n_fractions, n_shadows)`` votes on each shadow model by queries that were fitted without it."""
    votes = np.zeros((len(fractions), len(world)))
    for out in balanced_folds(world):
        votes[:, out] = top_votes(log_odds[~out], world[~out], log_odds[out], fractions)
    return votes


@dataclass(frozen=True, slots=True, kw_only=True)
class PerPointThresholdTest:
    """Score a victim by the share of the most telling queries that vote for world 1.

    How many queries are asked is chosen on shadow models that the thresholds were not fitted to. (On the models that they
    were fitted to, each query looks better the fewer models there are, and a choice would be of noise.)

    Attributes:
        decision: ``calibrated`` (default): the share of votes that tells held-out shadow models apart best says world 1.
            ``half``: half of them does.
        fractions: of the queries, to choose from; the largest of equally good ones is taken.
        clip: probabilities are moved into [clip, 1 - clip] before their log-odds are taken.

    Source: Suri, Lu, Chen, Evans, "Dissecting Distribution Inference", SaTML 2023; the choice on held-out models is ours.
    """

    name: ClassVar[str] = "per_point"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "score"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 2
    decision: Decision = "calibrated"
    fractions: tuple[float, ...] = FRACTIONS
    clip: float = CLIP

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_choice("decision", self.decision, get_args(Decision))
        check_clip(self.clip)
        object.__setattr__(self, "fractions", tuple(sorted(self.fractions, reverse=True)))
        if not self.fractions or not all(0.0 < fraction <= 1.0 for fraction in self.fractions):
            raise ConfigError(f"fractions must lie in (0, 1], one at least; got {self.fractions}.", key="fractions")

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim: share of votes for world 1 minus threshold.

        Args:
            inputs: two worlds and victims' probabilities; queries may be of one world.

        Raises:
            UnsupportedError: if there are more worlds, or fewer than two shadow models of one.
            MissingSignalError: if victims give labels alone.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        victims, world = victim_probabilities(inputs, self.name), inputs.shadow_world
        ours, theirs = (true_class_log_odds(p, inputs.query_label, self.clip) for p in (inputs.shadows, victims))
        held_out = held_out_votes(ours, world, self.fractions)
        chosen, threshold, accuracy = self._chosen(held_out, world)
        scores = top_votes(ours, world, theirs, self.fractions[chosen : chosen + 1])[0] - threshold
        note = (
            f"per-point threshold test: the most telling {self.fractions[chosen]:.0%} of the queries vote, {threshold:.4g} "
            f"of the votes says world 1 (right for {accuracy:.0%} of the held-out shadow models it was chosen on)"
        )
        return VictimScores(scores=scores, notes=(note,))

    def _chosen(self, held_out: Floats, world: Integers) -> tuple[int, float, float]:
        """Return place of the fraction, threshold, and balanced accuracy on held-out shadow models."""
        found = []
        for votes in held_out:
            votes_0, votes_1 = split_worlds(votes, world)
            half = float(0.5 + (np.sign(votes_1 - 0.5).mean() - np.sign(votes_0 - 0.5).mean()) / 4)  # a tie: one half
            best = exact_threshold(votes_0, votes_1, both_directions=False)
            is_set = self.decision == "calibrated" and best.direction > 0
            found.append((best.threshold, best.accuracy) if is_set else (0.5, half))
        place = max(range(len(found)), key=lambda one: found[one][1])
        return (place, *found[place])
