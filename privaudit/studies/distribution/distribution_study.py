"""Distribution inference on Adult by the share of women: attacks, trainings, sizes and defenses over seeds."""

from collections.abc import Sequence
from functools import partial

from privaudit.interfaces import ProgressHook
from privaudit.studies.distribution.checks import checks, quick_checks
from privaudit.studies.distribution.contest import CALIBRATED, GAUSS, KL, LABEL_ONLY, LOSS, THRESHOLD
from privaudit.studies.distribution.played import Played, Turn, by_setting, play
from privaudit.studies.distribution.population import adult_population
from privaudit.studies.distribution.settings import PLAIN, QUICK_SETTINGS, SETTINGS, Theme
from privaudit.studies.distribution.tables import (
    attack_table,
    channel_table,
    control_table,
    leak_table,
    ratio_table,
    setting_table,
)
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import StudyOptions, StudyResult, StudyTable

N_SEEDS, QUICK_SEEDS = 3, 1
LISTED = (LOSS, THRESHOLD, KL, CALIBRATED, LABEL_ONLY, GAUSS)
TITLES: dict[Theme, str] = {
    "steps": "Leakage and over-fitting: steps of training (plain: 40)",
    "size": "Leakage and the size of training sets (plain: 1,000 records)",
    "defense": "DP-SGD, label noise and output noise; the adversary's models are trained in the same way, or not (victims alone)",
}
RESAMPLED = "Re-sampling to 0.5 by an owner whose adversary re-samples too"
NOTES = (
    (
        "Means over seeds with 95 % t-intervals (+-). A seed splits the records into the victims' and the adversary's pools anew, "
        "and draws training sets, queries and initial weights. Logistic regression, full-batch steps with each record's gradient "
        "clipped to 1, learning rate 1, 40 steps and 1,000 records where nothing else is said; 1,000 queries of each world (quick: 500). Both "
        "groups have the same class shares in every training set, so that the ratio moves nothing else."
    ),
    (
        "Where the size varies, sums of gradients are still divided by 1,000, as a public number must be: a smaller training set "
        "then takes shorter steps. Over-sampled sets repeat one group's records or the other's more often, which may leave a "
        "trace even at a fixed size."
    ),
    (
        "Training sets are drawn without replacement from finite pools, of which 4,000 records take most of the rarest group "
        "(well-paid women): models of a world then differ less than on fresh people, which adds to the accuracy."
    ),
)


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Train the models of every setting and seed, and attack them.

    Args:
        options: quick = one seed, few models and settings.
        progress: called after each setting of a seed.
    """
    settings = QUICK_SETTINGS if options.is_quick else SETTINGS
    seeds = [1000 * options.seed + number for number in range(QUICK_SEEDS if options.is_quick else N_SEEDS)]
    played = run_tasks(
        partial(play, adult_population()),
        [Turn(setting, seed) for setting in settings for seed in seeds],
        workers=options.workers,
        progress=progress,
        stage="worlds of Adult",
        unit="settings",
    )
    by_name = by_setting(played)
    return StudyResult(
        name="distribution",
        title="Distribution inference: Adult by the share of women",
        tables=tuple(_tables(played)),
        checks=quick_checks(by_name) if options.is_quick else checks(by_name),
        notes=NOTES,
    )


def _tables(played: Sequence[Played]) -> list[StudyTable]:
    by_name = by_setting(played)
    plain = by_name[PLAIN]
    tables = [
        ratio_table(plain, f"Adult, share of women, {_seeds(plain)}"),
        leak_table(plain, (KL, GAUSS)),
        control_table(plain),
    ]
    for theme, title in TITLES.items():
        chosen = {name: each for name, each in by_name.items() if each[0].setting.theme == theme}
        if chosen and set(next(iter(chosen.values()))[0].figures) <= set(plain[0].figures):
            chosen = {PLAIN: plain, **chosen}
        tables += [setting_table(chosen, f"{title}, {_seeds(plain)}", LISTED)] if chosen else []
    resampled = {name: each for name, each in by_name.items() if each[0].setting.theme == "re-sampling"}
    tables.append(attack_table(resampled, f"{RESAMPLED}, {_seeds(plain)}"))
    return [*tables, channel_table(by_name)]


def _seeds(played: Sequence[Played]) -> str:
    return f"{len(played)} seed{'s' if len(played) > 1 else ''}"
