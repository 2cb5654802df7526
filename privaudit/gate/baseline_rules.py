"""The part of a policy that compares a report with an older one."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from privaudit.config import StrictModel
from privaudit.gate.fields import Number
from privaudit.gate.limits import check_rate


class BaselineRule(StrictModel):
    """One limit on how much a quantity may have grown.

    Attributes:
        id: what the verdict is called.
        metric: the quantity compared.
        at: the false positive rate, for ``tpr_at_fpr``.
        max_increase: the largest increase allowed, in units of the metric.
    """

    id: Annotated[str, Field(min_length=1)]
    metric: Literal["auc", "tpr_at_fpr", "advantage", "epsilon_lower"]
    at: Number | None = None
    max_increase: Annotated[Number, Field(ge=0)]

    @model_validator(mode="after")
    def _rate_fits_metric(self) -> "BaselineRule":
        check_rate(self.metric, self.at)
        return self


class GateBaseline(StrictModel):
    """What the report is compared with.

    Attributes:
        report: the older report.json, or the folder of its audit; relative to the policy file. May be left out where it is
            named at the command line.
        rules: what may have grown, and by how much.
    """

    report: Annotated[str, Field(min_length=1)] | None = None
    rules: Annotated[tuple[BaselineRule, ...], Field(min_length=1)]
