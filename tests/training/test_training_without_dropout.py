import pytest
import torch
from torch import nn
from torch.nn import functional

from privaudit.training.without_dropout import without_dropout

ONES = torch.ones(4, 6, 8)
LAYERS = [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout]
FUNCTIONS = [
    *(
        getattr(functional, name)
        for name in (
            "dropout",
            "dropout1d",
            "dropout2d",
            "dropout3d",
            "alpha_dropout",
            "feature_alpha_dropout",
        )
    ),
    *(
        getattr(torch, name + tail)
        for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
        for tail in ("", "_")
    ),
]


def with_axes(function):
    name = getattr(function, "__name__", "")
    return ONES[..., None, None] if "3d" in name.lower() else ONES[..., None] if "2d" in name.lower() else ONES


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_in_training_mode_are_the_identity(layer):
    network, batch = layer(0.5).train(), with_axes(layer)
    assert not torch.equal(network(batch), batch)  # 2 ** -24 at most
    with without_dropout():
        assert torch.equal(network(batch), batch)
        assert torch.equal(network(input=batch), batch)
    assert not torch.equal(network(batch), batch)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_are_the_identity(function):
    batch = with_axes(function)
    assert not torch.equal(function(batch.clone(), 0.5, True), batch)
    with without_dropout():
        assert torch.equal(function(batch.clone(), 0.5, True), batch)


def test_attention_loses_its_dropout():
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 8)
    for network in (
        nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True),
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True),
    ):
        arguments = (tokens,) * 3 if isinstance(network, nn.MultiheadAttention) else (tokens,)
        quiet = network.eval()(*arguments)
        network.train()
        with without_dropout():
            got = network(*arguments)
        wanted, got = (value[0] if isinstance(value, tuple) else value for value in (quiet, got))
        torch.testing.assert_close(got, wanted)
    attend = functional.scaled_dot_product_attention
    wanted = attend(tokens, tokens, tokens)
    with without_dropout():
        torch.testing.assert_close(attend(tokens, tokens, tokens, dropout_p=0.5), wanted)
        torch.testing.assert_close(attend(tokens, tokens, tokens, None, 0.5), wanted)


def test_random_slopes_are_their_mean():
    batch = -torch.ones(50)
    wanted = torch.full((50,), -0.3)
    for function in (functional.rrelu, torch.rrelu, torch.rrelu_):
        assert not torch.allclose(function(batch.clone(), 0.1, 0.5, True), wanted)
        with without_dropout():
            torch.testing.assert_close(function(batch.clone(), 0.1, 0.5, True), wanted)
    with without_dropout():
        torch.testing.assert_close(nn.RReLU(0.1, 0.5).train()(batch), wanted)


def test_gradients_flow_and_other_functions_are_left_alone():
    weight = torch.randn(6, 8, requires_grad=True)
    with without_dropout():
        (functional.dropout(weight, 0.9) * 3.0).sum().backward()
        noise = torch.randn(1000)
    assert torch.equal(weight.grad, torch.full((6, 8), 3.0))
    assert noise.std() > 0.5
