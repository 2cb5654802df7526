"""Single records: which of them are shown to be at risk, and whether the attacks point at the same ones."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, t

from privaudit.estimators.false_discovery import benjamini_yekutieli
from privaudit.estimators.finite_pool import record_separation
from privaudit.estimators.paired_models import PairWins, pair_wins, win_intervals, win_p_values
from privaudit.estimators.records_by_attack import AttackAgreement, attack_agreement, auc_shares
from privaudit.interfaces import AuditInputs
from privaudit.pipeline.primary import untouched_shadows
from privaudit.pipeline.reliability import Played
from privaudit.types import AuditDesign, Finding, Metric

RAW_SIGNALS = ("logit_margin", "negative_loss")  # of a record, not of a comparison with other models
MIN_PAIRS = 4
MOST_RECORDS = 20
TOP = 0.01
# In hundredths of the pairs; the last edge is never reached.
EDGES = (0, 40, 50, 60, 70, 80, 90, 101)
MEAN_RULE = (
    "share of pairs of models, exactly one of which was trained on a record, in which that one is the more confident about it "
    "(ties half), mean over all records; 50 % is guessing. t-interval over pairs"
)
FOUND_RULE = (
    "records for which the more confident model of a pair is the one trained on them in more than half of the pairs, beyond "
    "chance: sign test per record, exact for the raw signal, at most this share of them expected to be false "
    "(Benjamini-Yekutieli, under any dependence between records)"
)
LARGEST_RULE = (
    "largest share of pairs, over records, in which the model trained on the record is the more confident one. The interval "
    "holds for all records at once (Clopper-Pearson over independent pairs, Bonferroni over records)"
)
TOP_RULE = f"records among the {TOP:.0%} that give most away to every attack (all) or to one at least (any)"


class RecordRisk(NamedTuple):
    """What pairs of models say about each record.

    Attributes:
        wins: how often the model with the record is the more confident one.
        ends: lower and upper ends, each ``(n_records,)``, for all records at once.
        is_found: ``(n_records,)`` True where that is more often than chance, at the false discovery rate.
        separation: ``(n_records,)`` how far the signal moves, in standard deviations.
    """

    wins: PairWins
    ends: tuple[NDArray[np.float64], NDArray[np.float64]]
    is_found: NDArray[np.bool_]
    separation: NDArray[np.float64]


def usable_pairs(inputs: AuditInputs) -> NDArray[np.int64]:
    """Return ``(n_pairs, 2)`` usable models with opposite coins; those of targets only where too few others are left."""
    design = inputs.design
    untouched = _pairs_among(design, np.intersect1d(inputs.usable, untouched_shadows(design)))
    return untouched if len(untouched) >= MIN_PAIRS else _pairs_among(design, inputs.usable)


def _pairs_among(design: AuditDesign, models: NDArray[np.int64]) -> NDArray[np.int64]:
    first = models[np.isin(design.pair[models], models) & (models < design.pair[models])]
    return np.stack([first, design.pair[first]], axis=1)


def records_finding(inputs: AuditInputs, *, confidence: float, names_records: bool) -> tuple[Finding | None, str]:
    """Return what pairs of models say about every record, or the reason why they say nothing.

    Args:
        inputs: everything measured.
        confidence: of the intervals; 1 - confidence is the false discovery rate.
        names_records: whether the records that are most at risk are listed, by their rows in the data.
    """
    pairs, name = usable_pairs(inputs), next((name for name in RAW_SIGNALS if name in inputs.signals), None)
    if name is None:
        return (
            None,
            f"no risk of single records: it is read off {' or '.join(RAW_SIGNALS)}, which no attack here asks for.",
        )
    if len(pairs) < MIN_PAIRS:
        return (
            None,
            f"no risk of single records: it takes {MIN_PAIRS} pairs of models with opposite coins; {len(pairs)} are there.",
        )
    records, models = inputs.design.coin_records, pairs.ravel()
    signal, coins = inputs.dense(name)[np.ix_(models, records)], inputs.design.is_in[np.ix_(models, records)]
    wins = pair_wins(signal, coins, np.arange(len(models)).reshape(-1, 2))
    risk = RecordRisk(
        wins=wins,
        ends=win_intervals(wins, confidence=1.0 - (1.0 - confidence) / len(records)),
        is_found=benjamini_yekutieli(win_p_values(wins)) <= 1.0 - confidence,
        separation=record_separation(signal, coins) if np.isfinite(signal).all() else np.zeros(len(records)),
    )
    params: dict[str, Any] = {"signal": name, "n_pairs": len(pairs), "n_records": len(records)}
    params["histogram"] = _histogram(wins)
    if names_records:
        params["most_at_risk"] = _most_at_risk(risk, inputs)
    metrics = (_mean_metric(_shares_by_pair(signal, coins), confidence), *_metrics(risk, confidence))
    return Finding(id="records", method="pair_wins", params=params, metrics=metrics), ""


def _metrics(risk: RecordRisk, confidence: float) -> tuple[Metric, Metric]:
    return (
        Metric(
            name="records_at_risk", at=round(1.0 - confidence, 12), value=float(risk.is_found.sum()), rule=FOUND_RULE
        ),
        Metric(
            name="largest_pair_win_share",
            value=float(risk.wins.share.max()),
            lower=float(risk.ends[0].max()),
            upper=float(risk.ends[1].max()),
            confidence=confidence,
            rule=LARGEST_RULE,
        ),
    )


def _most_at_risk(risk: RecordRisk, inputs: AuditInputs) -> list[dict[str, Any]]:
    """The records with most pairs won, of equal ones the one whose signal moves further."""
    records, wins = inputs.design.coin_records, risk.wins
    order = np.lexsort((-risk.separation, -wins.share))[:MOST_RECORDS].tolist()
    return [
        {
            "row": int(inputs.design.record_codes[records[place]]),
            "n_won": int(wins.wins[place]) + int(wins.ties[place]) / 2,
            "share": float(wins.share[place]),
            "lower": float(risk.ends[0][place]),
            "upper": float(risk.ends[1][place]),
            "is_found": bool(risk.is_found[place]),
            "groups": {name: str(values[records[place]]) for name, values in _groupings(inputs).items()},
        }
        for place in order
    ]


def _groupings(inputs: AuditInputs) -> dict[str, NDArray[Any]]:
    return {"label": inputs.labels, **inputs.groups}


def _shares_by_pair(signal: NDArray[np.float64], coins: NDArray[np.uint8]) -> list[float]:
    starts = range(0, len(signal), 2)
    return [float(pair_wins(signal[row : row + 2], coins[row : row + 2], [[0, 1]]).share.mean()) for row in starts]


def _mean_metric(shares: Sequence[float], confidence: float) -> Metric:
    n, mean = len(shares), float(np.mean(shares))
    half = float(t.ppf((1.0 + confidence) / 2, n - 1)) * float(np.std(shares, ddof=1)) / math.sqrt(n)
    ends = max(mean - half, 0.0), min(mean + half, 1.0)
    return Metric(
        name="pair_win_share", value=mean, lower=ends[0], upper=ends[1], confidence=confidence, rule=MEAN_RULE
    )


def _histogram(wins: PairWins) -> list[dict[str, float]]:
    """Records by their share of pairs won, beside what guessing would give."""
    n = wins.n_pairs
    halves = 2 * wins.wins + wins.ties  # whole numbers: no share is rounded across an edge
    chance = binom.pmf(np.arange(n + 1), n, 0.5) * len(halves)
    bins = []
    for low, high in itertools.pairwise(EDGES):
        inside = (50 * halves >= low * n) & (50 * halves < high * n)
        expected = chance[(100 * np.arange(n + 1) >= low * n) & (100 * np.arange(n + 1) < high * n)].sum()
        bins.append(
            {
                "from": low / 100,
                "to": min(high, 100) / 100,
                "records": int(inside.sum()),
                "by_chance": round(float(expected), 1),
            }
        )
    return bins


def agreement_finding(played: Sequence[tuple[str, Played]]) -> Finding | None:
    """Return whether attacks point at the same records; ``None`` with fewer than two attacks, or too few records.

    Args:
        played: name of the attack, models in the target's role; the same models for every attack.
    """
    if len(played) < 2:
        return None
    shares = np.stack([auc_shares(one.scores, one.is_in) for _, one in played])
    if (~np.isnan(shares).any(axis=0)).sum() < 2:
        return None
    found = attack_agreement(shares, top=TOP)
    params = {
        "attacks": [name for name, _ in played],
        "n_models": len(played[0][1].scores),
        "n_records": found.n_records,
        "n_top": found.n_top,
        "spearman": _listed(found.spearman),
        "top_overlap": _listed(found.top_overlap),
        "top_overlap_by_chance": found.n_top / found.n_records,
    }
    return Finding(id="attacks-by-records", method="auc_shares", params=params, metrics=_top_metrics(found))


def _top_metrics(found: AttackAgreement) -> tuple[Metric, ...]:
    counts = (("records_in_top_of_all", found.n_in_all), ("records_in_top_of_any", found.n_in_any))
    return tuple(Metric(name=name, at=TOP, value=value, rule=TOP_RULE) for name, value in counts)


def _listed(matrix: NDArray[np.float64]) -> list[list[float | None]]:
    """Rounded, so that the last digits of a sum do not reach the report."""
    return [[None if np.isnan(value) else round(float(value), 6) for value in row] for row in matrix]
