"""Asks a model for hard labels, and counts what was asked."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from privaudit.errors import ConfigError, DataError, QueryBudgetError, ShapeError, UnsupportedError
from privaudit.scoring.filtered import FilteredAnswers

LABEL_BATCH = 8192
Answer = Callable[[NDArray[np.float32]], ArrayLike]


class LabelOracle:
    """Gives hard labels of a model and nothing else: queries in, classes out, every query counted for its record.

    Args:
        answer: from ``(n, ...)`` float32 queries to ``(n,)`` integer classes; any callable, of any framework.
        n_records: number of records that queries are counted for.
        budget: largest number of queries per record, or ``None``.
        batch_size: queries sent at a time.
        is_cached: answer a query that was asked before from memory, without counting it.

    Source: the access model of Choquette-Choo et al., "Label-Only Membership Inference Attacks", ICML 2021, section 2.

    >>> oracle = LabelOracle(lambda x: (x[:, 0] > 0).astype(int), n_records=2, budget=3)
    >>> oracle(np.array([[1.0], [-1.0], [2.0]]), [0, 0, 1]).tolist(), oracle.n_queries.tolist()
    ([1, 0, 1], [2, 1])
    """

    def __init__(
        self,
        answer: Answer,
        *,
        n_records: int,
        budget: int | None = None,
        batch_size: int = LABEL_BATCH,
        is_cached: bool = False,
    ) -> None:
        """Start with nothing asked."""
        if not callable(answer):
            raise ConfigError(
                f"answer must be callable, from queries to hard labels; got {type(answer).__name__}.", key="answer"
            )
        for name, value, least in (("n_records", n_records, 1), ("batch_size", batch_size, 1), ("budget", budget, 0)):
            if value is not None and value < least:
                raise ConfigError(f"{name} must be at least {least}; got {value}.", key=name)
        self._answer, self._batch_size, self._budget = answer, batch_size, budget
        self._n_queries = np.zeros(n_records, dtype=np.int64)
        self._known: dict[bytes, int] | None = {} if is_cached else None

    @property
    def n_queries(self) -> NDArray[np.int64]:
        """``(n_records,)`` queries asked so far."""
        return self._n_queries.copy()

    @property
    def budget(self) -> int | None:
        """Largest number of queries per record, or ``None``."""
        return self._budget

    def remaining(self, records: ArrayLike) -> NDArray[np.int64]:
        """Return ``(n,)`` how many queries each of ``records`` may still ask; the largest integer without a budget."""
        rows = np.asarray(records, dtype=np.int64)
        if self._budget is None:
            return np.full(rows.shape, np.iinfo(np.int64).max)
        return np.asarray(self._budget - self._n_queries[rows])

    def __call__(self, queries: ArrayLike, records: ArrayLike) -> NDArray[np.int64]:
        """Return the class that the model predicts for each query.

        Args:
            queries: ``(n, ...)`` what the model is shown, of the shape of its records.
            records: ``(n,)`` the record that each query is counted for, in ``0..n_records-1``.

        Raises:
            QueryBudgetError: if a record would go beyond the budget; then nothing is asked.
            UnsupportedError: if the model answers with scores.
            ShapeError: if it does not answer once per query, or records do not fit.
        """
        values, rows = np.asarray(queries, dtype=np.float32), np.asarray(records, dtype=np.int64)
        if rows.shape != values.shape[:1]:
            raise ShapeError(f"records must have shape ({len(values)},), one per query; got {rows.shape}.")
        if rows.size and (rows.min() < 0 or rows.max() >= len(self._n_queries)):
            raise ShapeError(
                f"records must lie in 0..{len(self._n_queries) - 1}; got {rows.min()}..{rows.max()}. Raise n_records."
            )
        if self._known is None:
            self._spend(rows)
            return self._ask(values)
        return self._ask_once(values, rows, self._known)

    def _ask_once(
        self, values: NDArray[np.float32], rows: NDArray[np.int64], known: dict[bytes, int]
    ) -> NDArray[np.int64]:
        """Ask what was not asked before; of equal queries of one call the first is asked and counted."""
        keys = [hashlib.blake2b(query.tobytes(), digest_size=16).digest() for query in values]
        first: dict[bytes, int] = {}
        for place, key in enumerate(keys):
            if key not in known:
                first.setdefault(key, place)
        places = np.fromiter(first.values(), dtype=np.int64, count=len(first))
        self._spend(rows[places])
        known.update(zip(first, self._ask(values[places]).tolist(), strict=True))
        return np.array([known[key] for key in keys], dtype=np.int64)

    def _spend(self, rows: NDArray[np.int64]) -> None:
        wanted = self._n_queries + np.bincount(rows, minlength=len(self._n_queries))
        if self._budget is not None and (wanted > self._budget).any():
            record = int(np.argmax(wanted))
            raise QueryBudgetError(
                f"{self._budget} queries per record are allowed; record {record} would need {int(wanted[record])}. "
                "Ask for less, or raise the budget. Nothing of this call was asked."
            )
        self._n_queries = wanted

    def _ask(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        starts = range(0, len(values), self._batch_size)
        parts = [self._checked(values[start : start + self._batch_size]) for start in starts]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def _checked(self, batch: NDArray[np.float32]) -> NDArray[np.int64]:
        found = np.asarray(self._answer(batch))
        if not (np.issubdtype(found.dtype, np.integer) or found.dtype == np.bool_):
            raise UnsupportedError(
                f"a label oracle takes hard labels, integers of shape (n,); the model answered {found.dtype} of shape "
                f"{found.shape}. Return the predicted class (argmax over the scores)."
            )
        if found.shape != (len(batch),):
            raise ShapeError(
                f"the model must answer once per query: shape ({len(batch)},); got {found.shape}. "
                "Return the predicted class (argmax over the scores)."
            )
        return found.astype(np.int64)


def label_oracle_of(
    network: nn.Module,
    *,
    device: torch.device | str = "cpu",
    answers: FilteredAnswers | None = None,
    **options: Any,
) -> LabelOracle:
    """Return an oracle of a torch model in evaluation mode.

    Args:
        network: the model, on ``device``; ``(n, n_classes)`` logits, or one output whose sign tells class 1 from class 0.
        device: where it lies; queries are sent there, labels come back.
        answers: what users see of the model's answers; labels are those of what is let out. ``None`` = everything.
        options: ``n_records``, ``budget``, ``batch_size``, ``is_cached`` of the oracle.

    >>> oracle = label_oracle_of(nn.Linear(3, 2), n_records=1)
    >>> oracle(np.zeros((4, 3)), [0, 0, 0, 0]).shape
    (4,)
    """
    network.eval()

    def answer(queries: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.no_grad():
            output = network(torch.from_numpy(np.ascontiguousarray(queries)).to(device))
        columns = output.reshape(len(queries), -1)
        if not bool(torch.isfinite(columns).all()):
            raise DataError("the model's outputs are not finite; no label can be read off them.")
        if answers is not None:
            return answers.labels(columns.double().numpy(force=True), queries)
        labels = (columns[:, 0] > 0).long() if columns.shape[1] == 1 else columns.argmax(dim=1)
        return np.asarray(labels.numpy(force=True), dtype=np.int64)

    return LabelOracle(answer, **options)


def refuse_constant(labels: ArrayLike) -> None:
    """Refuse a model that gave one label to every query: no boundary was seen, and nothing can be measured.

    Args:
        labels: ``(n,)`` everything that it answered.

    Raises:
        DataError: names the label.
    """
    found = np.unique(np.asarray(labels, dtype=np.int64))
    if len(found) == 1:
        raise DataError(
            f"the model answered class {int(found[0])} to all {np.size(labels):,} queries: it has no boundary that "
            "label-only attacks could look at. Check that it was trained, and that the queries are scaled as its "
            "training records were."
        )
