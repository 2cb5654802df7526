"""Whether two audits measured the same thing in the same way, and which of their findings belong together."""

from collections.abc import Iterator, Mapping
from typing import Any

from privaudit.gate.metrics import measured_findings
from privaudit.types import AuditReport, Finding

FACTS = {
    "the kind of audit": ("config", "kind"),
    "the design": ("coins", "design"),
    "the number of models trained": ("models", "trained"),
    "the models attacked": ("config", "design", "targets"),
    "the canaries": ("config", "canaries"),
    "the layout of the scores": ("scores", "layout"),
    "the quantity of the scores": ("scores", "quantity"),
    "the number of models scored": ("scores", "n_models"),
}
NO_SETTINGS = ("target", "curve", "n_auc")


def audits_differ(report: AuditReport, baseline: AuditReport) -> str:
    """Say in what two audits differ, so that their numbers cannot be compared; "" where they can."""
    for words, path in FACTS.items():
        new, old = (_at(one.provenance, path) for one in (report, baseline))
        if new != old:
            return f"{words} differs: {_shown(new)} here, {_shown(old)} in the baseline"
    return ""


def pairs(report: AuditReport, baseline: AuditReport, metric: str) -> list[tuple[Finding, Finding]] | str:
    """Match the attacks of two reports by method and by the place of their target.

    Args:
        report: the report.
        baseline: the older one.
        metric: what is compared.

    Returns:
        Findings of the report, each with the baseline's; or why they do not fit.
    """
    new, old = (dict(_by_place(measured_findings(one, metric))) for one in (report, baseline))
    if not new and not old:
        return f"neither report holds {metric}"
    for these, those, where in ((new, old, "the baseline"), (old, new, "this report")):
        missing = [finding.id for key, finding in these.items() if key not in those]
        if missing:
            return f"{', '.join(missing)} has no counterpart in {where}"
    for method in dict.fromkeys(finding.method for finding in new.values()):
        if _stated(report, method) != _stated(baseline, method):
            return f"the parameters of {method} in the audit's config differ"
    found = [(finding, old[key]) for key, finding in new.items()]
    problem = next(filter(None, (_differ(*pair) for pair in found)), "")
    return problem or found


def _by_place(findings: list[Finding]) -> Iterator[tuple[tuple[str, int], Finding]]:
    seen: dict[str, int] = {}
    for finding in findings:
        seen[finding.method] = seen.get(finding.method, -1) + 1
        yield (finding.method, seen[finding.method]), finding


def _differ(new: Finding, old: Finding) -> str:
    for words, name in (("access", "access"), ("game", "game"), ("unit", "unit")):
        if getattr(new, name) != getattr(old, name):
            return f"the {words} of {new.id} differs: {getattr(new, name)} here, {getattr(old, name)} in the baseline"
    mine, theirs = _settings(new), _settings(old)
    for name in sorted({*mine, *theirs}):
        if mine.get(name) != theirs.get(name):
            here, there = _shown(mine.get(name)), _shown(theirs.get(name))
            return f"the parameter {name} of {new.id} differs: {here} here, {there} in the baseline"
    return ""


def _stated(report: AuditReport, method: str) -> Any:
    """What the config says of an attack: not every parameter is repeated in its findings."""
    attacks = _at(report.provenance, ("config", "attacks"))
    named = [one for one in attacks if isinstance(one, Mapping)] if isinstance(attacks, list | tuple) else []
    return next((one.get("params") for one in named if one.get("name") == method), None)


def _settings(finding: Finding) -> dict[str, Any]:
    """What was chosen, as words and whole numbers; fractions may have been fitted to the models of the audit."""
    settings = {name: value for name, value in finding.params.items() if name not in NO_SETTINGS}
    return {name: value for name, value in settings.items() if isinstance(value, str | bool | int)}


def _at(mapping: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = mapping
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _shown(value: Any) -> str:
    return "none" if value is None else "another one" if isinstance(value, Mapping) else str(value)
