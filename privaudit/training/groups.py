"""Which models are trained side by side: a function of the recipe, the network, the device type and the memory budget.

Never of the number of models, of the workers or of free memory: the last bits of a model depend on who is trained
beside it, and an audit must give the same bytes everywhere.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.training.batch_tables import TABLE_NUMBERS
from privaudit.training.recipe import Recipe

Trainer = Literal["ensemble", "loop"]
Precision = Literal["float32", "bfloat16"]
GIGABYTE = 2**30
BYTES = 4  # of a float32
MOST_ON_CPU = (
    16  # models of dense layers: larger groups gain little, and a short last group costs as much as a full one
)
MOST_WITH_CONVOLUTIONS = 1  # on a CPU: convolutions fill a core alone
MOST_ON_ACCELERATOR = 256
TABLE_COPIES = 4  # of row numbers: drawn, of the model, of the group, on the device
HEADROOM = 1.25  # for what allocators and libraries take beside
OPTIMIZER_NUMBERS = {"sgd": 1, "adam": 2, "adamw": 2}  # per weight


class StepMemory(NamedTuple):
    """Bytes that a step takes beside weights, gradients and optimizer.

    Attributes:
        per_model: whatever the batch.
        per_record: for each record of one model.
    """

    per_model: int
    per_record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerPlan:
    """How the models of an audit are trained; part of what their bytes are a function of.

    Attributes:
        trainer: ``ensemble`` (side by side) or ``loop`` (one at a time).
        reason: why it is the loop, or "".
        is_fallback: whether the loop is used although nobody asked for it.
        group_size: models trained side by side.
        most_records: records per model in one pass, or None for whole batches.
        memory_gb: the declared budget of a group, or None for the loop.
        precision: of the products in forward and backward pass.
        compiled: whether torch.compile is used.
    """

    trainer: Trainer
    reason: str = ""
    is_fallback: bool = False
    group_size: int = 1
    most_records: int | None = None
    memory_gb: float | None = None
    precision: Precision = "float32"
    compiled: bool = False

    @property
    def excuse(self) -> str:
        """What a user who did not ask for the loop is told."""
        return f"one at a time, since they cannot be trained side by side: {self.reason.rstrip('.')}."

    def to_dict(self) -> dict[str, Any]:
        """Return what enters the manifest."""
        names = ("trainer", "group_size", "most_records", "memory_gb", "precision", "compiled")
        return {name: getattr(self, name) for name in names}


ONE_BY_ONE = TrainerPlan(trainer="loop")


def widest_batch(recipe: Recipe) -> int:
    """Return a public number that batches rarely exceed: the shuffled size, or six deviations above the expected one."""
    if recipe.batch_size is not None:
        return recipe.batch_size + 1
    assert recipe.expected_batch_size is not None
    return math.ceil(recipe.expected_batch_size + 6 * math.sqrt(recipe.expected_batch_size))


def plan_groups(
    recipe: Recipe,
    *,
    n_weights: int,
    memory: StepMemory,
    n_records: int,
    has_convolution: bool,
    device_type: str,
    memory_gb: float,
    resident_bytes: int = 0,
) -> tuple[int, int | None]:
    """Return the size of a group, a power of two, and the records of one pass if a batch must be cut.

    Args:
        recipe: batch size and optimizer.
        n_weights: trained numbers of one model.
        memory: what a step needs beside weights, gradients and optimizer.
        n_records: records of the audit; tables of batches grow with them.
        has_convolution: whether convolutions take part.
        device_type: ``cpu`` or an accelerator.
        memory_gb: budget of one group.
        resident_bytes: of the data, where they lie on an accelerator.

    >>> from privaudit.config import OptimizerConfig
    >>> recipe = Recipe(
    ...     steps=None, sample_rate=None, epochs=1, batch_size=64, expected_batch_size=None, schedule_steps=1,
    ...     optimizer=OptimizerConfig(), dp=None,
    ... )
    >>> plan_groups(
    ...     recipe, n_weights=10_000, memory=StepMemory(0, 4_000), n_records=5_000, has_convolution=False, device_type="cpu",
    ...     memory_gb=2,
    ... )
    (16, None)
    """
    budget = memory_gb * GIGABYTE - resident_bytes
    of_weights = n_weights * BYTES * (3 + OPTIMIZER_NUMBERS[recipe.optimizer.name])  # values, gradients, the network
    of_batches = TABLE_COPIES * 8 * max(n_records // 2, TABLE_NUMBERS)
    per_model, per_record = of_weights + of_batches + HEADROOM * memory.per_model, HEADROOM * memory.per_record
    width = widest_batch(recipe)
    fitting = int(budget // (per_model + width * per_record))
    if fitting < 1:
        return 1, max(1, int((budget - per_model) // per_record))
    most = _most_models(device_type, has_convolution)
    return 2 ** int(math.log2(min(fitting, most))), None


def _most_models(device_type: str, has_convolution: bool) -> int:
    if device_type != "cpu":
        return MOST_ON_ACCELERATOR
    return MOST_WITH_CONVOLUTIONS if has_convolution else MOST_ON_CPU


def groups_of(variant: NDArray[np.int64], rows: Sequence[int], *, size: int) -> Iterator[tuple[int, ...]]:
    """Yield the groups that hold any of some models, whole.

    Models of one variant are cut into groups in their order, so that models added later change no earlier group.

    Args:
        variant: ``(n_models,)`` of the design.
        rows: the models wanted.
        size: of a group.

    >>> list(groups_of(np.array([0, 0, 0, 1, 1]), [2, 3], size=2))
    [(2,), (3, 4)]
    """
    wanted = set(rows)
    for number in np.unique(variant).tolist():
        members = np.flatnonzero(variant == number).tolist()
        for start in range(0, len(members), size):
            group = tuple(members[start : start + size])
            if wanted.intersection(group):
                yield group
