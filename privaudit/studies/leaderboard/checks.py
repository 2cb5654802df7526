"""What the leaderboard is expected to show: paired differences over seeds, with their t-intervals."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from privaudit.studies.leaderboard.contest import ONE_PAIR, Figures
from privaudit.studies.leaderboard.flags import flag_check
from privaudit.studies.leaderboard.intervals import Mean, mean_of
from privaudit.studies.study import Check

if TYPE_CHECKING:
    from privaudit.studies.leaderboard.leaderboard_study import Played

FEW, MANY = (8, 16), 64
NO_LOSS = {"location30": 0.0, "fashion": 0.0, "digits": -0.02}
RIVALS = ("LiRA", "LiRA, pooled")
OFFLINE = ("LiRA offline", "LiRA offline, pooled")
PROXY_TASKS, PROXY_GAIN, PAIR_GAIN, MANY_MARGIN = ("location30", "fashion"), 0.02, 0.03, 0.02


def checks(by_task: Mapping[str, Sequence["Played"]]) -> tuple[Check, ...]:
    """Return all checks that the tasks and numbers of models at hand allow.

    Args:
        by_task: task -> its seeds.
    """
    found: list[Check] = []
    for name, played in by_task.items():
        sizes = list(played[0].figures)
        found += [_few_models(name, played, size) for size in sizes if size in FEW]
        if MANY in sizes:
            found.append(_many_models(name, played))
            found.append(_one_pair(name, played))
        if name in PROXY_TASKS:
            found += [_proxy(name, played, size) for size in sizes]
    return (*found, flag_check(by_task))


def _paired(played: Sequence["Played"], size: int, difference: Callable[[Mapping[str, Figures]], float]) -> Mean:
    return mean_of([difference(one.figures[size]) for one in played])


def _few_models(name: str, played: Sequence["Played"], size: int) -> Check:
    """The better of LiRA's two variances is taken seed by seed, in favour of LiRA."""
    mean = _paired(played, size, lambda f: f["nig"].tpr_1 - max(f[rival].tpr_1 for rival in RIVALS))
    return Check(
        name=f"{name}, {size} models: nig minus the better of LiRA's variances, TPR at 1 % FPR",
        wanted=f"lower 95 % end at least {NO_LOSS[name]:g}",
        measured=str(mean),
        is_met=mean.lower >= NO_LOSS[name],
    )


def _many_models(name: str, played: Sequence["Played"]) -> Check:
    mean = _paired(played, MANY, lambda f: f["nig"].tpr_1 - f["LiRA"].tpr_1)
    return Check(
        name=f"{name}, {MANY} models: nig minus LiRA, TPR at 1 % FPR",
        wanted=f"95 % interval within {MANY_MARGIN:g} of 0",
        measured=str(mean),
        is_met=mean.lower >= -MANY_MARGIN and mean.upper <= MANY_MARGIN,
    )


def _one_pair(name: str, played: Sequence["Played"]) -> Check:
    ratio, one_sided = (contestant.label for contestant in ONE_PAIR)
    mean = mean_of([one.one_pair[ratio] - one.one_pair[one_sided] for one in played])
    return Check(
        name=f"{name}, one trained pair: RMIA with a tuned minus one-sided LiRA, AUC",
        wanted=f"mean at least {PAIR_GAIN:g}, interval above 0",
        measured=str(mean),
        is_met=mean.value >= PAIR_GAIN and mean.lower > 0,
    )


def _proxy(name: str, played: Sequence["Played"], size: int) -> Check:
    mean = _paired(played, size, lambda f: f["proxy"].auc - max(f[rival].auc for rival in OFFLINE))
    return Check(
        name=f"{name}, {size} models: proxy minus the better offline LiRA, AUC",
        wanted=f"mean at least {PROXY_GAIN:g}, interval above 0",
        measured=str(mean),
        is_met=mean.value >= PROXY_GAIN and mean.lower > 0,
    )
