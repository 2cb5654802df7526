"""The policy file as pydantic models; a typo is an error that names the key path."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from privaudit.config import StrictModel, parse, read_yaml
from privaudit.errors import UnsupportedError

GateMetric = Literal["claim", "epsilon_lower", "claim_epsilon", "auc", "tpr_at_fpr", "distribution_accuracy"]
SHARES = ("auc", "tpr_at_fpr", "distribution_accuracy")


def _not_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")  # noqa: TRY004 (pydantic reports ValueError only)
    return value


Number = Annotated[float, BeforeValidator(_not_boolean), Field(allow_inf_nan=False)]


ONLY_AUC = (
    "groups can be limited by auc only: the interval of a group's true positive rate leaves out the error of the "
    "threshold, which is set on the same records"
)


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
        if self.metric != "tpr_at_fpr":
            if self.at is not None:
                raise ValueError(f"metric {self.metric} takes no at; only tpr_at_fpr does. Remove at")
        elif self.at is None:
            raise ValueError("at is missing: tpr_at_fpr needs a false positive rate such as 0.01")
        elif not 0 < self.at < 1:
            raise ValueError(f"at must lie in (0, 1); got {self.at:g}")
        return self


class GateRequirements(StrictModel):
    """What an audit must be for its numbers to count.

    Attributes:
        ceiling: the primary bound must have been able to reach this epsilon.
        control: the positive control must have passed the claim.
        model_digest: the report must be about this model.
        max_age_days: reserved; reports hold no clock.
    """

    ceiling: Annotated[Number, Field(ge=0)] | None = None
    control: bool = False
    model_digest: str | None = None
    max_age_days: Number | None = None


class GatePolicy(StrictModel):
    """What a model may leak.

    Attributes:
        schema_version: 1.
        confidence: the confidence that bounds are recomputed at.
        rules: the limits.
        require: what the audit must be.
        allow_inconclusive: let an open outcome pass, and say so.
        waivers: reserved.
        baseline: reserved.
    """

    schema_version: Literal[1] = 1
    confidence: Annotated[Number, Field(gt=0, lt=1)] = 0.99
    rules: Annotated[tuple[GateRule, ...], Field(min_length=1)]
    require: GateRequirements = GateRequirements()
    allow_inconclusive: bool = False
    waivers: Any = None
    baseline: Any = None

    @model_validator(mode="after")
    def _ids_differ(self) -> "GatePolicy":
        ids = [rule.id for rule in self.rules]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"every rule needs an id of its own; used more than once: {', '.join(twice)}")
        return self


def check_supported(policy: GatePolicy) -> None:
    """Refuse the keys that the policy format has and this version does not serve.

    Raises:
        UnsupportedError: names the key.
    """
    set_keys: dict[str, Any] = {"require.max_age_days": policy.require.max_age_days}
    set_keys |= {"waivers": policy.waivers, "baseline": policy.baseline}
    for key, value in set_keys.items():
        if value is not None and value not in ((), [], {}, ""):
            raise UnsupportedError(f"{key} is not served by this version of privaudit; remove it from the policy.")


def policy_from_dict(content: Mapping[str, Any], *, where: str = "policy") -> GatePolicy:
    """Check a mapping against the policy format.

    Args:
        content: what a policy file holds.
        where: the file's name, for the message.

    Returns:
        The policy.

    Raises:
        ConfigError: names the key path and, for a typo, the nearest right key.
        UnsupportedError: if a reserved key is set.

    >>> policy_from_dict({"rules": [{"id": "claim", "metric": "claim"}]}).confidence
    0.99
    """
    policy = parse(GatePolicy, dict(content), where=where)
    check_supported(policy)
    return policy


def load_policy(path: str | Path) -> GatePolicy:
    """Read and check a policy file.

    Args:
        path: the YAML file.

    Returns:
        The policy.

    Raises:
        ConfigError: if the file is missing or not a policy.
        UnsupportedError: if a reserved key is set.
    """
    return policy_from_dict(read_yaml(path), where=str(path))
