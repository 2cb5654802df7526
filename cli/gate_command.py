"""``privaudit gate``."""

import json
from pathlib import Path
from typing import Any

import click

from privaudit.cli.options import debug_option, quiet_option
from privaudit.gate import GatePolicy, GateResult
from privaudit.types import AuditReport, Verdict

FORMATS = ("text", "json", "junit", "sarif", "md", "github")
SHIPPED = "the shipped policy"


@click.command("gate")
@click.argument("report", type=click.Path())
@click.option("--policy", type=click.Path(dir_okay=False), help="The policy file; without it the shipped one judges.")
@click.option(
    "--format", "output_format", type=click.Choice(FORMATS), default="text", show_default=True, help="What is written."
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to this file instead of stdout.")
@click.option("--summary", type=click.Path(dir_okay=False), help="Append a Markdown summary to this file.")
@click.option("--explain", is_flag=True, help="Say of each rule what was looked at, how, and what would make it pass.")
@click.option(
    "--model", "models", multiple=True, type=click.Path(dir_okay=False), help="The report must be about this file."
)
@click.option("--expect-digest", help="The report's audit_digest must be this one (8 digits or more).")
@click.option("--baseline", type=click.Path(), help="Compare with this older report. [policy: baseline.report]")
@click.option(
    "--location", default="audit.yaml", show_default=True, help="The file that SARIF and annotations point at."
)
@quiet_option
@debug_option
def command(
    report: str,
    policy: str | None,
    output_format: str,
    output: str | None,
    summary: str | None,
    explain: bool,
    models: tuple[str, ...],
    expect_digest: str | None,
    baseline: str | None,
    location: str,
    quiet: bool,
    debug: bool,
) -> int:
    """Judge REPORT (a report.json, or the folder of an audit) by a policy.

    Exit code 0: pass. 1: fail. 3: inconclusive. 2: a mistake in the policy. 4: not the report, or model, that was expected.
    """
    from privaudit.cli.identity import check_digest, check_model_files
    from privaudit.cli.judged import judge_stored
    from privaudit.cli.paths import report_file
    from privaudit.gate import explain as explained
    from privaudit.gate import load_policy, shipped_policy
    from privaudit.report import audit_digest, load_report

    rules = load_policy(policy) if policy else shipped_policy()
    path = report_file(report)
    found = load_report(path)
    if expect_digest is not None:
        check_digest(audit_digest(found), expect_digest)
    if models:
        check_model_files(found, models)
    result = judge_stored(found, rules, path.parent, baseline=baseline)
    if policy is None and not quiet:
        click.echo("No --policy is given: the shipped policy judges (docs/gate.md).", err=True)
    text = rendered(found, result, output_format, location=location, policy_name=policy or SHIPPED)
    if explain:
        reasons = explained(found, rules, result)
        text = f"{reasons}\n{text}" if output_format == "text" else text
        click.echo(reasons, err=True) if output_format != "text" else None
    _emit(text, output)
    if summary is not None:
        _append(found, result, Path(summary))
    return code_of(result)


def rendered(
    report: AuditReport, result: GateResult, output_format: str, *, location: str = "audit.yaml", policy_name: str = ""
) -> str:
    """Return a judgement in one of `FORMATS`.

    Args:
        report: what was judged.
        result: the judgement.
        output_format: one of `FORMATS`.
        location: the file that SARIF and annotations point at.
        policy_name: for the JSON.
    """
    if output_format == "json":
        return _as_json(report, result, policy_name)
    if output_format == "junit":
        from privaudit.report.junit import render_junit

        return render_junit(report, result)
    if output_format == "sarif":
        from privaudit.report.sarif import render_sarif

        return render_sarif(report, result, location=location)
    if output_format == "github":
        from privaudit.report.annotations import render_annotations

        return render_annotations(report, result, location=location)
    if output_format == "md":
        from privaudit.report.summary import render_summary

        return render_summary(report, result)
    return as_text(result)


def judge_and_show(
    report: AuditReport,
    policy: GatePolicy,
    output_format: str,
    *,
    err: bool = False,
    folder: str | Path | None = None,
) -> int:
    """Print the verdict per rule and return the exit code.

    Args:
        report: the report.
        policy: the policy.
        output_format: one of `FORMATS`.
        err: print to stderr.
        folder: where the report's timings.json lies, for ``require.max_age_days``.
    """
    from privaudit.cli.judged import judge_stored

    result = judge_stored(report, policy, folder)
    click.echo(rendered(report, result, output_format).rstrip("\n"), err=err)
    return code_of(result)


def as_text(result: GateResult) -> str:
    """Return one line per verdict, and the outcome as the last one."""
    lines = [_line(verdict) for verdict in result.verdicts]
    return "\n".join([*lines, _on_one_line(f"gate: {result.outcome}. {result.reason}")]) + "\n"


def code_of(result: GateResult) -> int:
    """Return the exit code of a judgement."""
    return {"pass": 0, "fail": 1}.get(result.outcome, 3)


def _line(verdict: Verdict) -> str:
    mark = f"{verdict.outcome}, waived" if verdict.waiver else verdict.outcome
    waived = f" Waived: {verdict.waiver}." if verdict.waiver else ""
    return _on_one_line(f"{mark:<12}  {verdict.rule}: {verdict.reason}{waived}")


def _on_one_line(text: str) -> str:
    """Names of rules, groups and files come from others; a line break in one would begin a line of its own."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("##[", "## [")


def _as_json(report: AuditReport, result: GateResult, policy_name: str) -> str:
    from privaudit.report import audit_digest
    from privaudit.report.codec import encode

    content: dict[str, Any] = {**encode(result), "policy": policy_name, "audit_digest": audit_digest(report)}
    return json.dumps(content, indent=1) + "\n"


def _emit(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text.rstrip("\n"))
        return
    from privaudit.store.atomic import write_text

    write_text(Path(output), text)


def _append(report: AuditReport, result: GateResult, path: Path) -> None:
    from privaudit.errors import StoreError
    from privaudit.report.summary import render_summary

    text = render_summary(report, result)
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")
    except OSError as error:
        raise StoreError(f"--summary: cannot write {path}: {error.strerror or error}.") from None
