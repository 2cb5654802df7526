"""``privaudit canaries insert | evaluate``."""

from pathlib import Path
from typing import Literal

import click

from privaudit.cli.options import debug_option, format_option

KINDS = ["mislabelled", "random", "blank", "clipbkd"]
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("canaries")
def command() -> None:
    """Audit one training run that happens elsewhere.

    `insert` puts canaries into your training data, each by a fair coin of its own. You train as ever, and score all
    canaries with the model. `evaluate` joins the scores to the coins and bounds epsilon.
    """


@command.command("insert")
@click.argument("data", type=FILE)
@click.option(
    "--kind", type=click.Choice(KINDS), default="mislabelled", show_default=True, help="What the canaries are."
)
@click.option("--n", "n_canaries", type=int, default=500, show_default=True, help="How many, at least 20.")
@click.option("--label", help="Column of classes; in an npz the array.  [npz: y]")
@click.option("--out", type=FILE, required=True, help="Write the data to train on here; csv or npz, as DATA is.")
@click.option("--canaries-out", type=FILE, required=True, help="Write all canaries here, to be scored afterwards.")
@click.option("--coins", type=FILE, required=True, help="Write the coins here. Training and scoring must not see them.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Of canaries, coins and order; who knows it knows the coins.  [default: secret]",
)
@format_option
@debug_option
def insert(
    data: Path,
    kind: str,
    n_canaries: int,
    label: str | None,
    out: Path,
    canaries_out: Path,
    coins: Path,
    seed: int | None,
    output_format: Literal["text", "json"],
    debug: bool,
) -> int:
    """Put canaries into a csv table or an npz archive (X, y).

    \b
    mislabelled  copies of records, each with another class
    random       each column drawn from its own values (npz: evenly between least and largest)
    blank        all features 0, at most one canary per class (npz of 20 classes or more)
    clipbkd      along the directions in which records vary least (npz)

    The file to train on has the columns of DATA, and the canaries whose coin fell on 1 among its rows; nothing marks them.
    Every column of a canary is like a record's, so an id would come twice. The file's length depends on the coins: give
    DP-SGD a public number of records instead.

    The file of all canaries has one more column or array, `canary`: keys that no other insertion gives. It is no feature,
    but must stand beside the scores.
    """
    from privaudit.data.insert_canaries import insert_into_file
    from privaudit.report.insertion_text import insertion_text

    done = insert_into_file(
        data,
        kind=kind,
        n_canaries=n_canaries,
        label=label,
        data=out,
        canaries=canaries_out,
        coins=coins,
        seed=seed,
    )
    click.echo(insertion_text(done, output_format))
    return 0


@command.command("evaluate")
@click.option("--coins", type=FILE, required=True, help="The coins that `insert` wrote.")
@click.option("--scores", type=FILE, required=True, help="csv or npz with `canary` (keys) and `score` of all canaries.")
@click.option(
    "--control-scores",
    type=FILE,
    help="The same of a model that was trained on the same file with noise 0 and the clip kept. Without it a claim is "
    "violated or too_weak, never consistent.",
)
@click.option(
    "--quantity",
    type=click.Choice(["score", "loss"]),
    default="score",
    show_default=True,
    help="score: higher = more member-like. loss: higher = less, so its sign is turned.",
)
@click.option("--column", help="Column of the scores.  [default: score, or loss]")
@click.option("--noise-multiplier", type=float, help="The claimed mechanism: noise of a step, in clipping norms,")
@click.option("--sample-rate", type=float, help="probability with which a record is in a batch,")
@click.option("--steps", type=int, help="and number of noisy steps. Its whole curve is tested.")
@click.option("--claim", type=click.FloatRange(min=0), metavar="EPSILON", help="Judge this epsilon, for add/remove.")
@click.option("--delta", type=float, default=1e-5, show_default=True, help="The delta of epsilon.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the verdict and of each bound.")
@click.option(
    "--out", type=click.Path(file_okay=False), help="Write report.json, .html and .md here.  [default: nowhere]"
)
@format_option
@debug_option
def evaluate(
    coins: Path,
    scores: Path,
    control_scores: Path | None,
    quantity: Literal["score", "loss"],
    column: str | None,
    noise_multiplier: float | None,
    sample_rate: float | None,
    steps: int | None,
    claim: float | None,
    delta: float,
    confidence: float,
    out: str | None,
    output_format: str,
    debug: bool,
) -> int:
    """Bound epsilon from the scores of all canaries, in or out.

    A file of scores holds one row per canary, in any order, with its key in column `canary`. Scores and coins are joined
    by key; a canary without a score, or a score without a canary, is an error. --quantity and --column are for both files.
    """
    from privaudit.cli.console import show_report
    from privaudit.cli.report_folder import check_report_folder
    from privaudit.pipeline.evaluate_canaries import CanaryClaim, evaluate_canary_files
    from privaudit.report.write import FILES, write_reports

    check_report_folder(out)
    stated = CanaryClaim(
        noise_multiplier=noise_multiplier, sample_rate=sample_rate, steps=steps, epsilon=claim, delta=delta
    )
    report = evaluate_canary_files(
        coins,
        scores,
        control_path=control_scores,
        claim=stated,
        confidence=confidence,
        quantity=quantity,
        column=column,
    )
    if out is not None:
        write_reports(report, out, list(FILES))
    show_report(report, output_format, out)
    return 0
