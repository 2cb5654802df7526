"""SNAP on Adult by the share of women: poison of 1 and 2 %, four shadow models, and what it adds."""

from collections.abc import Sequence
from functools import partial

from privaudit.interfaces import ProgressHook
from privaudit.studies.distribution.population import adult_population
from privaudit.studies.poisoning.checks import checks, quick_checks
from privaudit.studies.poisoning.played import Played, Turn, play
from privaudit.studies.poisoning.settings import QUICK_SETTINGS, SETTINGS
from privaudit.studies.poisoning.tables import (
    attack_table,
    control_table,
    gain_table,
    price_table,
    rare_table,
    shift_table,
)
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import StudyOptions, StudyResult, StudyTable

N_SEEDS, QUICK_SEEDS = 3, 1
NOTES = (
    (
        "Means over seeds with 95 % t-intervals (+-). A seed splits the records into the victims' and the adversary's pools anew, "
        "and draws training sets, poison, queries and initial weights; with every share of poison the other records are the same. "
        "1,000 records and the poison in each training set, 1,000 queries of each world (quick: 500)."
    ),
    (
        "Poison: women who earn at most 50K, from the adversary's training pool, called well paid. The other way round (well-paid "
        "women called less well paid) moves the log-odds of few records, as models are not sure of them: c counts beside e^phi."
    ),
    (
        "Trainings: logistic regression, 40 full-batch steps with clipped gradients as in the study distribution; the same without "
        "clipping, 60 steps with momentum 0.9, learning rate 0.05 and weight decay 0.01; 32 hidden units, 10 epochs of Adam in batches of "
        "64."
    ),
)


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Train models of every setting and seed without and with poison, and attack them.

    Args:
        options: quick = one seed, few models and trainings, one share of poison.
        progress: called after each setting of a seed.
    """
    settings = QUICK_SETTINGS if options.is_quick else SETTINGS
    seeds = [1000 * options.seed + number for number in range(QUICK_SEEDS if options.is_quick else N_SEEDS)]
    turns = [Turn(setting, seed) for setting in settings for seed in seeds]
    played = run_tasks(
        partial(play, adult_population()),
        turns,
        workers=options.workers,
        progress=progress,
        stage="poisoned worlds of Adult",
        unit="settings",
    )
    grouped = [played[start : start + len(seeds)] for start in range(0, len(turns), len(seeds))]
    return StudyResult(
        name="poisoning",
        title="SNAP: poison that tells the share of women in Adult",
        tables=tuple(_tables(grouped)),
        checks=quick_checks(grouped) if options.is_quick else checks(grouped),
        notes=NOTES,
    )


def _tables(grouped: Sequence[Sequence[Played]]) -> list[StudyTable]:
    near = [played for played in grouped if not played[0].setting.is_rare]
    rare = [played for played in grouped if played[0].setting.is_rare]
    tables = [attack_table(played) for played in near]
    tables += [gain_table(grouped)]
    tables += [rare_table(rare)] if rare else []
    return [*tables, shift_table(near), price_table(grouped), control_table(near)]
