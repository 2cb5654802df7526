"""Many models, one after the other or on many workers; what is on disk is not trained again."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from privaudit.errors import TrainingError
from privaudit.interfaces import Executor, Progress, ProgressHook
from privaudit.store.folder import AuditFolder
from privaudit.training.job import TrainingJob
from privaudit.training.one_model import Outcome, train_one

GIVE_UP_AFTER = 4  # failures without a single success: the rest would fail alike


def train_models(
    job: TrainingJob, models: Sequence[int], *, executor: Executor, progress: ProgressHook | None = None
) -> list[int]:
    """Train those of ``models`` that are not on disk yet.

    Args:
        job: the audit's job.
        models: numbers of the models.
        executor: where to train.
        progress: called after every model.

    Returns:
        models that diverged; they are not on disk.

    Raises:
        TrainingError: if a model failed for another reason, or none succeeded; finished ones are kept.
    """
    missing = AuditFolder(job.folder).missing_models(models)
    return run_outcomes(
        partial(train_one, job), missing, executor=executor, progress=progress, stage="training", n_total=len(models)
    )


def run_outcomes(
    function: Callable[[int], Outcome],
    models: Sequence[int],
    *,
    executor: Executor,
    progress: ProgressHook | None,
    stage: str,
    n_total: int,
) -> list[int]:
    """Run one task per model, report progress, and raise for failures once the rest is done."""
    done = n_total - len(models)
    _report(progress, stage, done, n_total)
    failed: list[Outcome] = []
    n_good = done  # what is on disk succeeded once
    for outcome in executor.map(function, models) if models else ():
        n_good += not outcome.error
        failed += [outcome] if outcome.error else []
        done += 1
        _report(progress, stage, done, n_total)
        if len(failed) >= GIVE_UP_AFTER and not n_good:
            _give_up(failed, stage)
    _raise_for(failed, stage)
    return sorted(outcome.model for outcome in failed)


def _give_up(failed: Sequence[Outcome], stage: str) -> None:
    """Raise once nothing but failures came: models that were never tried must not count as done."""
    _raise_for(failed, stage)
    first = min(failed)
    raise TrainingError(
        f"{stage} stopped: the first {len(failed)} models all diverged (model {first.model}: {first.error}). "
        "Lower recipe.optimizer.lr.",
        models=sorted(outcome.model for outcome in failed),
    )


def _raise_for(failed: Iterable[Outcome], stage: str) -> None:
    broken = sorted(outcome for outcome in failed if not outcome.diverged)
    if broken:
        raise TrainingError(
            f"{stage} failed for model {broken[0].model}: {broken[0].error.rstrip('.')}"
            + (f" ({len(broken) - 1} more models failed)" if len(broken) > 1 else "")
            + ". Finished models are kept; mend the cause and run the same command again.",
            models=[outcome.model for outcome in broken],
        )


def _report(progress: ProgressHook | None, stage: str, done: int, total: int) -> None:
    if progress is not None:
        progress(Progress(stage=stage, done=done, total=total))
