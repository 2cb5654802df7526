"""Frozen dataclasses to plain JSON values and back, driven by their annotations.

Key names are field names, so a field that is added to a type is written and read without a line here.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union

import numpy as np

from privaudit.errors import CorruptStoreError, DataError

T = TypeVar("T")

INFINITIES = {"inf": math.inf, "-inf": -math.inf}


def encode(value: object, where: str = "report") -> Any:
    """Return ``value`` as JSON values: infinity as the string "inf", arrays and tuples as lists.

    Args:
        value: a dataclass, mapping, sequence, array, enum member or scalar.
        where: the path of the value, for the message.

    Returns:
        Nested dicts, lists, strings, numbers, booleans and ``None``; dicts in the order of the fields.

    Raises:
        DataError: on NaN, on a key that is not a string, and on a type that JSON cannot hold.

    >>> encode({"ceiling": math.inf, "n": (1, 2)})
    {'ceiling': 'inf', 'n': [1, 2]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name), f"{where}.{f.name}") for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key, where): encode(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return encode(value.tolist(), where)
    if isinstance(value, list | tuple):
        return [encode(item, f"{where}[{row}]") for row, item in enumerate(value)]
    return _scalar(value, where)


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise DataError(f"{where} must have strings as keys; got {key!r}.")
    return key


def _scalar(value: object, where: str) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        if math.isnan(value):
            raise DataError(f"{where} must not be NaN; write None where a number cannot be measured.")
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | bool | int):
        return value
    raise DataError(f"{where} must be a JSON value; got {type(value).__name__}. Turn it into text or numbers first.")


def decode(hint: Any, value: Any, where: str = "report") -> Any:
    """Return JSON values as an instance of the annotation ``hint``.

    Keys that the type does not have are ignored: minor schema versions only add.

    Args:
        hint: a dataclass or an annotation used in one.
        value: what ``json.loads`` returned.
        where: the path of the value, for the message.

    Returns:
        The instance.

    Raises:
        CorruptStoreError: if a key is missing or a value is of another type; names the path.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return None if value is None else decode(next(arg for arg in args if arg is not type(None)), value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _decode_fields(hint, _of_type(dict, value, where), where)
    if origin is tuple:
        return tuple(decode(args[0], item, f"{where}[{row}]") for row, item in enumerate(_of_type(list, value, where)))
    if origin is np.ndarray:
        return np.array([_number(item, where) for item in _of_type(list, value, where)], dtype=np.float64)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: decode(args[1], item, f"{where}.{key}") for key, item in _of_type(dict, value, where).items()}
    return _decode_scalar(hint, value, where)


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """Return the resolved annotations of a dataclass."""
    return typing.get_type_hints(kind)


def _decode_fields(kind: type, values: Mapping[str, Any], where: str) -> Any:
    hints, given = hints_of(kind), {}
    for item in dataclasses.fields(kind):
        if item.name in values:
            given[item.name] = decode(hints[item.name], values[item.name], f"{where}.{item.name}")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise CorruptStoreError(f"{where} must have the key {item.name}; it is missing. Write the report again.")
    return kind(**given)


def _decode_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float:
        return _number(value, where)
    if hint is int or hint is bool:
        return _of_type(hint, value, where)
    text = _of_type(str, value, where)
    if not (isinstance(hint, type) and issubclass(hint, Enum)):
        return text
    try:
        return hint(text)
    except ValueError:
        known = ", ".join(str(member.value) for member in hint)
        raise CorruptStoreError(f"{where} must be one of {known}; got {text!r}.") from None


def _number(value: Any, where: str) -> float:
    """Keep whole numbers whole, so that what is read is written back byte for byte."""
    if isinstance(value, str) and value in INFINITIES:
        return INFINITIES[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CorruptStoreError(f'{where} must be a number or "inf"; got {value!r}.')
    return value


def _of_type(kind: type[T], value: Any, where: str) -> T:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CorruptStoreError(f"{where} must be a JSON {kind.__name__}; got {type(value).__name__}.")
    return value
