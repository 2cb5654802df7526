"""Which model an audit is about, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privaudit.data.user_code import user_code_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Which model to build and who trains it; picklable, so that workers can build it.

    Attributes:
        build: a built-in name or ``file.py:function``, called as ``build(n_features, n_classes, **params)``.
        params: keyword arguments of it.
        train: ``None`` for our loop, or the user's ``file.py:function``.
        base: folder that relative files are looked up in.
    """

    build: str
    params: Mapping[str, Any] = field(default_factory=dict)
    train: str | None = None
    base: Path | None = None

    def code_digests(self) -> dict[str, str]:
        """Digests of the user's files, for the manifest."""
        specs = {"build": self.build, "train": self.train}
        return {
            name: user_code_digest(spec, self.base) for name, spec in specs.items() if spec is not None and ":" in spec
        }
