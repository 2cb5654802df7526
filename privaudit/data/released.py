"""The records and the design around a released model, whose members its owner names.

A record in neither list was perhaps trained on: it takes no part. The population, which no model may have been trained
on, is therefore a share of the non-members. All other records get fair coins in the shadows, members and non-members
alike, so that the shadows know nothing of the lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from privaudit.data.dataset import Dataset
from privaudit.data.design import make_design
from privaudit.data.duplicates import draw_records, first_equals
from privaudit.data.seeds import stream_generator
from privaudit.errors import ConfigError, DataError
from privaudit.types import AuditDesign
from privaudit.types.design import NOT_TRAINED, SHADOW, TARGET
from privaudit.validate import nearest

FEWEST = 10  # members and non-members each; with fewer there is no blind baseline


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReleasedRecords:
    """The records that take part in the audit of a released model.

    Attributes:
        dataset: the records, without repetitions.
        is_member: ``(n_records,)`` True for the records that the model was trained on.
        n_unlisted: distinct records in neither list.
        n_contradicted: distinct records that stand in both lists under different ids.
    """

    dataset: Dataset
    is_member: NDArray[np.bool_]
    n_unlisted: int
    n_contradicted: int

    def notes(self) -> tuple[str, ...]:
        """Say which records take no part."""
        unlisted = (
            f"{self.n_unlisted} distinct records stand in neither list; what the released model made of them is not known, "
            "so they take no part."
        )
        contradicted = (
            f"{self.n_contradicted} records are listed as member and, under another id, as non-member: equal records were "
            "split between the lists. They take no part."
        )
        return (
            *([unlisted] if self.n_unlisted else []),
            *([contradicted] if self.n_contradicted else []),
        )


def released_records(
    dataset: Dataset,
    members: Sequence[str],
    non_members: Sequence[str],
    *,
    n_records: int | None = None,
    seed: int = 0,
) -> ReleasedRecords:
    """Find the listed records, merge repetitions, and draw those to audit.

    Where equal records stand in both lists, the record was trained on, but leaving it out is what keeps the lists
    comparable: of equal records that were split at random, one in each list is as likely as both in one, and keeping
    them as members would make repeated records mostly members.

    Args:
        dataset: all records of the source.
        members: ids of the records that the model was trained on.
        non_members: ids of records that it was not trained on.
        n_records: how many of the listed records to draw; ``None`` = all.
        seed: root seed.

    Raises:
        DataError: if an id is unknown or stands in both lists, or no record is left.
        ConfigError: if there are not ``n_records``.
    """
    inside = _positions(dataset, members, "model.members")
    outside = _positions(dataset, non_members, "model.non_members")
    both = np.intersect1d(inside, outside)
    if len(both):
        raise DataError(
            f"model.non_members: {len(both)} ids stand in model.members as well (first: {dataset.record_ids[both[0]]}). "
            "A record was trained on or it was not: name each in one list."
        )
    first = first_equals(dataset)
    contradicted = np.intersect1d(first[inside], first[outside])
    listed = np.sort(np.concatenate([inside, outside]))
    _, place = np.unique(first[listed], return_index=True)  # the first listed one of equal records
    kept = listed[place]
    kept = np.sort(kept[~np.isin(first[kept], contradicted)])
    if not len(kept):
        raise DataError("model.non_members: every record equals one in model.members; nothing is left to audit.")
    drawn = draw_records(dataset.subset(kept), n_records, seed)
    return ReleasedRecords(
        dataset=drawn,
        is_member=np.isin(drawn.record_ids, dataset.record_ids[inside]),
        n_unlisted=len(np.unique(first)) - len(kept) - len(contradicted),
        n_contradicted=len(contradicted),
    )


def _positions(dataset: Dataset, ids: Sequence[str], key: str) -> NDArray[np.int64]:
    place = {name: position for position, name in enumerate(dataset.record_ids.tolist())}
    unknown = [name for name in ids if name not in place]
    if unknown:
        raise DataError(
            f"{key}: {len(unknown)} of {len(ids)} ids name no record of {dataset.name} (first: {unknown[0]}; its ids are "
            f"such as {dataset.record_ids[0]}).{nearest(unknown[0], place) if len(place) < 10_000 else ''} Ids are those of "
            "data.id, else row numbers of the source from 0."
        )
    return np.array([place[name] for name in ids], dtype=np.int64)


def released_design(records: ReleasedRecords, *, n_models: int, population: float, seed: int) -> AuditDesign:
    """Draw the coins of the shadows, and put the released model behind them as the only target.

    Args:
        records: the records, with the released model's members.
        n_models: number of shadows, even, at least 4.
        population: share of the non-members that is held out of every shadow.
        seed: root seed.

    Returns:
        The design, with ``n_models + 1`` models; the last one is the released one and has no pair.

    Raises:
        ConfigError: if the numbers allow no audit.
        DataError: if fewer than `FEWEST` members or non-members are left.
    """
    is_population = _population(records.is_member, population, seed)
    n_in, n_out = int(records.is_member.sum()), int((~records.is_member & ~is_population).sum())
    if min(n_in, n_out) < FEWEST:
        raise DataError(
            f"a released model is audited on at least {FEWEST} members and {FEWEST} non-members; after removing repetitions "
            f"and the population got {n_in} and {n_out}. List more, raise data.n_records, or lower design.population."
        )
    shadows = make_design(
        kind="paired",
        n_models=n_models,
        n_records=len(is_population),
        targets=(0,),
        population=0.0,
        seed=seed,
        record_codes=records.dataset.row,
    )
    coins = shadows.is_in * ~is_population
    if not coins.any(axis=1).all():
        raise ConfigError(
            "every shadow must train on at least one record; the coins leave one with none. Change the seed."
        )
    return replace(
        shadows,
        is_in=np.vstack([coins, records.is_member]),
        pair=np.append(shadows.pair, -1),
        role=np.array([SHADOW] * n_models + [TARGET]),
        variant=np.append(shadows.variant, NOT_TRAINED),
        is_population=is_population,
    )


def _population(is_member: NDArray[np.bool_], share: float, seed: int) -> NDArray[np.bool_]:
    """Choose a share of the non-members."""
    others = np.flatnonzero(~is_member)
    held_out = np.zeros(len(is_member), dtype=np.bool_)
    chosen = stream_generator(seed, "population").choice(len(others), round(share * len(others)), replace=False)
    held_out[others[chosen]] = True
    return held_out
