"""What parameters guarantee, as plain text for a terminal."""

import math
from collections.abc import Sequence

from privaudit.estimators.guarantees import Guarantees
from privaudit.report.tables import Table
from privaudit.report.terminal import plain_table, wrapped
from privaudit.report.words import NEIGHBOURING_NAMES, attack_text, claimed_text, delta_text, epsilon_text, percent_text
from privaudit.types import EpsilonEstimate, EstimateKind, Neighbouring

BAYES_NAMES = {"pld": "privacy loss distribution", "sinh": "corrected limit (sinh)", "closed_form": "closed form"}
RELATIONS = (
    "Neighbours: add/remove = one record more or less, the usual statement of DP-SGD; replace one = one record exchanged. "
    "State the relation with the number; numbers of different relations cannot be compared."
)


def guarantee_text(found: Guarantees) -> str:
    """Return guarantees as tables with a sentence each.

    Args:
        found: what was computed.
    """
    parts = [wrapped(_head(found)), wrapped(RELATIONS)]
    if found.accounts:
        parts.append("Epsilon\n" + plain_table(_account_table(found)) + "\n" + _meanings(found))
    parts.append("The most that any attack can reach\n" + plain_table(_limit_table(found)))
    if found.bayes:
        parts.append("Bayes security: 1 less the largest TPR - FPR\n" + plain_table(_bayes_table(found)))
    return "\n\n".join([*parts, *(wrapped(f"Note: {note}") for note in found.notes)])


def _head(found: Guarantees) -> str:
    params = found.params
    if params is None:
        epsilon = claimed_text(found.epsilon or 0.0)
        return f"A guarantee of epsilon {epsilon} at delta {delta_text(found.delta)}, mechanism not known."
    noise = f"noise multiplier {params.noise_multiplier:.6g}"
    start = f"Found: {noise} is the smallest (rounded up) with {found.wanted}. " if found.wanted else ""
    return (
        f"{start}DP-SGD: {noise}, sample rate {params.sample_rate:.6g}, {params.steps} steps, {params.sampling} sampling; "
        f"delta {delta_text(found.delta)}."
    )


def _account_table(found: Guarantees) -> Table:
    rows = [
        (
            NEIGHBOURING_NAMES[row.estimate.neighbouring],
            attack_text(row.estimate.method),
            _epsilon(row.estimate),
            _yes(row.is_guarantee and row.estimate.upper is not None and math.isfinite(row.estimate.upper)),
        )
        for table in found.accounts
        for row in table.rows
    ]
    return Table(head=("neighbours", "accountant", "epsilon", "guarantee"), rows=tuple(rows))


def _meanings(found: Guarantees) -> str:
    """What each accountant says, once."""
    said = {attack_text(row.estimate.method): row.guarantee for table in found.accounts for row in table.rows}
    return "\n".join(wrapped(f"{name}: {guarantee}.") for name, guarantee in said.items())


def _yes(is_guarantee: bool) -> str:
    return "yes" if is_guarantee else "no"


def _epsilon(estimate: EpsilonEstimate) -> str:
    if estimate.kind is EstimateKind.POINT:
        return f"about {epsilon_text(estimate.lower)}"
    upper = math.inf if estimate.upper is None else estimate.upper
    between = f" (truth: {epsilon_text(estimate.lower, 'down', places=4)} to {epsilon_text(upper, 'up', places=4)})"
    return f"<= {epsilon_text(upper, 'up')}{between if 0.0 < estimate.lower < upper < math.inf else ''}"


def _limit_table(found: Guarantees) -> Table:
    rates = found.limits[0].fpr
    heads = tuple(f"TPR at {percent_text(rate)} FPR" for rate in rates)
    rows = [
        (
            NEIGHBOURING_NAMES[limit.neighbouring],
            *(percent_text(tpr, "up") for tpr in limit.tpr),
            percent_text(limit.advantage, "up"),
            _yes(limit.is_guarantee),
        )
        for limit in found.limits
    ]
    return Table(head=("neighbours", *heads, "TPR - FPR", "guarantee"), rows=tuple(rows))


def _bayes_table(found: Guarantees) -> Table:
    relations: Sequence[Neighbouring] = list(dict.fromkeys(row.neighbouring for row in found.bayes))
    rows = [
        (
            NEIGHBOURING_NAMES[relation],
            BAYES_NAMES[row.method],
            epsilon_text(row.value, "down", places=4),
            percent_text(row.accuracy(), "up"),
            _yes(row.is_guarantee),
        )
        for relation in relations
        for row in found.bayes
        if row.neighbouring == relation
    ]
    head = ("neighbours", "method", "security", "best guess where half are members", "guarantee")
    return Table(head=head, rows=tuple(rows))
