"""A job whose models all train on planted records beside their own."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ShapeError
from privaudit.training.job import TrainingJob


def poisoned_job(job: TrainingJob, records: ArrayLike, labels: ArrayLike) -> TrainingJob:
    """Append copies of records under other classes, which every model trains on whatever its coins.

    A model's number, and with it initial weights and seeds of batches and noise, stays what it was: each round of an
    adaptive attack starts from the same fresh weights. The models draw the coins of the same records as before. A group that
    is shorter than planned is not filled up with models to come, whose coins know nothing of copies; the last bits of its
    models thus depend on how many there are. The public number of steps that a schedule is spread over does not change.

    Args:
        job: whose models hold records by coins.
        records: ``(n_copies,)`` which record each copy is of; a record may come several times, or none at all.
        labels: ``(n_copies,)`` class of each copy.

    Returns:
        the job with ``n_copies`` records more, at the end, in no model's population.

    Raises:
        ShapeError: if a record or class is out of range, or their numbers differ.
    """
    rows, classes = (np.asarray(values, dtype=np.int64).reshape(-1) for values in (records, labels))
    _check(rows, classes, n_records=len(job.labels), n_classes=job.n_classes)
    planted = np.ones((len(job.is_in), len(rows)), dtype=job.is_in.dtype)
    return replace(
        job,
        features=np.concatenate([job.features, job.features[rows]]),
        labels=np.concatenate([job.labels, classes]),
        is_in=np.hstack([job.is_in, planted]),
        is_population=np.concatenate([job.is_population, np.zeros(len(rows), dtype=np.bool_)]),
        design_kind="balanced",  # no coins of models to come: see above
    )


def _check(rows: NDArray[np.int64], classes: NDArray[np.int64], *, n_records: int, n_classes: int) -> None:
    if rows.shape != classes.shape:
        raise ShapeError(f"every copy needs a record and a class; got {len(rows)} records and {len(classes)} classes.")
    for name, values, end in (("records", rows, n_records), ("labels", classes, n_classes)):
        if len(values) and not 0 <= values.min() <= values.max() < end:
            raise ShapeError(f"{name} must lie in 0..{end - 1}; got {values.min()}..{values.max()}.")
