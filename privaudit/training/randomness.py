"""Random states of one model's training, kept apart from everyone else's."""

import contextlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from privaudit.data.seeds import model_seed


class ModelSeeds(NamedTuple):
    """Independent seeds of one model: initial weights (and the loop's dropout), batches, noise, a group's dropout."""

    weights: int
    batches: int
    noise: int
    dropout: int


def seeds_of_model(root: int, model: int) -> ModelSeeds:
    """Derive a model's seeds from the root seed and its number alone, so that workers cannot change them."""
    words = model_seed(root, model).generate_state(4, dtype=np.uint64)
    return ModelSeeds(*(int(word) >> 1 for word in words))


@contextmanager
def isolated_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Keep user code to itself: seed the global generators it may draw from, put them back, and send its prints to stderr.

    Stdout is for results.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    cuda = [device] if device.type == "cuda" else []
    with contextlib.redirect_stdout(sys.stderr), torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the caller's accelerators as well
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        if device.type == "mps":
            torch.mps.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: the same sums in the same order everywhere, and no fight between workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Let float32 be float32 on a CUDA device, where convolutions take TF32 by default, and choose the same algorithm each time."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
