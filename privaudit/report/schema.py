"""The published JSON Schema of report.json, made from the types that are written.

Structure comes from the annotations, descriptions from the docstrings: neither can drift from the code.
"""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, Union

import numpy as np

from privaudit.report.codec import hints_of
from privaudit.report.serialise import DIGEST_KEY
from privaudit.types import AuditReport

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NUMBER = {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf"]}]}
DIGEST = {
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
    "description": "sha256 of the content without this key, keys sorted, no white space; detects damage, not forgery.",
}


def report_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of report.json.

    Unknown keys are legal everywhere, since minor versions add keys; infinity is the string "inf".

    Returns:
        The schema, as JSON values.

    >>> report_json_schema()["required"][:2]
    ['schema_version', 'audit_digest']
    """
    definitions: dict[str, Any] = {}
    report = _object(AuditReport, definitions)
    version = {**report["properties"].pop("schema_version"), "pattern": r"^1\.\d+$"}
    properties = {"schema_version": version, DIGEST_KEY: DIGEST, **report["properties"]}
    return {
        "$schema": DIALECT,
        "title": "privaudit report",
        "description": report["description"],
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "$defs": definitions,
    }


def _object(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    words, hints = _descriptions(kind), hints_of(kind)
    properties = {}
    for field in dataclasses.fields(kind):
        described = {"description": words[field.name]} if field.name in words else {}
        properties[field.name] = {**described, **_schema(hints[field.name], definitions)}
    summary = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return {"type": "object", "description": summary, "required": list(properties), "properties": properties}


def _descriptions(kind: type) -> dict[str, str]:
    """Return what the docstring says about each attribute."""
    _, _, listed = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    entries = re.findall(r"^    (\w+): (.*?)(?=\n    \w+: |\n\S|\n\n|\Z)", listed, flags=re.DOTALL | re.MULTILINE)
    return {name: " ".join(text.replace("``", "").split()) for name, text in entries}


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(arg for arg in args if arg is not type(None))
        return {"anyOf": [_schema(inner, definitions), {"type": "null"}]}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # reserved first, so that the order is that of first use
            definitions[hint.__name__] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if origin is tuple:
        return {"type": "array", "items": _schema(args[0], definitions)}
    if origin is np.ndarray:
        return {"type": "array", "items": NUMBER}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(args[1], definitions)}
    return _scalar_schema(hint, origin, args)


def _scalar_schema(hint: Any, origin: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    if hint is Any:
        return {}
    if origin is Literal:
        return {"enum": list(args)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    return NUMBER if hint is float else {"type": {int: "integer", bool: "boolean", str: "string"}[hint]}
