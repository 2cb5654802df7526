"""``privaudit scores``."""

from typing import Literal

import click

from privaudit.cli.options import debug_option, format_option, quiet_option

RELATIONS = ["add_remove", "replace_one", "zero_out"]


@click.command("scores")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--score", help="Column of scores, higher = more member-like. [default: score]")
@click.option("--loss", help="Column of losses, higher = less member-like. [default: loss]")
@click.option("--member", help="Column of the membership, 0/1 or true/false. [default: member, is_member, membership]")
@click.option("--features", help="Columns for the blind baseline: a,b,c. [default: feature_*]")
@click.option("--target", help="The attacked model, where the file holds many. [default: the first]")
@click.option(
    "--fair-coins",
    is_flag=True,
    help="State that each record's membership was an independent fair coin and nothing else depended on the coins.",
)
@click.option("--claim", type=click.FloatRange(min=0), metavar="EPSILON", help="Judge this claimed epsilon.")
@click.option("--delta", type=float, default=1e-5, show_default=True, help="The delta of epsilon.")
@click.option("--neighbouring", type=click.Choice(RELATIONS), help="Relation of the claim; required with --claim.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the bound and the intervals.")
@click.option(
    "--ties",
    type=click.Choice(["wrong", "median"]),
    default="wrong",
    show_default=True,
    help="Equal scores at a cut count as wrong guesses, or the median over their orders, at half the error; the better "
    "one for scores of few values. Fix it before looking.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of every random choice. Fix it before looking: the best of several seeds is no bound.",
)
@click.option(
    "--out", type=click.Path(file_okay=False), help="Write report.json, .html and .md here. [default: nowhere]"
)
@format_option
@quiet_option
@debug_option
def command(
    file: str,
    score: str | None,
    loss: str | None,
    member: str | None,
    features: str | None,
    target: str | None,
    fair_coins: bool,
    claim: float | None,
    delta: float,
    neighbouring: str | None,
    confidence: float,
    ties: Literal["wrong", "median"],
    seed: int,
    out: str | None,
    output_format: str,
    quiet: bool,
    debug: bool,
) -> int:
    """Audit saved scores of any framework: attacks, curves and, where that is allowed, a bound on epsilon.

    FILE is a csv, parquet or npz file of scores or losses with their membership.

    \b
    one row per record           AUC and TPR of one model
    columns model and record     also LiRA, with the other models as shadows
    column model, no record      one row per training of one canary: a bound on epsilon
    arrays (n_models, n_records) in an npz file: score or loss, and member

    Columns other than feature_* are ignored unless --features names them.

    Members of a file were not drawn by coins of ours: no bound on epsilon follows from the records of one model unless
    --fair-coins states that they were. LiRA carries a bound only if the file also holds the target's complement, the model
    trained on exactly the other records.
    """
    from pathlib import Path

    from privaudit.cli.console import show_report
    from privaudit.cli.report_folder import check_report_folder
    from privaudit.data.score_files import read_scores
    from privaudit.pipeline.score_audit import audit_score_file
    from privaudit.pipeline.score_options import ScoreAuditOptions
    from privaudit.report.write import FILES, write_reports
    from privaudit.types import Neighbouring

    options = ScoreAuditOptions(
        target=target,
        fair_coins=fair_coins,
        claim=claim,
        delta=delta,
        confidence=confidence,
        neighbouring=Neighbouring(neighbouring) if neighbouring else None,
        ties=ties,
        seed=seed,
    )
    check_report_folder(out)
    wanted = [name.strip() for name in features.split(",") if name.strip()] if features else []
    report = audit_score_file(read_scores(Path(file), score=score, loss=loss, member=member, features=wanted), options)
    if out is not None:
        write_reports(report, out, list(FILES))
    show_report(report, output_format, out)
    return 0
