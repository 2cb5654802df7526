"""One limit of a policy."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from privaudit.config import StrictModel
from privaudit.gate.fields import Number

GateMetric = Literal[
    "claim",
    "epsilon_lower",
    "claim_epsilon",
    "auc",
    "tpr_at_fpr",
    "advantage",
    "distribution_accuracy",
    "n_leaked",
]
SHARES = ("auc", "tpr_at_fpr", "advantage", "distribution_accuracy")
ONLY_AUC = (
    "groups can be limited by auc only: the interval of a group's true positive rate leaves out the error of the "
    "threshold, which is set on the same records"
)


def check_rate(metric: str, at: float | None) -> None:
    """Refuse a false positive rate where none belongs, and a missing one where one does.

    Raises:
        ValueError: as pydantic's validators do.
    """
    if metric != "tpr_at_fpr":
        if at is not None:
            raise ValueError(f"metric {metric} takes no at; only tpr_at_fpr does. Remove at")
    elif at is None:
        raise ValueError("at is missing: tpr_at_fpr needs a false positive rate such as 0.01")
    elif not 0 < at < 1:
        raise ValueError(f"at must lie in (0, 1); got {at:g}")


class GateRule(StrictModel):
    """One limit.

    Attributes:
        id: what the verdict is called.
        metric: the quantity looked at.
        at: the false positive rate, for ``tpr_at_fpr``.
        max: the limit; every metric but ``claim`` needs one.
        group: a group of records as the report names it, such as ``sex=Female``; for ``auc`` alone.
    """

    id: Annotated[str, Field(min_length=1)]
    metric: GateMetric
    at: Number | None = None
    max: Number | None = None
    group: str | None = None

    @model_validator(mode="after")
    def _limit_fits_metric(self) -> "GateRule":
        if self.metric == "claim":
            if self.max is not None:
                raise ValueError("metric claim takes no max: the limit is the claim itself. Remove max")
        elif self.max is None:
            raise ValueError(f"max is missing: metric {self.metric} needs a limit")
        elif self.metric in SHARES and not 0 <= self.max <= 1:
            raise ValueError(f"max of {self.metric} must lie in [0, 1]; got {self.max:g}")
        elif self.max < 0:
            raise ValueError(f"max of {self.metric} must be at least 0; got {self.max:g}")
        return self

    @model_validator(mode="after")
    def _group_fits_metric(self) -> "GateRule":
        if self.group is None:
            return self
        if self.metric != "auc":
            raise ValueError(f"metric {self.metric} takes no group; {ONLY_AUC}. Remove group")
        if not all(part.strip() for part in self.group.partition("=")):
            raise ValueError(f"group must be written name=value, such as sex=Female; got {self.group}")
        return self

    @model_validator(mode="after")
    def _rate_fits_metric(self) -> "GateRule":
        check_rate(self.metric, self.at)
        return self
