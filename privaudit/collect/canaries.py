"""The collector of canary audits: plays the groups of a game that are not stored yet, and stops where it is decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from privaudit.collect.canary_game import CanaryGame, play
from privaudit.errors import PrivauditError
from privaudit.interfaces import Executor, Progress, ProgressHook
from privaudit.store.canary_folder import PlayedFolder
from privaudit.training.networks import describe
from privaudit.training.one_model import Outcome
from privaudit.training.pool import run_outcomes

WAVE = 2  # groups played between two looks of a game that may be stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryCollector:
    """Runs with canaries by their own coins.

    Attributes:
        game: what every run is.
        groups: numbers of the runs of each group.
        stem: name of the files, ``group`` or ``control``.
        is_decided: asked after every wave of groups with the number of whole groups so far; ``None`` plays all.
    """

    name: ClassVar[str] = "canaries"
    produces: ClassVar[frozenset[str]] = frozenset({"canary_score"})
    game: CanaryGame
    groups: Sequence[tuple[int, ...]]
    stem: str = "group"
    is_decided: Callable[[int], bool] | None = None

    def collect(self, folder: Path, *, executor: Executor, progress: ProgressHook | None = None) -> int:
        """Play what is missing.

        Args:
            folder: of the audit.
            executor: where to train.
            progress: called after every group.

        Returns:
            number of groups, from the first, that are on disk.

        Raises:
            TrainingError: if a group failed; finished ones are kept.
        """
        wave = len(self.groups) if self.is_decided is None else WAVE
        for start in range(0, len(self.groups), wave):
            stop = min(start + wave, len(self.groups))
            self._play(range(start, stop), folder, executor, progress)
            if self.is_decided is not None and self.is_decided(stop):
                return stop
        return len(self.groups)

    def _play(self, wanted: range, folder: Path, executor: Executor, progress: ProgressHook | None) -> None:
        missing = PlayedFolder(folder, self.stem).missing(wanted)
        run_outcomes(
            partial(play_group, self.game, tuple(self.groups), folder, self.stem),
            [(group,) for group in missing],
            missing,
            name=lambda group: f"{self.stem} {group}",
            executor=executor,
            progress=None if progress is None else partial(_of_all, progress, wanted.start, len(self.groups)),
            stage="playing" if self.stem == "group" else "playing the control",
            n_total=len(wanted),
        )


def _of_all(progress: ProgressHook, start: int, total: int, step: Progress) -> None:
    progress(Progress(stage=step.stage, done=start + step.done, total=total, note=step.note, unit="groups of runs"))


def play_group(
    game: CanaryGame, groups: Sequence[tuple[int, ...]], folder: Path, stem: str, task: tuple[int, ...]
) -> list[Outcome]:
    """Play one group and store what it gave; a failure is returned as text."""
    (group,) = task
    try:
        played = play(game, groups[group])
        PlayedFolder(folder, stem).write(group, played.arrays())
    except PrivauditError as error:
        return [Outcome(group, str(error))]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's model may raise anything
        return [Outcome(group, describe(error, game.spec.build, game.spec.base))]
    return [Outcome(group)]
