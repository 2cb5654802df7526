"""What a study is: options in; tables and checks out. None is imported before it is run."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from privaudit.errors import ConfigError
from privaudit.interfaces import ProgressHook
from privaudit.validate import nearest

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """How a study is run.

    Attributes:
        is_quick: a small version of under a minute, with checks that fit it.
        seed: root of all that is random.
        workers: processes, ``auto`` = one per core; the numbers do not depend on it.
        data_dir: folder of data sets that the package does not hold, or ``None``.
        is_controls: run the controls (correct trainers) instead of the defects, where a study has them.
    """

    is_quick: bool = False
    seed: int = 0
    workers: int | Literal["auto"] = "auto"
    data_dir: Path | None = None
    is_controls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """One table of results.

    Attributes:
        title: what is in it.
        columns: heads.
        rows: cells in the order of the columns.
        notes: what a reader must know, in sentences.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that the study set out to show.

    Attributes:
        name: what is checked.
        wanted: in words.
        measured: in words.
        is_met: whether it came out as wanted.
    """

    name: str
    wanted: str
    measured: str
    is_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """All that a study found.

    Attributes:
        name: of the study, as in the command.
        title: in words.
        tables: the results.
        checks: what came out as wanted, and what did not.
        notes: on the whole study, in sentences.
    """

    name: str
    title: str
    tables: tuple[StudyTable, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()


Study = Callable[[StudyOptions, ProgressHook | None], StudyResult]


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """A study that the command knows.

    Attributes:
        summary: one sentence.
        where: ``module:function``.
    """

    summary: str
    where: str

    def load(self) -> Study:
        """Import the study's function."""
        module, _, function = self.where.partition(":")
        found: Study = getattr(importlib.import_module(module), function)
        return found


STUDIES: Mapping[str, StudyEntry] = {
    "zoo": StudyEntry(
        "Broken DP-SGD that audits must catch, and what they cannot.", "privaudit.studies.zoo.zoo_study:study"
    ),
    "opacus-571": StudyEntry(
        "Opacus issue 571: a batch size computed from private data, audited beyond its claim.",
        "privaudit.studies.opacus_571:study",
    ),
    "black-box": StudyEntry(
        "One canary in many black-box trainings, from worst-case and average initial weights.",
        "privaudit.studies.black_box:study",
    ),
    "leaderboard": StudyEntry(
        "Every score-based attack on fixed small tasks, with few and many shadow models.",
        "privaudit.studies.leaderboard.leaderboard_study:study",
    ),
    "record-risk": StudyEntry(
        "Which members, and which models, are at risk: from losses alone, against LiRA.",
        "privaudit.studies.record_risk:study",
    ),
    "hyperparameters": StudyEntry(
        "LiRA without the target's hyperparameters, and the risk of tuning them on the training data.",
        "privaudit.studies.hyperparameters.hyperparameters_study:study",
    ),
    "chameleon": StudyEntry(
        "Label-only attacks that poison the training set: adaptive against fixed numbers of copies, and DP-SGD.",
        "privaudit.studies.chameleon.chameleon_study:study",
    ),
    "label-only": StudyEntry(
        "Attacks that see labels alone: gap, noise, augmentation, distance to the boundary, DHAttack.",
        "privaudit.studies.label_only.label_only_study:study",
    ),
    "distribution": StudyEntry(
        "What models say about the ratio of a property in their training data: Adult by sex, trainings, sizes, defenses.",
        "privaudit.studies.distribution.distribution_study:study",
    ),
    "distribution-census": StudyEntry(
        "The same on the KDD census with training sets of 20,000 records, by sex and by race.",
        "privaudit.studies.distribution.census_study:study",
    ),
    "poisoning": StudyEntry(
        "Records that an adversary adds to every training set, and how much more of a ratio they tell: SNAP on Adult by sex.",
        "privaudit.studies.poisoning.poisoning_study:study",
    ),
    "white-box": StudyEntry(
        "What weights say about the ratio of a property in the training data, beside answers: Adult by sex.",
        "privaudit.studies.white_box.white_box_study:study",
    ),
    "graphs": StudyEntry(
        "What networks on graphs say about the mean degree and clustering of their training graphs, by protocol.",
        "privaudit.studies.graphs.graphs_study:study",
    ),
    "canary-table": StudyEntry(
        "What gradient canaries show of DP-SGD at epsilon 1, 2, 4 and 10.", "privaudit.studies.canary_table:study"
    ),
}


def run_study(name: str, options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Run a study by its name.

    Args:
        name: one of ``STUDIES``.
        options: how to run it.
        progress: called with each step.

    Raises:
        ConfigError: if there is no such study.
    """
    if name not in STUDIES:
        raise ConfigError(f"no study {name!r}; there are {', '.join(STUDIES)}.{nearest(name, STUDIES)}", key="study")
    return STUDIES[name].load()(options, progress)
