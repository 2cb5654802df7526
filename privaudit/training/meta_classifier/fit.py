"""Trains meta-classifiers on shadow models' weights, and asks them about others.

Shadow models are few beside the weights of one model, and a single network reads much noise. The answer is the mean over several
networks with weight decay, trained for a fixed number of steps: nothing is chosen on the models that are judged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from privaudit.attacks.distribution.pin import Form
from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.training.meta_classifier.blocks import MetaNetworks, Streams, first_weights
from privaudit.training.meta_classifier.inputs import MetaInputs, prepare
from privaudit.training.meta_classifier.published import PublishedNetworks
from privaudit.training.meta_classifier.strict import StrictNetworks
from privaudit.training.meta_classifier.weight_layers import WeightLayers

N_NETWORKS, N_STEPS, RATE, DECAY = 5, 150, 3e-3, 1e-2  # rate and decay of Adam, the decay added to the gradient
NETWORKS: Mapping[Form, Callable[[MetaInputs, Streams, torch.device], MetaNetworks]] = {
    "strict": StrictNetworks,
    "published": PublishedNetworks,
}
Loss = Callable[[Tensor], Tensor]
Answer = Callable[[MetaInputs], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaSettings:
    """Which meta-classifier is trained.

    Attributes:
        form: ``strict``: invariant under every permutation of hidden units; ``published``: under the first layer's alone.
        seed: of the first weights.

    Raises:
        ConfigError: if there is no such form.
    """

    form: Form = "strict"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse an unknown form."""
        if self.form not in get_args(Form):
            raise ConfigError(f"form must be {' or '.join(get_args(Form))}; got {self.form!r}.", key="form")


def world_log_odds(
    shadows: WeightLayers,
    world: NDArray[np.int64],
    others: WeightLayers,
    settings: MetaSettings,
    device: torch.device,
) -> NDArray[np.float64]:
    """Train on the shadow models of two worlds, and return how much others look like world 1.

    Args:
        shadows: the shadow models' layers.
        world: ``(n_shadows,)`` world 0 or 1 of each; both occur. Both count alike, however many there are of each; but of the
            world with fewer less is learned, and answers lean to the other one: take equally many.
        others: layers of the models to be judged, of the same sizes.
        settings: form and seed.
        device: where to train.

    Returns:
        ``(n_others,)`` log-odds for world 1, mean over the networks.

    Raises:
        ShapeError: if the arrays do not fit.
        DataError: if a world has no shadow model.

    Source: Ganju et al., CCS 2018; Suri, Evans, PETS 2022, the white-box meta-classifier. The strict form, scales and means: this
    project.
    """
    _check(shadows, world, others)
    if not np.array_equal(np.unique(world), (0, 1)):
        raise DataError(f"shadow models of worlds 0 and 1 are needed; got worlds {np.unique(world).tolist()}.")
    counts = np.bincount(world, minlength=2)
    truth, weight = (_tensor(values, device) for values in (world, len(world) / (2.0 * counts[world])))

    def loss(said: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(said, truth.expand_as(said), weight=weight.expand_as(said))

    return _fit_and_ask(shadows, world, others, settings, device, loss)


def estimated_ratios(
    shadows: WeightLayers,
    ratios: NDArray[np.float64],
    others: WeightLayers,
    settings: MetaSettings,
    device: torch.device,
) -> NDArray[np.float64]:
    """Train on shadow models of several ratios, and return the ratios that others look like.

    Args:
        shadows: the shadow models' layers.
        ratios: ``(n_shadows,)`` ratio of each; two different ones at least. Every ratio counts alike.
        others: layers of the models to be judged, of the same sizes.
        settings: form and seed.
        device: where to train.

    Returns:
        ``(n_others,)`` estimates in [0, 1], mean over the networks; drawn towards the mean of the ratios where weights tell little.

    Raises:
        ShapeError: if the arrays do not fit.
        DataError: if the ratios do not differ, or leave [0, 1].

    Source: Suri, Evans, PETS 2022, the regression variant.
    """
    _check(shadows, ratios, others)
    known, place, counts = np.unique(ratios, return_inverse=True, return_counts=True)
    if len(known) < 2 or not 0.0 <= known[0] <= known[-1] <= 1.0:
        raise DataError(f"shadow models of different ratios in [0, 1] are needed; got {known.tolist()}.")
    centre, spread = float(known.mean()), float(known.std())
    target, weight = (
        _tensor(values, device) for values in ((ratios - centre) / spread, len(ratios) / (len(known) * counts[place]))
    )

    def loss(said: Tensor) -> Tensor:
        return (weight * mse_loss(said, target.expand_as(said), reduction="none")).mean()

    said = _fit_and_ask(shadows, ratios, others, settings, device, loss)
    return np.asarray(np.clip(centre + spread * said, 0.0, 1.0))


def _fit_and_ask(
    shadows: WeightLayers,
    group: NDArray[Any],
    others: WeightLayers,
    settings: MetaSettings,
    device: torch.device,
    loss: Loss,
) -> NDArray[np.float64]:
    ours, theirs = prepare(settings.form, shadows, group, others, device)
    answer = trained(settings, ours, loss, device)
    with torch.no_grad():
        # the one value per model that leaves the device
        said = [answer(part).to("cpu", torch.float64).mean(dim=0).numpy() for part in theirs]
    return np.concatenate(said)


def trained(settings: MetaSettings, inputs: MetaInputs, loss: Loss, device: torch.device) -> Answer:
    """Train the networks side by side, full batch.

    Args:
        settings: form and seed.
        inputs: of the shadow models.
        loss: from ``(n_networks, n_shadows)`` answers to their mean loss.
        device: where the inputs are.

    Returns:
        function from inputs to ``(n_networks, n_models)`` answers.
    """
    streams = [stream_generator(settings.seed, "meta_classifier", number) for number in range(N_NETWORKS)]
    networks = NETWORKS[settings.form](inputs, streams, device)
    last = first_weights(streams, networks.n_codes, 1, device)
    shift = torch.zeros(N_NETWORKS, 1, device=device, requires_grad=True)

    def answer(of: MetaInputs) -> Tensor:
        return (networks.codes(of) @ last)[..., 0] + shift

    optimizer = torch.optim.Adam([*networks.parameters, last, shift], lr=RATE, weight_decay=DECAY)
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        total = N_NETWORKS * loss(answer(inputs))  # each network's own mean loss
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return answer


def _check(shadows: WeightLayers, group: NDArray[Any], others: WeightLayers) -> None:
    if not shadows or any(len(group) != layer.n_models for layer in shadows):
        raise ShapeError(f"every shadow model needs its world or ratio; got {len(group)} for the layers of others.")
    if [layer.weight.shape[1:] for layer in shadows] != [layer.weight.shape[1:] for layer in others]:
        raise ShapeError("shadow models and the models to be judged must have layers of the same sizes.")


def _tensor(values: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(device)
