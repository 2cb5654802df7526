"""``privaudit bounds``."""

import json

import click

from privaudit.cli.options import debug_option, format_option


@click.command("bounds")
@click.option("--noise-multiplier", type=float, help="Noise of each step, in units of the clipping norm.")
@click.option("--sample-rate", type=float, help="Probability with which a record is in a batch.")
@click.option("--batch-size", type=float, help="With --n-records: the expected batch size, instead of --sample-rate.")
@click.option("--n-records", type=int, help="Number of training records.")
@click.option("--steps", type=int, help="Number of noisy steps.")
@click.option("--epochs", type=float, help="Instead of --steps: passes over the data.")
@click.option("--delta", type=float, default=1e-5, show_default=True, help="The delta of epsilon.")
@click.option(
    "--epsilon", type=float, help="A guarantee without its mechanism: bound attacks by epsilon and delta alone."
)
@click.option(
    "--neighbouring",
    type=click.Choice(["both", "add_remove", "replace_one"]),
    default="both",
    show_default=True,
    help="Which data sets count as neighbours.",
)
@click.option(
    "--sampling",
    type=click.Choice(["poisson", "shuffle"]),
    default="poisson",
    show_default=True,
    help="How batches are drawn; shuffled batches carry no guarantee.",
)
@click.option(
    "--fpr", "fprs", type=float, multiple=True, help="Bound the TPR at this FPR; repeatable. [default: .001 .01 .1]"
)
@click.option("--target-epsilon", type=float, help="Find the noise that keeps epsilon at most this.")
@click.option("--target-advantage", type=float, help="Find the noise that keeps TPR - FPR at most this.")
@click.option("--target-tpr", type=float, help="Find the noise that keeps the TPR at --target-fpr at most this.")
@click.option("--target-fpr", type=float, help="See --target-tpr. [default: 0.01]")
@format_option
@debug_option
def command(
    noise_multiplier: float | None,
    sample_rate: float | None,
    batch_size: float | None,
    n_records: int | None,
    steps: int | None,
    epochs: float | None,
    delta: float,
    epsilon: float | None,
    neighbouring: str,
    sampling: str,
    fprs: tuple[float, ...],
    target_epsilon: float | None,
    target_advantage: float | None,
    target_tpr: float | None,
    target_fpr: float | None,
    output_format: str,
    debug: bool,
) -> int:
    """What DP-SGD's parameters guarantee: epsilon by each accountant, TPR at FPR, advantage, Bayes security.

    Give --noise-multiplier, --sample-rate and --steps (or batch size, records and epochs); or a --target-... with
    --neighbouring instead of the noise; or --epsilon and --delta alone.
    """
    from privaudit.pipeline.bounds_request import requested_guarantees
    from privaudit.report.codec import encode
    from privaudit.report.guarantee_text import guarantee_text

    found = requested_guarantees(
        noise_multiplier=noise_multiplier,
        sample_rate=sample_rate,
        batch_size=batch_size,
        n_records=n_records,
        steps=steps,
        epochs=epochs,
        delta=delta,
        epsilon=epsilon,
        neighbouring=neighbouring,
        sampling=sampling,
        fprs=fprs,
        target_epsilon=target_epsilon,
        target_advantage=target_advantage,
        target_tpr=target_tpr,
        target_fpr=target_fpr,
    )
    click.echo(json.dumps(encode(found), indent=1) if output_format == "json" else guarantee_text(found))
    return 0
