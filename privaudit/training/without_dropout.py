"""Dropout switched off in a model that stays in training mode."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_DROPOUTS = frozenset(
    {
        functional.dropout,
        functional.dropout1d,
        functional.dropout2d,
        functional.dropout3d,
        functional.alpha_dropout,
        functional.feature_alpha_dropout,
        torch.dropout,
        torch.dropout_,
        torch.alpha_dropout,
        torch.alpha_dropout_,
        torch.feature_dropout,
        torch.feature_dropout_,
        torch.feature_alpha_dropout,
        torch.feature_alpha_dropout_,
    }
)
# functions that are random on the way: name and position of the argument, and its value when they are not
_SETTINGS: Mapping[Any, tuple[str, int, float]] = {
    functional.scaled_dot_product_attention: ("dropout_p", 4, 0.0),
    functional.multi_head_attention_forward: ("dropout_p", 10, 0.0),
    functional.rrelu: ("training", 3, False),
    torch.rrelu: ("training", 3, False),
    torch.rrelu_: ("training", 3, False),
}


class _IdentityDropout(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if func in _DROPOUTS:
            return args[0] if args else named["input"]
        if func in _SETTINGS:
            name, place, value = _SETTINGS[func]
            if len(args) > place:
                args = (*args[:place], value, *args[place + 1 :])
            else:
                named[name] = value
        return func(*args, **named)


@contextmanager
def without_dropout() -> Iterator[None]:
    """Turn dropout into the identity, in layers and as a function, whatever mode the model is in.

    Attention loses its dropout too, and RReLU its random slopes (their mean is used); the dropout between the layers of ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN`` stays.

    >>> with without_dropout():
    ...     torch.nn.Dropout(0.5)(torch.ones(3))
    tensor([1., 1., 1.])
    """
    with _IdentityDropout():
        yield
