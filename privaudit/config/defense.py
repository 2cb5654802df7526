"""The defenses of an audit: what is done, by name, and what each is called in the report."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from privaudit.config.params import Params
from privaudit.config.reading import StrictModel

RESERVED = ("name", "id", "title")


class DefenseConfig(StrictModel):
    """A defense by name, with its parameters.

    Attributes:
        name: as `privaudit list defenses` has it.
        id: what the report and its folder are called; the name where none is given. Letters, digits, ``-`` and ``_``.
        title: the same in words, for people; made of name and parameters where none is given.
        params: of the defense; may stand beside ``name``, ``id`` and ``title`` as well.
    """

    name: str
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")] | None = None
    title: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    params: Params = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _flat_params(cls, value: Any) -> Any:
        """Accept ``top_k``, ``{name: top_k, k: 3}`` and ``{name: top_k, params: {k: 3}}``."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "params" not in value:
            params = {key: item for key, item in value.items() if key not in RESERVED}
            return {"params": params, **{key: value[key] for key in RESERVED if key in value}}
        return value

    @field_validator("title")
    @classmethod
    def _one_line(cls, title: str | None) -> str | None:
        """A line break would begin a line of its own in the terminal, which a CI runner may take for a command."""
        if title is not None and not title.isprintable():
            raise ValueError("a title is one line of printable text")
        return title

    @property
    def arm(self) -> str:
        """What this defense is called in the report."""
        return self.id or self.name
