import numpy as np
import pytest

from privaudit.data.seeds import STREAMS, model_seed, stream_generator, stream_seed
from privaudit.errors import ConfigError


def state(sequence):
    return tuple(sequence.generate_state(4).tolist())


def test_model_seed_is_the_documented_one():
    assert state(model_seed(7, 3)) == state(np.random.SeedSequence(7, spawn_key=(3,)))


def test_streams_and_models_never_share_a_seed():
    roots = [0, 1, 2**32, 2**64 + 1, 2**128 - 1]
    numbers = [0, 1, 2, 3, 4, 5, 2**16, 2**32 - 1]
    states = [state(model_seed(root, number)) for root in roots for number in numbers]
    states += [state(stream_seed(root, name, number)) for root in roots for name in STREAMS for number in numbers]
    assert len(set(states)) == len(states)


def test_keys_differ_in_length():
    assert len(model_seed(0, 2**32 - 1).spawn_key) == 1
    assert {len(stream_seed(0, name, 2**32 - 1).spawn_key) for name in STREAMS} == {3}


def test_stream_is_reproducible():
    assert stream_generator(1, "records").integers(2**40) == stream_generator(1, "records").integers(2**40)


@pytest.mark.parametrize(("root", "model"), [(-1, 0), (2**128, 0), (0, -1), (0, 2**32)])
def test_numbers_that_could_collide_are_refused(root, model):
    with pytest.raises(ConfigError, match="must lie in"):
        model_seed(root, model)
