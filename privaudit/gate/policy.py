"""The policy file as pydantic models; a typo is an error that names the key path."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from privaudit.config import StrictModel, parse, read_yaml
from privaudit.gate.baseline_rules import BaselineRule, GateBaseline
from privaudit.gate.fields import EmptyIsNoItem, EmptyIsNone, Number
from privaudit.gate.limits import GateMetric, GateRule
from privaudit.gate.waivers import GateWaiver
from privaudit.validate import nearest

__all__ = [
    "BaselineRule",
    "GateBaseline",
    "GateMetric",
    "GatePolicy",
    "GateRequirements",
    "GateRule",
    "GateWaiver",
    "load_policy",
    "policy_from_dict",
    "shipped_policy",
]

SHIPPED = "shipped_policy.yaml"


class GateRequirements(StrictModel):
    """What an audit must be for its numbers to count.

    Attributes:
        ceiling: the primary bound must have been able to reach this epsilon.
        control: the positive control must have passed the claim.
        model_digest: the report must be about this model; another one is an error, not a verdict.
        max_age_days: the audit must have finished no longer ago than this.
    """

    ceiling: Annotated[Number, Field(ge=0)] | None = None
    control: bool = False
    model_digest: str | None = None
    max_age_days: Annotated[Number, Field(ge=0)] | None = None

    def waivable(self) -> tuple[str, ...]:
        """Names of the verdicts that these requirements lead to."""
        asked = {
            "ceiling": self.ceiling is not None,
            "control": self.control,
            "max_age_days": self.max_age_days is not None,
        }
        return tuple(f"require.{name}" for name, is_asked in asked.items() if is_asked)


class GatePolicy(StrictModel):
    """What a model may leak.

    Attributes:
        schema_version: 1.
        confidence: the confidence that bounds are recomputed at.
        rules: the limits.
        require: what the audit must be.
        allow_inconclusive: let an open outcome pass, and say so.
        waivers: verdicts that do not count until a day.
        baseline: an older report, and what may have grown since.
    """

    schema_version: Literal[1] = 1
    confidence: Annotated[Number, Field(gt=0, lt=1)] = 0.99
    rules: Annotated[tuple[GateRule, ...], Field(min_length=1)]
    require: GateRequirements = GateRequirements()
    allow_inconclusive: bool = False
    waivers: Annotated[tuple[GateWaiver, ...], EmptyIsNoItem] = ()
    baseline: Annotated[GateBaseline | None, EmptyIsNone] = None

    @property
    def comparisons(self) -> tuple[BaselineRule, ...]:
        """The rules on what may have grown."""
        return self.baseline.rules if self.baseline else ()

    def _ids(self) -> list[str]:
        return [*(rule.id for rule in self.rules), *(rule.id for rule in self.comparisons)]

    @model_validator(mode="after")
    def _ids_differ(self) -> "GatePolicy":
        twice = _twice(self._ids())
        if twice:
            raise ValueError(f"every rule needs an id of its own; used more than once: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _waivers_fit_rules(self) -> "GatePolicy":
        known = (*self._ids(), *self.require.waivable())
        for place, waiver in enumerate(self.waivers):
            if waiver.rule not in known:
                hint = nearest(waiver.rule, known) or f" There are {', '.join(known)}."
                raise ValueError(f"waivers.{place}.rule: this policy has no rule {waiver.rule}.{hint}".rstrip("."))
        twice = _twice([waiver.rule for waiver in self.waivers])
        if twice:
            raise ValueError(f"waivers: a rule is waived once; more than once: {', '.join(twice)}")
        return self


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def policy_from_dict(content: Mapping[str, Any], *, where: str = "policy") -> GatePolicy:
    """Check a mapping against the policy format.

    Args:
        content: what a policy file holds.
        where: the file's name, for the message.

    Returns:
        The policy.

    Raises:
        ConfigError: names the key path and, for a typo, the nearest right key.

    >>> policy_from_dict({"rules": [{"id": "claim", "metric": "claim"}]}).confidence
    0.99
    """
    return parse(GatePolicy, dict(content), where=where)


def load_policy(path: str | Path) -> GatePolicy:
    """Read and check a policy file.

    Args:
        path: the YAML file.

    Returns:
        The policy; ``baseline.report``, which a file names as seen from itself, as seen from here.

    Raises:
        ConfigError: if the file is missing or not a policy.
    """
    policy = policy_from_dict(read_yaml(path), where=str(path))
    if policy.baseline is None or policy.baseline.report is None:
        return policy
    report = str(Path(path).parent / policy.baseline.report)
    return policy.model_copy(update={"baseline": policy.baseline.model_copy(update={"report": report})})


def shipped_policy() -> GatePolicy:
    """Return the policy that judges where nobody names one.

    >>> [rule.metric for rule in shipped_policy().rules]
    ['tpr_at_fpr', 'auc']
    """
    with resources.as_file(resources.files("privaudit.gate") / SHIPPED) as path:
        return policy_from_dict(read_yaml(path), where="the shipped policy")
