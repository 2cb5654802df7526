"""What the study is expected to show, on means over ratios and seeds."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from privaudit.estimators import control_interval
from privaudit.studies.distribution.contest import ATTACKS, FEW_NAME, KL, LABEL_ONLY, LOSS, THRESHOLD
from privaudit.studies.distribution.played import Played, mean_accuracy
from privaudit.studies.distribution.settings import PLAIN, PRIVATE, VARYING, resampled_name
from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.study import Check

NEAR, SLACK, GAIN, MOST_DP_LOSS, LEVEL = 0.05, 0.08, 0.10, 0.10, 0.999
EACH, OVERALL, QUICK_OVERALL = (0.40, 0.60), (0.45, 0.55), (0.40, 0.60)
SIZE_WORDS = "size of the training set"
Seeds = Sequence[Played]


def checks(by_name: Mapping[str, Seeds]) -> tuple[Check, ...]:
    """Return all checks of the full study.

    Args:
        by_name: setting -> its seeds.
    """
    plain = by_name[PLAIN]
    return (
        above(plain, KL, THRESHOLD),
        above(plain, THRESHOLD, LOSS),
        few_shadows(plain),
        above(plain, KL, LABEL_ONLY),
        above(plain, LABEL_ONLY, THRESHOLD),
        distance(plain),
        control(plain),
        overfitting([by_name[f"{steps} steps"] for steps in (5, 200, 1000)], plain),
        size([by_name["250 records"], plain, by_name["4000 records"]]),
        private(by_name[PRIVATE], plain),
        *(check for kind in ("under", "over") for check in hidden(by_name[resampled_name(kind)])),
        named(by_name[VARYING], by_name[resampled_name("under")]),
    )


def quick_checks(by_name: Mapping[str, Seeds]) -> tuple[Check, ...]:
    """Return those that one seed and few models allow.

    Args:
        by_name: setting -> its seeds.
    """
    under = by_name[resampled_name("under")]
    return (
        above(by_name[PLAIN], KL, LOSS),
        control(by_name[PLAIN]),
        within("re-sampled (under), fixed size: mean over attacks", under, ATTACKS, QUICK_OVERALL),
        named(by_name[VARYING], under),
    )


def above(played: Seeds, better: str, worse: str) -> Check:
    """Compare two attacks on the same models.

    Args:
        played: seeds of one setting.
        better: expected to be right more often.
        worse: than this one.
    """
    gain = mean_of([one.accuracy(better) - one.accuracy(worse) for one in played])
    return Check(
        name=f"accuracy: {better} minus {worse}", wanted="mean above 0", measured=str(gain), is_met=gain.value > 0
    )


def few_shadows(played: Seeds) -> Check:
    """Compare the divergence attack with few and with all shadow models."""
    loss = mean_of([one.accuracy(KL) - one.accuracy(FEW_NAME) for one in played])
    return Check(
        name=f"accuracy: kl with {played[0].setting.n_shadows} minus 5 shadow models",
        wanted=f"mean within {NEAR:g} of 0",
        measured=str(loss),
        is_met=abs(loss.value) <= NEAR,
    )


def distance(played: Seeds) -> Check:
    """Look whether leakage grows with the distance of the ratios."""
    base = played[0].setting.ratios[0]
    gaps = sorted({round(abs(ratio - base), 6) for ratio in played[0].figures})
    means = [
        mean_accuracy(played, KL, *(ratio for ratio in played[0].figures if round(abs(ratio - base), 6) == gap)).value
        for gap in gaps
    ]
    return _growing(f"accuracy of kl at distances {', '.join(f'{gap:g}' for gap in gaps)}", means)


def overfitting(others: Sequence[Seeds], plain: Seeds) -> Check:
    """Look whether leakage falls with the steps: at 5, 40, 200 and 1000.

    Args:
        others: seeds of the trainings of 5, 200 and 1000 steps, of one ratio.
        plain: of the training of 40.
    """
    ratio = next(iter(others[0][0].figures))
    means = [mean_accuracy(each, KL, ratio).value for each in (others[0], plain, *others[1:])]
    return _growing("accuracy of kl from 1000 down to 200, 40 and 5 steps", means[::-1])


def size(played: Sequence[Seeds]) -> Check:
    """Look whether leakage grows with the size of training sets.

    Args:
        played: seeds for each size, ascending; the first one's ratio is compared.
    """
    ratio = next(iter(played[0][0].figures))
    sizes = ", ".join(str(each[0].setting.n_records) for each in played)
    return _growing(f"accuracy of kl with {sizes} records", [mean_accuracy(each, KL, ratio).value for each in played])


def _growing(name: str, means: Sequence[float]) -> Check:
    falls = max((before - after for before, after in itertools.pairwise(means)), default=0.0)
    return Check(
        name=name,
        wanted=f"no step falls by more than {SLACK:g}, last minus first at least {GAIN:g}",
        measured=", ".join(f"{mean:.3f}" for mean in means),
        is_met=falls <= SLACK and means[-1] - means[0] >= GAIN,
    )


def private(played: Seeds, plain: Seeds) -> Check:
    """Compare DP-SGD on both sides with the same training without noise.

    Args:
        played: seeds with it.
        plain: without, on the same draws.
    """
    ratios = tuple(played[0].figures)
    loss = mean_of(
        [other.accuracy(KL, *ratios) - one.accuracy(KL, *ratios) for one, other in zip(played, plain, strict=True)]
    )
    return Check(
        name="accuracy of kl: what DP-SGD at epsilon 4 takes from it",
        wanted=f"mean below {MOST_DP_LOSS:g}",
        measured=str(loss),
        is_met=loss.value < MOST_DP_LOSS,
    )


def control(played: Seeds) -> Check:
    """Look whether every attack guesses where there is nothing to tell: at equal ratios."""
    found = {(one.seed, attack): one.control[attack].accuracy for one in played for attack in ATTACKS}
    lower, upper = control_interval(played[0].setting.n_victims, level=LEVEL, n_looks=len(found))
    return Check(
        name=f"control at equal ratios, {len(ATTACKS)} attacks, {len(played)} seeds",
        wanted=f"all within {lower:.3f} .. {upper:.3f} (binomial on the victims, {LEVEL:.1%} for all together)",
        measured=f"{min(found.values()):.3f} .. {max(found.values()):.3f}",
        is_met=all(lower <= value <= upper for value in found.values()),
    )


def hidden(played: Seeds) -> list[Check]:
    """Look whether re-sampling at a fixed size leaves guessing: attack by attack, and over all.

    Args:
        played: seeds of the setting; shadow models are re-sampled too.
    """
    name = f"{played[0].setting.name}, {len(played[0].figures)} ratios"
    means = [mean_accuracy(played, attack).value for attack in ATTACKS]
    each = Check(
        name=f"{name}: each attack",
        wanted=f"mean accuracy within {EACH[0]:g} .. {EACH[1]:g}",
        measured=f"{min(means):.3f} .. {max(means):.3f}",
        is_met=all(EACH[0] <= mean <= EACH[1] for mean in means),
    )
    return [each, within(f"{name}: mean over attacks", played, ATTACKS, OVERALL)]


def within(name: str, played: Seeds, attacks: Sequence[str], bounds: tuple[float, float]) -> Check:
    """Hold the mean accuracy over attacks, ratios and seeds to an interval."""
    mean = float(np.mean([one.accuracy(attack) for one in played for attack in attacks]))
    return Check(
        name=name,
        wanted=f"within {bounds[0]:g} .. {bounds[1]:g}",
        measured=f"{mean:.3f}",
        is_met=bounds[0] <= mean <= bounds[1],
    )


def named(varying: Seeds, fixed: Seeds) -> Check:
    """Look whether a size that tells the worlds apart is named, and only there.

    Args:
        varying: seeds of the setting whose training sets differ in size.
        fixed: of the one in which they do not.
    """
    found, wrong = (sum(any(SIZE_WORDS in text for text in one.warnings) for one in each) for each in (varying, fixed))
    return Check(
        name="the size channel is named",
        wanted=f"in {len(varying)} of {len(varying)} seeds of varying size, in 0 of {len(fixed)} of fixed size",
        measured=f"in {found} and {wrong}",
        is_met=found == len(varying) and wrong == 0,
    )
