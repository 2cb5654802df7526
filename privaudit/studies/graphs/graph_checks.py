"""What the study is expected to show, on means over seeds."""

from collections.abc import Mapping, Sequence

from privaudit.studies.distribution.contest import KL
from privaudit.studies.graphs.graph_contest import GRAPH_ATTACKS
from privaudit.studies.graphs.graph_played import GraphPlayed, control_mean, mean_graph_accuracy
from privaudit.studies.graphs.graph_settings import CLUSTERING_SGC, DEGREE_SGC, INDEPENDENT, SHARED
from privaudit.studies.leaderboard.intervals import mean_of
from privaudit.studies.study import Check

LEAST, INFLATION, CONTROL = 0.70, 0.10, (0.40, 0.60)
QUICK_LEAST, QUICK_INFLATION, QUICK_CONTROL = 0.60, 0.0, (0.25, 0.75)
Seeds = Sequence[GraphPlayed]


def graph_checks(by_name: Mapping[str, Seeds], *, is_quick: bool) -> tuple[Check, ...]:
    """Return all checks.

    Args:
        by_name: setting -> its seeds.
        is_quick: with the wider margins of a single seed.
    """
    least = QUICK_LEAST if is_quick else LEAST
    return (
        told(by_name[CLUSTERING_SGC], least),
        told(by_name[DEGREE_SGC], least),
        inflated(by_name[SHARED], by_name[INDEPENDENT], QUICK_INFLATION if is_quick else INFLATION),
        guessing(by_name, QUICK_CONTROL if is_quick else CONTROL),
    )


def told(played: Seeds, least: float) -> Check:
    """Look whether the divergence attack tells the two worlds of a setting apart.

    Args:
        played: seeds of the setting.
        least: accuracy.
    """
    mean = mean_graph_accuracy(played, KL)
    base, other = played[0].setting.values
    return Check(
        name=f"{played[0].setting.name}: accuracy of kl, {base:g} against {other:g}",
        wanted=f"mean at least {least:.2f}",
        measured=str(mean),
        is_met=mean.value >= least,
    )


def inflated(shared: Seeds, independent: Seeds, least: float) -> Check:
    """Compare victims on the adversary's base graph with victims on one of their own.

    Args:
        shared: seeds of one base graph.
        independent: of two.
        least: difference.
    """
    gain = mean_of([one.accuracy(KL) - other.accuracy(KL) for one, other in zip(shared, independent, strict=True)])
    return Check(
        name="accuracy of kl: shared base graph (inflated) minus independent ones",
        wanted=f"mean at least {least:.2f}",
        measured=str(gain),
        is_met=gain.value >= least,
    )


def guessing(by_name: Mapping[str, Seeds], bounds: tuple[float, float]) -> Check:
    """Look whether every attack guesses where there is nothing to tell: at equal laws.

    Args:
        by_name: setting -> its seeds.
        bounds: of each attack's mean over seeds, in each setting with fresh graphs.
    """
    fresh = {name: played for name, played in by_name.items() if played[0].setting.protocol == "fresh"}
    found = {
        (name, attack): control_mean(played, attack).value for name, played in fresh.items() for attack in GRAPH_ATTACKS
    }
    return Check(
        name=f"control at equal laws, fresh graphs: {len(GRAPH_ATTACKS)} attacks, {len(fresh)} settings",
        wanted=f"each mean over seeds within {bounds[0]:.2f} .. {bounds[1]:.2f}",
        measured=f"{min(found.values()):.3f} .. {max(found.values()):.3f}",
        is_met=all(bounds[0] <= value <= bounds[1] for value in found.values()),
    )
