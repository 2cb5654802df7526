"""Kinds of values in a policy file that YAML reads loosely and a policy must not."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def _not_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")  # noqa: TRY004 (pydantic reports ValueError only)
    return value


def _day(value: Any) -> date:
    """YAML turns 2026-12-31 into a date, and 2026-12-31 10:00 into a moment; pydantic would take 5 for a day in 1970."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"a day is needed, written YYYY-MM-DD, such as 2027-01-31; got {value}")


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return " ".join(text.split())


def _nothing(value: Any) -> Any:
    """A key that is there and left empty is a key that is not there."""
    return () if value is None or value in ({}, "") else value


Number = Annotated[float, BeforeValidator(_not_boolean), Field(allow_inf_nan=False)]
Day = Annotated[date, BeforeValidator(_day)]
Words = Annotated[str, AfterValidator(_said)]
EmptyIsNone = BeforeValidator(lambda value: None if value in ((), [], {}, "") else value)
EmptyIsNoItem = BeforeValidator(_nothing)
