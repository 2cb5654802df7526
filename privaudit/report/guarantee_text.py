"""What parameters guarantee, as plain text for a terminal."""

from collections.abc import Sequence

from privaudit.estimators.guarantees import Guarantees
from privaudit.report.tables import Table
from privaudit.report.terminal import plain_table
from privaudit.report.words import NEIGHBOURING_NAMES, attack_text, delta_text, epsilon_text, percent_text
from privaudit.types import EpsilonEstimate, EstimateKind, Neighbouring

BAYES_NAMES = {"pld": "exact (privacy loss distribution)", "sinh": "corrected limit", "closed_form": "closed form"}


def guarantee_text(found: Guarantees) -> str:
    """Return guarantees as tables with a sentence each.

    Args:
        found: what was computed.
    """
    parts = [_head(found)]
    if found.accounts:
        parts.append("Epsilon\n" + plain_table(_account_table(found)))
    parts += ["What any attack can reach\n" + plain_table(_limit_table(found))]
    if found.bayes:
        parts.append("Bayes security (1 = nothing leaks)\n" + plain_table(_bayes_table(found)))
    parts += [f"Note: {note}" for note in found.notes]
    return "\n\n".join(parts)


def _head(found: Guarantees) -> str:
    params = found.params
    if params is None:
        epsilon = epsilon_text(found.epsilon or 0.0)
        return f"A guarantee of epsilon {epsilon} at delta {delta_text(found.delta)}, mechanism not known."
    return (
        f"DP-SGD: noise multiplier {params.noise_multiplier:.6g}, sample rate {params.sample_rate:.6g}, {params.steps} "
        f"steps, {params.sampling} sampling; delta {delta_text(found.delta)}. Numbers of different neighbours are never "
        "comparable."
    )


def _account_table(found: Guarantees) -> Table:
    rows = [
        (
            NEIGHBOURING_NAMES[row.estimate.neighbouring],
            attack_text(row.estimate.method),
            _epsilon(row.estimate),
            "yes" if row.is_guarantee else "no",
            row.guarantee,
        )
        for table in found.accounts
        for row in table.rows
    ]
    return Table(head=("neighbours", "accountant", "epsilon", "guarantee", "what it says"), rows=tuple(rows))


def _epsilon(estimate: EpsilonEstimate) -> str:
    if estimate.kind is EstimateKind.POINT:
        return f"about {epsilon_text(estimate.lower)}"
    upper = float("inf") if estimate.upper is None else estimate.upper
    both = f" (exact: {estimate.lower:.4g} to {upper:.4g})" if 0.0 < estimate.lower < upper < float("inf") else ""
    return f"<= {epsilon_text(upper)}{both}"


def _limit_table(found: Guarantees) -> Table:
    rates = found.limits[0].fpr
    heads = tuple(f"TPR at {percent_text(rate)} FPR" for rate in rates)
    rows = [
        (
            NEIGHBOURING_NAMES[limit.neighbouring],
            *(percent_text(tpr) for tpr in limit.tpr),
            percent_text(limit.advantage),
            "yes" if limit.is_guarantee else "no",
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
            f"{row.value:.4f}",
            percent_text(row.accuracy()),
            "yes" if row.is_guarantee else "no",
        )
        for relation in relations
        for row in found.bayes
        if row.neighbouring == relation
    ]
    head = ("neighbours", "method", "security", "best accuracy at prior 1/2", "guarantee")
    return Table(head=head, rows=tuple(rows))
