"""Many models, one after the other or on many workers; what is on disk is not trained again."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from privaudit.errors import TrainingError
from privaudit.interfaces import Executor, Progress, ProgressHook
from privaudit.store.folder import AuditFolder
from privaudit.training.group_training import train_group
from privaudit.training.groups import groups_of
from privaudit.training.job import TrainingJob
from privaudit.training.one_model import Outcome
from privaudit.training.tracing import Tracing

GIVE_UP_AFTER = 4  # failures without a single success: the rest would fail alike
Rows = tuple[int, ...]


def train_models(
    job: TrainingJob,
    models: Sequence[int],
    *,
    executor: Executor,
    progress: ProgressHook | None = None,
    tracing: Tracing | None = None,
) -> list[int]:
    """Train those of ``models`` that are not on disk yet, or whose trace is not; a model on disk stays as it is.

    Args:
        job: the audit's job.
        models: rows of the models.
        executor: where to train.
        progress: called after every model.
        tracing: what to read off the models in training, if anything.

    Returns:
        rows of the models that diverged; they are not on disk.

    Raises:
        TrainingError: if a model failed for another reason, or none succeeded; finished ones are kept.
    """
    folder = AuditFolder(job.folder)
    numbers = [job.number(model) for model in models]
    absent = set(folder.missing_models(numbers))
    if tracing is not None:
        absent.update(folder.missing_signals([tracing.signal], numbers))
    missing = [model for model in models if job.number(model) in absent]
    return run_outcomes(
        partial(train_group, job, tracing=tracing),
        list(groups_of(job.variant, missing, size=job.plan.group_size)),
        missing,
        name=job.name,
        executor=executor,
        progress=progress,
        stage="training",
        n_total=len(models),
    )


def run_outcomes(
    function: Callable[[Rows], list[Outcome]],
    tasks: Sequence[Rows],
    wanted: Sequence[int],
    *,
    name: Callable[[int], str],
    executor: Executor,
    progress: ProgressHook | None,
    stage: str,
    n_total: int,
) -> list[int]:
    """Run tasks of one or more models, report progress, and raise for failures once the rest is done.

    Args:
        function: does a task and returns an outcome for each of its models.
        tasks: rows of the models of each task.
        wanted: rows of the models that are to be done; a task may hold others, which are done already.
        name: what to call the model of a row.
        executor: where to run.
        progress: called after every task.
        stage: for progress and errors.
        n_total: number of models, those that need no work included.

    Returns:
        rows of the models that diverged.

    Raises:
        TrainingError: if a model failed for another reason, or none succeeded.
    """
    left = set(wanted)
    _report(progress, stage, n_total - len(left), n_total)
    failed: list[Outcome] = []
    n_good = n_total - len(left)  # what is on disk succeeded once
    for outcomes in executor.map(function, tasks, lost=_lost) if tasks else ():
        new = [outcome for outcome in outcomes if outcome.model in left]
        left.difference_update(outcome.model for outcome in new)
        failed += [outcome for outcome in new if outcome.error]
        n_good += sum(not outcome.error for outcome in new)
        _report(progress, stage, n_total - len(left), n_total)
        if len(failed) >= GIVE_UP_AFTER and not n_good:
            _give_up(failed, stage, name)
    if failed and progress is not None:
        note = f"{len(failed)} of these models failed or diverged."
        progress(Progress(stage=stage, done=n_total - len(left), total=n_total, note=note))
    _raise_for(failed, stage, name)
    return sorted(outcome.model for outcome in failed)


def _lost(rows: Rows, reason: str) -> list[Outcome]:
    return [Outcome(row, reason) for row in rows]


def _give_up(failed: Sequence[Outcome], stage: str, name: Callable[[int], str]) -> None:
    """Raise once nothing but failures came: models that were never tried must not count as done."""
    _raise_for(failed, stage, name)
    first = min(failed)
    raise TrainingError(
        f"{stage} stopped: the first {len(failed)} models all diverged ({name(first.model)}: {first.error}). "
        "Lower recipe.optimizer.lr.",
        models=sorted(outcome.model for outcome in failed),
    )


def _raise_for(failed: Iterable[Outcome], stage: str, name: Callable[[int], str]) -> None:
    broken = sorted(outcome for outcome in failed if not outcome.diverged)
    if broken:
        raise TrainingError(
            f"{stage} failed for {name(broken[0].model)}: {broken[0].error.rstrip('.')}"
            + (f" ({len(broken) - 1} more models failed)" if len(broken) > 1 else "")
            + ". Finished models are kept; mend the cause and run the same command again.",
            models=[outcome.model for outcome in broken],
        )


def _report(progress: ProgressHook | None, stage: str, done: int, total: int) -> None:
    if progress is not None:
        progress(Progress(stage=stage, done=done, total=total))
