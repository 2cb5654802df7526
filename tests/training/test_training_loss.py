import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from privaudit.training.loss import class_first_gradient, classification_loss

SMOOTHING = [0.0, 0.1]


def classification_gradient(output, labels, *, label_smoothing=0.0):
    """The gradient at a model's outputs, in their own shape."""
    matrix = output if output.ndim > 1 else output.reshape(len(labels), -1)
    return class_first_gradient(matrix[:, :, None], labels[:, None], label_smoothing).reshape(output.shape)


def draw(shape, n_classes, seed=0, scale=3.0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=shape) * scale), torch.from_numpy(
        rng.integers(0, max(2, n_classes), shape[0])
    )


def by_autograd(output, labels, label_smoothing):
    """The gradient of torch's own cross-entropy; one output z stands for the logits (0, z)."""
    output = output.clone().requires_grad_()
    matrix = output.reshape(len(labels), -1)
    logits = torch.cat([torch.zeros_like(matrix), matrix], 1) if matrix.shape[1] == 1 else matrix
    loss = nn.functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=label_smoothing)
    return torch.autograd.grad(loss, output)[0]


def test_smoothed_loss_of_one_output_is_the_one_of_two_classes():
    output, labels = draw((30, 1), 2)
    probability = torch.sigmoid(output[:, 0])
    wanted = 0.1 + 0.8 * labels.double()  # a fifth, spread over both classes
    entropy = -(wanted * probability.log() + (1 - wanted) * (1 - probability).log()).sum()
    torch.testing.assert_close(classification_loss(output, labels, 0.2), entropy, rtol=1e-12, atol=0)
    torch.testing.assert_close(classification_loss(output[:, 0], labels, 0.2), entropy, rtol=1e-12, atol=0)


def test_the_loss_without_smoothing_is_the_cross_entropy():
    output, labels = draw((30, 4), 4)
    wanted = -output.log_softmax(1)[torch.arange(30), labels].sum()
    torch.testing.assert_close(classification_loss(output, labels), wanted, rtol=1e-12, atol=0)


@given(
    st.integers(1, 9),
    st.sampled_from([None, 1, 2, 3, 10]),
    st.sampled_from(SMOOTHING),
    st.integers(0, 1000),
    st.sampled_from([0.1, 3.0, 100.0]),
)
def test_the_gradient_is_that_of_autograd(n, n_classes, label_smoothing, seed, scale):
    output, labels = draw((n,) if n_classes is None else (n, n_classes), n_classes or 2, seed, scale)
    got = classification_gradient(output, labels, label_smoothing=label_smoothing)
    assert got.shape == output.shape
    torch.testing.assert_close(got, by_autograd(output, labels, label_smoothing), rtol=1e-12, atol=1e-12)


def test_a_squeezed_batch_of_one_record():
    got = classification_gradient(torch.tensor(1.5, dtype=torch.float64), torch.tensor([1]))
    assert got.shape == ()
    assert float(got) == pytest.approx(1 / (1 + np.exp(-1.5)) - 1, abs=1e-15)


@given(
    st.integers(1, 4), st.sampled_from([1, 2, 7]), st.integers(0, 9), st.sampled_from(SMOOTHING), st.integers(0, 1000)
)
def test_the_class_first_gradient_is_the_same_turned_around(n_models, n_classes, n, label_smoothing, seed):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=(n_models, n_classes, n)) * 5.0)
    labels = torch.from_numpy(rng.integers(0, max(2, n_classes), (n_models, n)))
    before = logits.clone()
    got = class_first_gradient(logits, labels, label_smoothing)
    assert torch.equal(logits, before)
    assert got.shape == logits.shape
    wanted = [by_autograd(logits[k].T.contiguous(), labels[k], label_smoothing).T for k in range(n_models)] if n else []
    for k, one in enumerate(wanted):
        torch.testing.assert_close(got[k], one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("label_smoothing", SMOOTHING)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("n_classes", [1, 2, 5])
def test_extreme_logits_are_finite_in_every_type(label_smoothing, dtype, n_classes):
    output = torch.tensor([1e4, -1e4, 0.0], dtype=dtype)[:, None].repeat(1, n_classes)
    output[:, 0] *= -1
    labels = torch.tensor([0, 1, 1])
    got = classification_gradient(output, labels, label_smoothing=label_smoothing)
    assert got.dtype == dtype
    wanted = by_autograd(output.double(), labels, label_smoothing)
    torch.testing.assert_close(got.double(), wanted, rtol=0, atol=4 * torch.finfo(dtype).eps)
    assert torch.isfinite(classification_loss(output.float(), labels, label_smoothing))


def test_no_graph_is_kept():
    output, labels = draw((3, 2), 2)
    assert not classification_gradient(output.requires_grad_(), labels).requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_cuda_device():
    output, labels = draw((30, 4), 4)
    got = classification_gradient(output.cuda(), labels.cuda(), label_smoothing=0.1)
    assert got.is_cuda
    torch.testing.assert_close(got.cpu(), by_autograd(output, labels, 0.1), rtol=1e-12, atol=1e-12)
