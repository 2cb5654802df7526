"""Chameleon's rounds: train shadow models, look, plant more copies, train anew, until nothing changes.

The decisions are pure functions of `privaudit.attacks.label_only`; nothing here knows files, networks or trainers. Whoever
drives the rounds trains every shadow model anew from its own initial weights in each of them.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.attacks.label_only.chameleon_settings import ChameleonSettings
from privaudit.attacks.label_only.neighbourhood import kept_neighbours
from privaudit.attacks.label_only.poison_counts import mean_out_confidence, next_copies, no_copies, poison_labels
from privaudit.errors import ShapeError
from privaudit.numerics import log_sum_exp, two_class_logits

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """What is to be trained and looked at.

    Attributes:
        number: 0 for the unpoisoned round.
        copies: ``(n,)`` copies of each challenge record to plant in every model, whether it holds the record or not.
        labels: ``(n,)`` wrong class of those copies.
        wants_candidates: whether the margins at all candidates are needed (in round 0).
    """

    number: int
    copies: NDArray[np.int64]
    labels: NDArray[np.int64]
    wants_candidates: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundOutputs:
    """What the shadow models of a round answered.

    Attributes:
        logits: ``(n_models, n, n_outputs)`` at the challenge records themselves.
        margins: ``(n_models, n, n_queries)`` logit margins of the true class at record and candidates, record first; where
            they are not wanted, ``None`` will do.
    """

    logits: Floats
    margins: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoisonPlan:
    """What the rounds decided: how the targets are poisoned, and what they are asked.

    Attributes:
        copies: ``(n,)`` copies of each challenge record.
        labels: ``(n,)`` their wrong class.
        out_confidence: ``(n,)`` mean probability of the true class under shadow models without the record, in the last round,
            whose models were trained with exactly these copies.
        kept: ``(n, n_queries)`` bool, the membership neighbourhoods, the record itself first.
        history: out_confidence of each round.
    """

    copies: NDArray[np.int64]
    labels: NDArray[np.int64]
    out_confidence: Floats
    kept: NDArray[np.bool_]
    history: tuple[Floats, ...]

    @property
    def n_rounds(self) -> int:
        """Rounds of training, the unpoisoned one among them."""
        return len(self.history)


Rounds = Generator[Round, RoundOutputs, PoisonPlan]


def chameleon_rounds(
    settings: ChameleonSettings, is_in: ArrayLike, labels: ArrayLike, *, n_classes: int, seed: int = 0
) -> Rounds:
    """Yield what to train, receive what it answered, and return the plan.

    Args:
        settings: thresholds and limits.
        is_in: ``(n_models, n)`` 1 where a shadow model holds a challenge record; with pairs of complementary models half of
            them for every record.
        labels: ``(n,)`` true classes of the challenge records.
        n_classes: number of classes.
        seed: of random wrong classes.

    Raises:
        ShapeError: if the answers do not fit.
        UnsupportedError: if a record has fewer than two models with it, or without it.

    Source: Chaudhari et al., ICLR 2024, algorithm 2 and the membership neighbourhood.
    """
    members, true = np.asarray(is_in, dtype=np.uint8), np.asarray(labels, dtype=np.int64)
    counts, history = no_copies(len(true)), list[Floats]()
    kind = settings.poison_label
    wrong = poison_labels(true, n_classes, kind="next" if kind == "second_best" else kind, seed=seed)
    kept = np.ones((len(true), 1), dtype=np.bool_)
    for number in range(settings.most_copies + 1):
        outputs = yield Round(number=number, copies=counts.copies, labels=wrong, wants_candidates=number == 0)
        log_probability = _log_probability(outputs.logits, members, n_classes)
        if number == 0:
            kept = _kept(settings, outputs, members)
            if kind == "second_best":
                mean = _mean_out_probability(log_probability, members)
                wrong = poison_labels(true, n_classes, kind=kind, class_probability=mean)
        own = np.take_along_axis(log_probability, true[None, :, None], axis=2)[:, :, 0]
        history.append(mean_out_confidence(own, members))
        after = next_copies(counts, history[-1], threshold=settings.poison_threshold, most=settings.most_copies)
        is_settled = np.array_equal(after.copies, counts.copies)
        counts = after
        if is_settled:
            break
    return PoisonPlan(copies=counts.copies, labels=wrong, out_confidence=history[-1], kept=kept, history=tuple(history))


def play_rounds(rounds: Rounds, train: Callable[[Round], RoundOutputs]) -> PoisonPlan:
    """Drive the rounds by a function that trains and asks.

    Args:
        rounds: from `chameleon_rounds`.
        train: trains the shadow models of a round and returns what they answer.
    """
    request = next(rounds)
    while True:
        try:
            request = rounds.send(train(request))
        except StopIteration as stop:
            plan: PoisonPlan = stop.value
            return plan


def _log_probability(logits: Floats, members: NDArray[np.uint8], n_classes: int) -> Floats:
    """``(n_models, n, n_classes)`` log-probabilities."""
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 3 or values.shape[:2] != members.shape:
        raise ShapeError(f"logits must have shape {(*members.shape, n_classes)}; got {values.shape}.")
    columns = two_class_logits(values.reshape(-1, values.shape[2]))
    if columns.shape[1] != n_classes:
        raise ShapeError(f"the models must have one output for each of {n_classes} classes; got {columns.shape[1]}.")
    return np.asarray(columns - log_sum_exp(columns, axis=1)[:, None]).reshape(*members.shape, n_classes)


def _mean_out_probability(log_probability: Floats, members: NDArray[np.uint8]) -> Floats:
    """``(n, n_classes)`` mean over the models without each record."""
    is_out = (members == 0)[:, :, None]
    return np.asarray((np.exp(log_probability) * is_out).sum(axis=0) / is_out.sum(axis=0))


def _kept(settings: ChameleonSettings, outputs: RoundOutputs, members: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if outputs.margins is None:
        raise ShapeError("round 0 needs the margins of all candidates; got none. Ask where wants_candidates is True.")
    return kept_neighbours(
        outputs.margins,
        members,
        threshold=settings.neighbourhood_threshold,
        sigma_floor=settings.sigma_floor,
    )
