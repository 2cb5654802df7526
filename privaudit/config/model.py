"""The model part of the audit config."""

from pydantic import Field, model_validator

from privaudit.config.params import Params
from privaudit.config.reading import StrictModel


class ModelConfig(StrictModel):
    """Which model is trained: a built-in name or ``file.py:function``; and, where one is audited, a released model.

    ``checkpoint`` holds the released model's weights (a state dict), ``members`` and ``non_members`` the ids of records
    that it was and was not trained on.
    """

    build: str = "mlp"
    params: Params = Field(default_factory=dict)
    train: str | None = None
    checkpoint: str | None = None
    members: str | None = None
    non_members: str | None = None

    @model_validator(mode="after")
    def _released_models_come_with_their_records(self) -> "ModelConfig":
        names = ("checkpoint", "members", "non_members")
        absent = [name for name in names if getattr(self, name) is None]
        if 0 < len(absent) < len(names):
            raise ValueError(
                f"a released model takes checkpoint, members and non_members; {' and '.join(absent)} missing. Files of ids "
                "say which records it was and was not trained on"
            )
        return self
