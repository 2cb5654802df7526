"""A small network that is trained on what shadow models say, and asked about what victims say."""

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from privaudit.attacks.blind import one_thread
from privaudit.attacks.distribution.checks import Bools, Floats, Integers, check_inputs, victim_probabilities
from privaudit.attacks.distribution.folds import balanced_folds
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

HIDDEN = (20, 8)  # the published layers
N_FOLDS = 5
N_STEPS = 200
PENALTY = 1.0
N_STARTS = 4
COLLAPSED = 0.01  # a network whose answers to all shadow models lie within it has learned nothing


def fit_and_ask(shadows: Floats, world: Integers, others: Floats, seed: int) -> Floats:
    """Train the network on shadow models and return its probability of world 1 for others.

    Inputs are standardised, then expressed in as many directions as the shadow models span: that loses nothing of
    them, makes the network small, and keeps its random first weights from reading noise in directions in which no
    shadow model differs.

    Args:
        shadows: ``(n_shadows, n_inputs)`` what shadow models say.
        world: ``(n_shadows,)`` world 0 or 1 of each; both occur.
        others: ``(n_models, n_inputs)`` what the models to be judged say.
        seed: of the first weights.

    Returns:
        ``(n_models,)`` in [0, 1]; 1/2 where all shadow models say the same.
    """
    centre, scale = shadows.mean(axis=0), shadows.std(axis=0)
    kept = scale > 1e-9
    if not kept.any() or not len(others):
        return np.full(len(others), 0.5)
    ours, theirs = ((table[:, kept] - centre[kept]) / scale[kept] for table in (shadows, others))
    directions = _span(ours)
    model = _fitted(ours @ directions, world, seed)
    return np.asarray(model.predict_proba(theirs @ directions)[:, 1], dtype=np.float64)


def _fitted(inputs: Floats, world: Integers, seed: int) -> Any:
    """Train the network, from other first weights where all of them ended at 0.

    Weights of 0 are a minimum of the penalised loss whatever the inputs say, and first weights near it fall into it.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    found = []
    for start in range(N_STARTS):
        model = MLPClassifier(
            hidden_layer_sizes=HIDDEN,
            solver="lbfgs",
            alpha=PENALTY,
            max_iter=N_STEPS,
            random_state=(seed + start) % 2**32,
        )
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # a bound on the time; the penalty is what stops it early
            model.fit(inputs, world)
        found.append(model)
        if np.ptp(model.predict_proba(inputs)[:, 1]) > COLLAPSED:
            break
    return min(found, key=lambda one: float(one.loss_))


def _span(table: Floats) -> Floats:
    """Return ``(n_inputs, rank)`` directions, scaled so that the rows' coordinates have a mean square of 1 in all."""
    _, size, rows = np.linalg.svd(table, full_matrices=False)
    rank = int((size > 1e-9 * size[0]).sum())
    return np.asarray(rows[:rank].T * np.sqrt(len(table)) / np.linalg.norm(size))


def held_out_accuracy(shadows: Floats, world: Integers, seed: int) -> float:
    """Return the balanced accuracy on shadow models that the network was trained without."""
    said = np.zeros(len(world))
    for out in balanced_folds(world, N_FOLDS):
        said[out] = fit_and_ask(shadows[~out], world[~out], shadows[out], seed)
    return float(((said[world == 0] < 0.5).mean() + (said[world == 1] >= 0.5).mean()) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaClassifier:
    """Train a network on shadow models' probabilities, on the queries of world 0, of world 1, or of both.

    The query set is the one of highest accuracy on held-out shadow models, both if they are equally good. A score is the
    network's probability of world 1 minus 1/2.

    Attributes:
        seed: of the network's first weights.

    Source: Zhang, Tople, Ohrimenko, "Leakage of Dataset Properties in Multi-Party Machine Learning", USENIX Security 2021,
    as a black-box meta-classifier in Suri, Evans, PETS 2022.
    """

    name: ClassVar[str] = "meta_classifier"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "score"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no seed."""
        if type(self.seed) is not int or not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed must be a whole number in 0..2**32 - 1; got {self.seed!r}.", key="seed")

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim.

        Args:
            inputs: two worlds and victims' probabilities.

        Raises:
            UnsupportedError: if there are more worlds, fewer than four shadow models of one, or not equally many of both: the
                network would lean to the world with more.
            MissingSignalError: if victims give labels alone.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        victims, world = victim_probabilities(inputs, self.name), inputs.shadow_world
        n_0, n_1 = np.bincount(world, minlength=2).tolist()
        if n_0 != n_1:
            raise UnsupportedError(
                f"attack {self.name} takes equally many shadow models of both worlds; got {n_0} and {n_1}. Leave some out."
            )
        sets = _choices(inputs)
        with one_thread():
            accuracy = {
                name: held_out_accuracy(_table(inputs.shadows, chosen), world, self.seed)
                for name, chosen in sets.items()
            }
            best = max(accuracy, key=lambda name: accuracy[name])
            said = fit_and_ask(_table(inputs.shadows, sets[best]), world, _table(victims, sets[best]), self.seed)
        note = (
            f"meta-classifier on the queries of {best} (right for {accuracy[best]:.0%} of the held-out shadow models)"
        )
        return VictimScores(scores=said - 0.5, notes=(note,))


def _choices(inputs: WorldInputs) -> dict[str, Bools]:
    sets = {f"world {world}": inputs.query_world == world for world in (0, 1)}
    sets = {name: chosen for name, chosen in sets.items() if chosen.any()}
    both: dict[str, Any] = {"both worlds": np.ones(len(inputs.query_world), dtype=bool)}
    return {**both, **sets}


def _table(probabilities: Floats, queries: Bools) -> Floats:
    """Return ``(n_models, n_inputs)``: the last class says what the others leave over, and is dropped."""
    kept = probabilities[:, queries, : max(probabilities.shape[2] - 1, 1)]
    return np.asarray(kept.reshape(len(kept), int(queries.sum()) * kept.shape[2]))
