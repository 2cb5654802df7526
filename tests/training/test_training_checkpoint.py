"""What is read of a checkpoint that somebody else wrote, and what is refused."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from privaudit.errors import DataError, UnsupportedError
from privaudit.training.checkpoint import read_checkpoint, released_network
from privaudit.training.model_spec import ModelSpec

SPEC = ModelSpec(build="mlp", params={"hidden": [8]})


def mlp(hidden=8, classes=2):
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(5, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def saved(tmp_path, state, name="model.pt"):
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def put_in(path, spec=SPEC):
    return released_network(read_checkpoint(path.read_bytes(), path), spec, record_shape=(5,), n_classes=2)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors", "model.bin"])
@pytest.mark.parametrize("prefix", ["", "_module.", "module.", "_orig_mod."])
def test_weights_arrive_as_they_are(tmp_path, name, prefix):
    state = mlp().state_dict()
    path = saved(tmp_path, {prefix + key: value for key, value in state.items()}, name)
    for key, value in put_in(path).state_dict().items():
        assert torch.equal(value, state[key])


def test_half_precision_is_widened(tmp_path):
    state = {key: value.half() for key, value in mlp().state_dict().items()}
    for key, value in put_in(saved(tmp_path, state, "model.safetensors")).state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, state[key].float())


class Opens:
    """An object whose loading runs code."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    trap = tmp_path / "was-run"
    for content in (pickle.dumps(Opens(trap)), pickle.dumps({"0.weight": Opens(trap)})):
        path = tmp_path / "model.pt"
        path.write_bytes(content)
        with pytest.raises(UnsupportedError, match=r"more than tensors.*safetensors"):
            read_checkpoint(path.read_bytes(), path)
    torch.save({"w": Opens(trap)}, tmp_path / "zip.pt")
    with pytest.raises(UnsupportedError, match="not opened"):
        read_checkpoint((tmp_path / "zip.pt").read_bytes(), tmp_path / "zip.pt")
    torch.save(mlp(), tmp_path / "whole.pt")
    with pytest.raises(UnsupportedError, match="more than tensors"):
        read_checkpoint((tmp_path / "whole.pt").read_bytes(), tmp_path / "whole.pt")
    assert not trap.exists()


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"not a model", b"PK\x03\x04broken"])
def test_damaged_checkpoints(tmp_path, name, content):
    with pytest.raises((DataError, UnsupportedError)) as caught:
        read_checkpoint(content, tmp_path / name)
    assert str(caught.value).startswith("model.checkpoint: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {**s, "1.weight": s["1.weight"].T.contiguous()}, ["1.weight", "(5, 8)", "(8, 5)"]),
        (lambda s: {key: value for key, value in s.items() if key != "3.bias"}, ["3.bias is missing"]),
        (lambda s: {**s, "4.weight": s["1.weight"].clone()}, ["4.weight is unknown"]),
        (lambda s: {**s, "1.bias": s["1.bias"].long()}, ["1.bias", "int64", "float32"]),
        (lambda s: {**s, "1.bias": s["1.bias"] * float("nan")}, ["1.bias", "NaN"]),
        (lambda s: {**s, "1.bias": torch.full((8,), 1e300, dtype=torch.float64)}, ["1.bias", "infinite"]),
        (lambda _: mlp(hidden=9).state_dict(), ["(9,", "more after this one"]),
        (lambda s: {"state_dict": s, "epoch": 3}, ["state_dict is", "Dict"]),
        (lambda _: {}, ["empty"]),
        (lambda _: [1, 2], ["list"]),
        (lambda s: {**s, "1.weight": s["1.weight"].to_sparse()}, ["1.weight"]),
    ],
)
def test_weights_that_do_not_fit(tmp_path, change, words):
    path = saved(tmp_path, change(mlp().state_dict()))
    with pytest.raises(DataError) as caught:
        put_in(path)
    assert all(word in str(caught.value) for word in words), caught.value
    assert str(caught.value).startswith("model.checkpoint: ") and "\n" not in str(caught.value)
