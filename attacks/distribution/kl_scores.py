"""The three ways from divergences to scores: votes, votes against a threshold of the shadow models' own, and all victims at once."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from privaudit.attacks.distribution.checks import Floats, query_sets, split_worlds
from privaudit.attacks.distribution.kl_distance import mean_divergences
from privaudit.attacks.distribution.kl_vote import Pairs, calibrated_threshold, left_out_shares, vote_share
from privaudit.errors import UnsupportedError
from privaudit.types.worlds import VictimScores, WorldInputs

Decision = Literal["vote", "calibrated", "transductive"]

DIGITS = 12  # of a divergence: what differs less is rounding, and a tie
TRANSDUCTIVE = (
    "transductive: each pair's difference is scaled to the range that it takes over all victims, so a victim's score "
    "depends on the other victims and means nothing of one alone"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KlSettings:
    """How divergences become scores.

    Attributes:
        clip: of probabilities.
        pairs: which pairs of shadow models vote.
        decision: ``vote``, ``calibrated`` or ``transductive``.
    """

    clip: float
    pairs: Pairs
    decision: Decision


def kl_scores(
    inputs: WorldInputs, victims: Floats, shadows_as_victims: Floats, settings: KlSettings, attack: str
) -> VictimScores:
    """Score every victim by its divergences from the shadow models, on both query sets.

    Args:
        inputs: two worlds, checked.
        victims: ``(n_victims, n_queries, n_classes)`` what victims are taken to say.
        shadows_as_victims: ``(n_shadows, n_queries, n_classes)`` what shadow models would be taken to say as victims; read
            for a calibration alone.
        settings: how divergences become scores.
        attack: name, for messages.

    Returns:
        vote share minus threshold, the mean of both query sets' shares.
    """
    distances = _distances(inputs, victims, settings.clip, attack)
    if settings.decision == "transductive":
        shares = np.mean([_transductive(*split_worlds(d.T, inputs.shadow_world)) for d in distances], axis=0)
        return VictimScores(scores=shares - 0.5, notes=(TRANSDUCTIVE,))
    shares = np.zeros(len(victims))
    for d in distances:
        d0, d1 = split_worlds(d.T, inputs.shadow_world)
        shares += vote_share(d0.T, d1.T, settings.pairs) / 2
    if settings.decision == "vote":
        return VictimScores(scores=shares - 0.5)
    threshold, note = _calibration(inputs, shadows_as_victims, settings.clip, attack)
    return VictimScores(scores=shares - threshold, notes=(note,))


def _distances(inputs: WorldInputs, victims: Floats, clip: float, attack: str) -> list[Floats]:
    """Return ``(n_victims, n_shadows)`` divergences on each of the two query sets."""
    return [
        np.round(mean_divergences(inputs.shadows[:, queries], victims[:, queries], clip), DIGITS)
        for queries in query_sets(inputs, attack)
    ]


def _calibration(inputs: WorldInputs, as_victims: Floats, clip: float, attack: str) -> tuple[float, str]:
    world = inputs.shadow_world
    shares = np.mean([left_out_shares(d, world) for d in _distances(inputs, as_victims, clip, attack)], axis=0)
    threshold, accuracy = calibrated_threshold(shares, world)
    if accuracy == 0.5:
        return threshold, "calibrated votes: no threshold tells left-out shadow models apart; half of the votes decides"
    return threshold, (
        f"calibrated votes: {threshold:.4g} of the votes says world 1 (right for {accuracy:.0%} of the left-out shadow "
        "models it was chosen on)"
    )


def _transductive(d0: Floats, d1: Floats) -> Floats:
    """Return each victim's mean over all pairs of the difference, scaled to [0, 1] over the victims.

    Args:
        d0: ``(n_shadows_0, n_victims)``.
        d1: ``(n_shadows_1, n_victims)``.
    """
    if d0.shape[1] < 2:
        raise UnsupportedError(f"transductive scores need two victims at least; got {d0.shape[1]}. Use decision: vote.")
    total = np.zeros(d0.shape[1])
    for row in d0:  # a pair for each of world 1's shadow models
        difference = row - d1
        low = difference.min(axis=1, keepdims=True)
        span = difference.max(axis=1, keepdims=True) - low
        total += np.where(span > 0, (difference - low) / np.where(span > 0, span, 1.0), 0.5).sum(axis=0)
    return np.asarray(total / (len(d0) * len(d1)))
