"""Methods by name with parameters, as they stand in files."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from privaudit.config.reading import StrictModel


def _json_able(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters enter digests and reports."""
    try:
        json.dumps(params, sort_keys=True, allow_nan=False)
        _check_keys(params)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"parameters must be texts, finite numbers, true, false, null, lists or mappings of these ({error})"
        ) from None
    return params


def _check_keys(value: Any) -> None:
    """JSON would turn other keys into texts, which sort differently: the digest would change on reading."""
    if isinstance(value, dict):
        other = [key for key in value if not isinstance(key, str)]
        if other:
            raise TypeError(f"key {other[0]!r} is no text")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _check_keys(part)


Params = Annotated[dict[str, Any], AfterValidator(_json_able)]


class MethodConfig(StrictModel):
    """An attack or estimator by name, with its parameters."""

    name: str
    params: Params = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _flat_params(cls, value: Any) -> Any:
        """Accept ``lira``, ``{name: lira, variance: pooled}`` and ``{name: lira, params: {...}}``."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "params" not in value:
            params = {key: item for key, item in value.items() if key != "name"}
            return {"params": params, **({"name": value["name"]} if "name" in value else {})}
        return value
