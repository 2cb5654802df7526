"""Tests of the study of distribution inference: its bars, each of which can fail, and its tables."""

import pytest

from privaudit.studies.distribution import checks as bars
from privaudit.studies.distribution.contest import ATTACKS, FEW_NAME, KL, LABEL_ONLY, LOSS, THRESHOLD, Figures
from privaudit.studies.distribution.played import Played, by_setting, mean_accuracy
from privaudit.studies.distribution.settings import (
    PLAIN,
    PRIVATE,
    RATIOS,
    SETTINGS,
    VARYING,
    Setting,
    resampled_name,
)
from privaudit.studies.distribution.tables import attack_table, control_table, leak_table, ratio_table, setting_table

N_SEEDS = 3


def the(name: str) -> Setting:
    """Return a setting of the full study by its name."""
    return next(one for one in SETTINGS if one.name == name)


def played(setting: Setting, accuracy: dict[str, float], *, seed: int = 0, **others: object) -> Played:
    """Return a turn in which each attack has the same accuracy at every ratio."""
    figures = {name: Figures(accuracy.get(name, 0.5), 0.5) for name in ATTACKS}
    control = {name: Figures(0.5, 0.5) for name in ATTACKS} if setting.has_control else {}
    found = Played(
        setting=setting,
        seed=seed,
        task_accuracy=0.8,
        figures={ratio: figures for ratio in setting.ratios[1:]},
        control=control,
        channels=(),
        warnings=(),
    )
    return found._replace(**others)


def as_wanted() -> dict[str, list[Played]]:
    """Return seeds of all settings that meet every bar."""
    usual = {KL: 0.9, FEW_NAME: 0.88, LABEL_ONLY: 0.8, THRESHOLD: 0.7}
    own = {"5 steps": 0.95, "200 steps": 0.6, "1000 steps": 0.5, "250 records": 0.7, "4000 records": 0.97}
    found = []
    for setting in SETTINGS:
        accuracy = {} if setting.name.endswith("fixed size") else {**usual, KL: own.get(setting.name, 0.9)}
        warnings = (f"Warning: the {bars.SIZE_WORDS} alone",) if setting.name == VARYING else ()
        found += [played(setting, accuracy, seed=seed, warnings=warnings) for seed in range(N_SEEDS)]
    by_name = by_setting(found)
    by_name[PLAIN] = [
        one._replace(
            figures={
                ratio: {**each, KL: Figures(0.8 + 0.4 * abs(ratio - 0.5), 0.9)} for ratio, each in one.figures.items()
            }
        )
        for one in by_name[PLAIN]
    ]
    return by_name


def unmet(by_name: dict[str, list[Played]]) -> list[str]:
    """Return the names of the checks that are not met."""
    return [check.name for check in bars.checks(by_name) if not check.is_met]


def changed(name: str, accuracy: dict[str, float], **others: object) -> dict[str, list[Played]]:
    """Return what meets every bar, but for one setting."""
    by_name = as_wanted()
    seeds = []
    for one in by_name[name]:
        figures = {
            ratio: {**each, **{attack: Figures(value, 0.5) for attack, value in accuracy.items()}}
            for ratio, each in one.figures.items()
        }
        seeds.append(one._replace(figures=figures, **others))
    return {**by_name, name: seeds}


def test_every_bar_is_met_where_all_is_as_wanted() -> None:
    assert unmet(as_wanted()) == []


@pytest.mark.parametrize(
    ("name", "accuracy", "others", "words"),
    [
        (PLAIN, {KL: 0.69}, {}, "kl minus threshold_test"),
        (PLAIN, {LOSS: 0.75}, {}, "threshold_test minus loss_test"),
        (PLAIN, {FEW_NAME: 0.8}, {}, "minus 5 shadow models"),
        (PLAIN, {LABEL_ONLY: 0.95}, {}, "kl minus kl_label"),
        (PLAIN, {LABEL_ONLY: 0.65}, {}, "kl_label minus threshold_test"),
        (PLAIN, {KL: 0.9}, {}, "at distances"),
        (PLAIN, {}, {"control": {name: Figures(0.7, 0.5) for name in ATTACKS}}, "control at equal ratios"),
        ("1000 steps", {KL: 0.9}, {}, "down to 200, 40 and 5 steps"),
        ("250 records", {KL: 0.95}, {}, "with 250, 1000, 4000 records"),
        (PRIVATE, {KL: 0.7}, {}, "DP-SGD at epsilon 4"),
        (resampled_name("under"), {LOSS: 0.61}, {}, "under-sampled, fixed size, 4 ratios: each attack"),
        (
            resampled_name("over"),
            dict.fromkeys(ATTACKS, 0.56),
            {},
            "over-sampled, fixed size, 4 ratios: mean over attacks",
        ),
        (VARYING, {}, {"warnings": ()}, "size channel"),
        (resampled_name("under"), {}, {"warnings": (f"the {bars.SIZE_WORDS} alone",)}, "size channel"),
    ],
)
def test_each_bar_can_fail(name: str, accuracy: dict[str, float], others: dict[str, object], words: str) -> None:
    assert any(words in failed for failed in unmet(changed(name, accuracy, **others)))


def test_the_bars_are_those_that_were_asked_for() -> None:
    assert (the(PLAIN).n_shadows, the(PLAIN).n_victims) == (30, 60)
    assert len(the(resampled_name("under")).ratios) - 1 >= 4
    assert (bars.NEAR, bars.MOST_DP_LOSS, bars.LEVEL) == (0.05, 0.10, 0.999)
    assert (bars.EACH, bars.OVERALL) == ((0.40, 0.60), (0.45, 0.55))


def test_means_are_over_the_named_ratios() -> None:
    one = played(the(PLAIN), {KL: 0.9})
    two = one._replace(figures={**one.figures, 0.1: {**one.figures[0.1], KL: Figures(0.1, 0.5)}})
    assert mean_accuracy([one, two], KL, 0.1).value == pytest.approx(0.5)
    assert mean_accuracy([one], KL).value == pytest.approx(0.9)
    assert two.accuracy(KL) == pytest.approx((7 * 0.9 + 0.1) / 8)


def test_tables_have_a_row_for_each_attack_setting_and_ratio() -> None:
    by_name = as_wanted()
    plain = by_name[PLAIN]
    table = ratio_table(plain, "accuracy")
    assert [row[0] for row in table.rows] == list(ATTACKS)
    assert table.columns[1:-3] == tuple(f"{ratio:g}" for ratio in sorted(RATIOS[1:]))
    assert len(leak_table(plain, (KL,)).rows) == len(RATIOS) - 1
    assert len(setting_table(by_name, "all", (KL,)).rows) == len(SETTINGS)
    assert [row[0] for row in attack_table(by_name, "all").rows] == list(ATTACKS)
    assert [len(row) for row in control_table(plain).rows] == [1 + N_SEEDS] * len(ATTACKS)


def test_perfect_accuracy_leaks_without_bound() -> None:
    perfect = [played(the(PLAIN), {KL: 1.0})]
    assert {row[-1] for row in leak_table(perfect, (KL,)).rows} == {"inf"}
    guessing = [played(the(PLAIN), {})]
    assert {row[-1] for row in leak_table(guessing, (KL,)).rows} == {0.0}


def test_settings_are_compared_at_the_same_ratios() -> None:
    """The plain training is worse at far ratios here; only 0.3 counts beside a setting that has no other."""
    one = played(the(PLAIN), {KL: 0.6})
    near = one._replace(figures={**one.figures, 0.3: {**one.figures[0.3], KL: Figures(0.9, 0.5)}})
    rows = setting_table({PLAIN: [near], "5 steps": [played(the("5 steps"), {KL: 0.8})]}, "steps", (KL,)).rows
    assert [(row[1], row[5]) for row in rows] == [("0.3", 0.9), ("0.3", 0.8)]
