"""Trains meta-classifiers on the weights of shadow models and asks them about the victims' weights; signals ``pin_logit``, ``pin_ratio``.

A meta-classifier is fitted for each other world against the base, or once for all ratios. What it says is stored per victim:
where a membership signal has one value per record, these have one per world, so ``record_index`` holds worlds, and 0 stands for
all ratios at once. Every victim is asked, whatever its world: nothing here looks at the worlds of victims.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privaudit.errors import TrainingError
from privaudit.interfaces import Executor, Progress, ProgressHook
from privaudit.store.folder import AuditFolder
from privaudit.training.meta_classifier.fit import MetaSettings, estimated_ratios, world_log_odds
from privaudit.training.meta_classifier.weight_layers import WeightLayers, read_layers
from privaudit.training.randomness import full_precision, isolated_random_state, one_thread
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign

OF_ALL_RATIOS = 0  # the place of what is not about one comparison
Load = Callable[[int], nn.Module]


class WeightSignal(NamedTuple):
    """What is to be computed from weights.

    Attributes:
        name: of the signal.
        settings: of the meta-classifier.
        is_ratio: whether it estimates the ratio instead of telling a world from the base.
    """

    name: str
    settings: MetaSettings
    is_ratio: bool


class Fit(NamedTuple):
    """One meta-classifier: a signal and the world that it tells from the base."""

    signal: WeightSignal
    world: int


class Said(NamedTuple):
    """What a meta-classifier said of every victim, or why there is none."""

    fit: Fit
    values: NDArray[np.float64]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weights:
    """Weights of all models that take part, as one picklable value."""

    design: WorldDesign
    layers: WeightLayers
    device: str


def collect_weight_signals(
    folder: AuditFolder,
    design: WorldDesign,
    signals: Sequence[WeightSignal],
    *,
    load: Load,
    device: str,
    executor: Executor,
    progress: ProgressHook | None = None,
) -> None:
    """Fit the meta-classifiers whose answers are not stored yet.

    Args:
        folder: the audit's folder.
        design: who was trained in which world; those of victims are not used.
        signals: what is to be computed.
        load: from the row of a model to the model, with its weights.
        device: where to fit, resolved.
        executor: where to fit.
        progress: called after every fit.

    Raises:
        UnsupportedError: if the models' layers cannot be read.
        TrainingError: if a fit failed.
    """
    victims = design.rows(TARGET).tolist()
    missing = [signal for signal in signals if folder.missing_signals([signal.name], victims)]
    fits = [fit for signal in missing for fit in fits_of(design, signal)]
    if not fits:
        return
    with one_thread():
        layers = read_layers([load(row) for row in range(design.n_models)])
    weights = _Weights(design=design, layers=layers, device=device)
    said: dict[str, list[Said]] = {}
    answers = executor.map(partial(ask_about_victims, weights), fits, lost=_lost)
    for done, answer in enumerate(answers, start=1):
        if answer.problem:
            raise TrainingError(
                f"the meta-classifier for {answer.fit.signal.name} could not be trained: {answer.problem}. Finished models are kept."
            )
        said.setdefault(answer.fit.signal.name, []).append(answer)
        if progress is not None:
            progress(Progress(stage="reading weights", done=done, total=len(fits), unit="meta-classifiers"))
    for name, found in said.items():
        _store(folder, name, found, victims)


def fits_of(design: WorldDesign, signal: WeightSignal) -> list[Fit]:
    """Return the meta-classifiers that a signal needs."""
    return [Fit(signal, world) for world in ((OF_ALL_RATIOS,) if signal.is_ratio else range(1, design.n_worlds))]


def ask_about_victims(weights: _Weights, fit: Fit) -> Said:
    """Train one meta-classifier on the shadow models and ask it about every victim.

    Args:
        weights: of all models.
        fit: which one.

    Returns:
        ``(n_victims,)`` log-odds for the other world, or estimated ratios.
    """
    design, settings = weights.design, fit.signal.settings
    chosen = (0, fit.world) if not fit.signal.is_ratio else _of_ratios(design)
    shadows, victims = design.rows(SHADOW, *chosen), design.rows(TARGET)
    ours, theirs = (tuple(layer.rows(rows) for layer in weights.layers) for rows in (shadows, victims))
    device = torch.device(weights.device)
    try:
        with one_thread(), isolated_random_state(settings.seed, device), full_precision(device):
            if fit.signal.is_ratio:
                assert design.ratios is not None  # such attacks are refused where worlds are no ratios
                ratios = np.asarray(design.ratios)[design.world[shadows]]
                values = estimated_ratios(ours, ratios, theirs, settings, device)
            else:
                is_other = (design.world[shadows] == fit.world).astype(np.int64)
                values = world_log_odds(ours, is_other, theirs, settings, device)
    except Exception as error:  # noqa: BLE001 - said in one line by the caller, whatever it is
        return Said(fit, np.zeros(0), f"{type(error).__name__}: {error}")
    return Said(fit, values)


def _of_ratios(design: WorldDesign) -> tuple[int, ...]:
    return tuple(world for world in range(design.n_worlds) if world != design.control)


def _lost(fit: Fit, reason: str) -> Said:
    return Said(fit, np.zeros(0), reason)


def _store(folder: AuditFolder, name: str, answers: Sequence[Said], victims: Sequence[int]) -> None:
    ordered = sorted(answers, key=lambda answer: answer.fit.world)
    worlds = np.array([answer.fit.world for answer in ordered], dtype=np.int64)
    table = np.stack([answer.values for answer in ordered], axis=1)
    for victim, values in zip(victims, table, strict=True):
        folder.write_signal(name, victim, values[:, None], worlds)
