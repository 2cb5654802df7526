"""A privacy gate inside pytest: the fixture ``privacy_gate`` judges a report and fails the test that asked.

Loaded by every pytest session where privaudit is installed, so nothing but pytest is imported before the fixture is called.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from privaudit.gate import GatePolicy
    from privaudit.types import AuditReport
    from privaudit.types.report import GateResult

OPTION, INI = "privaudit_policy", "privaudit_policy"
REPORT, OUTCOME, DIGEST = "privaudit_report", "privaudit_outcome", "privaudit_digest"  # properties, in this order
COLOURS = {"pass": "green", "inconclusive": "yellow"}

_ITEM: pytest.StashKey[pytest.Item] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the ini key that name the policy."""
    group = parser.getgroup("privaudit", "privacy gates (privaudit)")
    group.addoption(
        "--privaudit-policy",
        dest=OPTION,
        metavar="FILE",
        help="policy file of privacy_gate, relative to the working folder. [default: the ini key, else the shipped policy]",
    )
    parser.addini(INI, "policy file of privacy_gate, relative to rootdir", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Fix the policy's path here: workers of pytest-xdist get it as it stands, and tests may change the folder."""
    given = config.getoption(OPTION)
    if given:
        config.option.privaudit_policy = str(config.invocation_params.dir / given)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Remember which test runs: a fixture of any scope may be the one that asks for the gate."""
    item.config.stash[_ITEM] = item


class PrivacyGate:
    """What the fixture ``privacy_gate`` gives: call it with a report."""

    def __init__(self, config: pytest.Config) -> None:
        """Keep the session's settings, which name the policy where a call does not."""
        self._config = config

    def __call__(
        self,
        report: "str | Path | AuditReport",
        *,
        policy: "str | Path | Mapping[str, Any] | GatePolicy | None" = None,
        baseline: "str | Path | AuditReport | None" = None,
    ) -> "GateResult":
        """Judge a report, and fail the test if the gate fails or stays inconclusive.

        Args:
            report: a report.json, the folder of an audit, or a report.
            policy: a policy file, its content or a policy; by default what ``--privaudit-policy`` or the ini key
                ``privaudit_policy`` names, else the policy that privaudit ships.
            baseline: an earlier report to compare with; by default the one that the policy file names, if it does.

        Returns:
            The verdicts, if they let the test pass.
        """
        __tracebackhide__ = True
        from privaudit.errors import PrivauditError

        name, problem = _name_of(report), ""
        try:
            result, digest = self._judge(report, policy, baseline)
        except PrivauditError as error:
            problem = _one_line(error)
        if problem:  # outside of the handler: pytest would show what was caught, too, with its line breaks
            self._record(name, "error", "")
            pytest.fail(f"privacy gate of {name}: {problem}", pytrace=False)
        self._record(name, result.outcome, digest)
        if result.outcome != "pass":
            pytest.fail(failure_text(name, result), pytrace=False)
        return result

    def _judge(self, report: Any, policy: Any, baseline: Any) -> "tuple[GateResult, str]":
        from privaudit.cli.judged import finished_at
        from privaudit.gate import judge
        from privaudit.report.serialise import audit_digest

        rules = self._policy(policy)
        subject, folder = _read(report)
        older = _older(rules, baseline)
        finished, problem = (None, "") if folder is None else finished_at(subject, folder)
        result = judge(subject, rules, baseline=older, finished=finished, age_problem=problem)
        return result, audit_digest(subject)

    def _policy(self, given: Any) -> "GatePolicy":
        from privaudit.errors import ConfigError
        from privaudit.gate import GatePolicy, load_policy, policy_from_dict, shipped_policy

        if given is None:
            given = self._config.getoption(OPTION) or _from_ini(self._config)
        if given is None:
            return shipped_policy()
        if isinstance(given, GatePolicy):
            return given
        if isinstance(given, Mapping):
            return policy_from_dict(given, where="the policy of privacy_gate")
        if isinstance(given, str | Path):
            return load_policy(given)
        raise ConfigError(f"policy must be a file, a mapping or a GatePolicy; got {type(given).__name__}.")

    def _record(self, name: str, outcome: str, digest: str) -> None:
        item = self._config.stash.get(_ITEM, None)
        if item is not None:
            item.user_properties += [(REPORT, name), (OUTCOME, outcome), (DIGEST, digest)]


@pytest.fixture(scope="session")
def privacy_gate(pytestconfig: pytest.Config) -> PrivacyGate:
    """Judge an audit's report by a policy: ``privacy_gate(report, *, policy=None, baseline=None)``.

    Fails the test, with one line per verdict, where the gate fails or is inconclusive. Fixtures of any scope may use it.
    """
    return PrivacyGate(pytestconfig)


def failure_text(name: str, result: "GateResult") -> str:
    """Return what a test that a gate stopped says: the outcome, then one line per verdict.

    Args:
        name: what to call the report.
        result: what the gate said.

    Returns:
        The lines.
    """
    lines = [f"privacy gate of {name}: {result.outcome}. {_one_line(result.reason)}"]
    for verdict in result.verdicts:
        waived = f" [waived: {_one_line(verdict.waiver)}]" if verdict.waiver else ""
        lines.append(f"  {verdict.outcome:<13} {_one_line(verdict.rule)}: {_one_line(verdict.reason)}{waived}")
    return "\n".join(lines)


def _from_ini(config: pytest.Config) -> Path | None:
    named = config.getini(INI)
    return config.rootpath / named if named else None


def _read(report: Any) -> "tuple[AuditReport, Path | None]":
    """Return a report, and the folder that it lies in."""
    from privaudit.cli.paths import report_file
    from privaudit.errors import ConfigError
    from privaudit.report.serialise import load_report
    from privaudit.types import AuditReport

    if isinstance(report, AuditReport):
        return report, None
    if not isinstance(report, str | Path):
        raise ConfigError(f"a report is given as a path or an AuditReport; got {type(report).__name__}.")
    path = report_file(str(report))
    return load_report(path), path.parent


def _older(policy: "GatePolicy", given: Any) -> "AuditReport | None":
    from privaudit.cli.judged import read_baseline
    from privaudit.types import AuditReport

    if isinstance(given, AuditReport) and policy.baseline is not None:
        return given
    return read_baseline(
        policy, "a report" if isinstance(given, AuditReport) else given
    )  # refuses what is not compared


def _name_of(report: Any) -> str:
    from privaudit.cli.paths import report_file

    if isinstance(report, str | Path):
        return _one_line(report_file(str(report)))
    subject = getattr(report, "subject", None)
    return _one_line(getattr(subject, "name", type(report).__name__))


def _one_line(text: object) -> str:
    """Names and reasons come from files: no line breaks, and no terminal sequences."""
    words = " ".join(str(text).split())
    return "".join(sign if sign.isprintable() else "?" for sign in words)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the reports that were gated, each with its outcome."""
    gated = _gated(report for reports in terminalreporter.stats.values() for report in reports)
    if not gated:
        return
    terminalreporter.section("privacy gates")
    for test, (name, outcome, digest) in gated:
        terminalreporter.write(f"{outcome:<13}", **{COLOURS.get(outcome, "red"): True})
        terminalreporter.line(f" {name}{f' ({digest[:12]})' if digest else ''}  {test}")


def _gated(reports: Iterable[Any]) -> list[tuple[str, tuple[str, str, str]]]:
    """Return test, name, outcome and digest of each gated report; workers of pytest-xdist send them as properties."""
    last: dict[str, Any] = {}  # the three phases of a test each repeat what those before it recorded
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.user_properties:
            known = last.get(report.nodeid)
            if known is None or len(known.user_properties) <= len(report.user_properties):
                last[report.nodeid] = report
    ordered = sorted(last.values(), key=lambda report: report.start)
    return [(report.nodeid, row) for report in ordered for row in _rows(report.user_properties)]


def _rows(properties: Sequence[tuple[str, object]]) -> list[tuple[str, str, str]]:
    mine = [str(value) for name, value in properties if name in (REPORT, OUTCOME, DIGEST)]
    return [(mine[n], mine[n + 1], mine[n + 2]) for n in range(0, len(mine), 3)]
