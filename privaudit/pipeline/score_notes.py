"""What a reader must know about numbers that were made of saved scores."""

from collections.abc import Sequence

import numpy as np

from privaudit.data.score_files import ScoreFile
from privaudit.pipeline.score_options import ScoreAuditOptions
from privaudit.types import Finding, Verdict

NO_BOUND = (
    "No bound on epsilon: the memberships of a scores file were not drawn by coins of this audit. Where each record's "
    "membership was an independent fair coin and nothing else depended on the coins, --fair-coins says so."
)
EXACTLY_HALF = (
    "Warning: exactly half of the records are members: if that number was fixed, the coins were not independent and the "
    "bound does not hold."
)
NO_CONTROL = (
    "a scores file has no positive control: it can contradict a claim and never support one; privaudit run trains a "
    "control"
)
LARGEST_SHARE_OF_TIES = 0.1
WRONG_WAY = {
    "score": "the interval lies below 0.5: lower values look like members; if these are losses, name them by --loss",
    "loss": "the interval lies below 0.5: higher values look like members; if these are scores, name them by --score",
}


def coin_notes(file: ScoreFile, target: int, options: ScoreAuditOptions) -> tuple[str, ...]:
    """Say why there is no bound, or what in the target's coins and scores is bad for it.

    Args:
        file: of layout ``records`` or ``models``.
        target: number of the target.
        options: what the user states.
    """
    if not options.fair_coins:
        return (NO_BOUND,)
    label = file.member[target]
    notes = (EXACTLY_HALF,) if 2 * int(label.sum()) == len(label) else ()
    _, count = np.unique(file.values[target], return_counts=True)
    share = float(count[count > 1].sum() / len(label))
    if share <= LARGEST_SHARE_OF_TIES:
        return notes
    tied = (
        f"{share:.0%} of the scores".replace("%", " %") + " are equal to another one; guesses among equal scores at a "
        "cut count as wrong where they could be, or a median over their orders is taken at half the error (--ties, to be "
        "fixed before looking): save scores in full precision"
    )
    return (*notes, tied)


def control_notes(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Say that no scores file can support a claim, where one was left open."""
    return (NO_CONTROL,) if any(verdict.outcome == "too_weak" for verdict in verdicts) else ()


def direction_notes(finding: Finding) -> tuple[str, ...]:
    """Ask whether scores are losses, where a threshold on them does worse than chance.

    Args:
        finding: of a threshold; of other attacks nothing is said, they learn the direction from the shadows.
    """
    upper = next((metric.upper for metric in finding.metrics if metric.name == "auc"), None)
    is_below = upper is not None and upper < 0.5
    return (WRONG_WAY[finding.method],) if is_below and finding.method in WRONG_WAY else ()
