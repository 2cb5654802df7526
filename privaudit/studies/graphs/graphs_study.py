"""What networks on graphs give away of the mean degree and the clustering of the graphs that they were trained on."""

from collections.abc import Sequence
from functools import partial

from privaudit.interfaces import ProgressHook
from privaudit.studies.graphs.cora import FILE, load_cora
from privaudit.studies.graphs.graph_checks import graph_checks
from privaudit.studies.graphs.graph_played import GraphPlayed, GraphTurn, play_graphs, seeds_by_setting
from privaudit.studies.graphs.graph_settings import CORA_SETTINGS, LAWS, PROTOCOLS, QUICK_SETTINGS, Theme
from privaudit.studies.graphs.graph_tables import control_table_of, law_table, leaked_table, protocol_table
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import StudyOptions, StudyResult, StudyTable

NOTES = (
    (
        "Means over seeds with 95 % t-intervals (+-). Graphs have 300 nodes: power-law graphs of 4 edges per node (clustering), and "
        "two blocks with 0.8 of the edges inside (degree). Features and classes are made by one rule in all worlds; how often "
        "neighbours share a class follows from the graph. SGC: two hops, 200 steps of Adam, learning rate 0.05, weight decay 0.0005; GCN: 16 hidden units, 40 steps (300: over-fitted) of the same; half of the "
        "nodes are trained on. By protocol: SGC, three hops, 300 steps, learning rate 0.1, no decay, 78 % of the nodes where nothing "
        "else is said. These numbers were chosen on other seeds than those shown."
    ),
    (
        "shared: victims and the adversary's models are trained on parts of one base graph, as in the published set-up; the accuracy is "
        "INFLATED, since shadow models know that very graph, and says little about the law. How much depends on whether both sides "
        "train on the same nodes. fresh measures the law; so does independent as far as two base graphs show it, of which a seed is "
        "one draw: seeds differ widely."
    ),
)


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Train the models of every setting and seed, and attack them.

    Args:
        options: quick = one seed and four settings; ``data_dir`` may hold ``cora.npz``.
        progress: called after each setting of a seed.

    Raises:
        DataError: if ``cora.npz`` is damaged.
    """
    cora = None if options.is_quick else load_cora(options.data_dir)
    settings = QUICK_SETTINGS if options.is_quick else (*(CORA_SETTINGS if cora else ()), *LAWS, *PROTOCOLS)
    played = run_tasks(
        partial(play_graphs, cora),
        [GraphTurn(one, 1000 * options.seed + number) for one in settings for number in range(one.n_seeds)],
        workers=options.workers,
        progress=progress,
        stage="worlds of graphs",
        unit="settings",
    )
    missing = () if cora or options.is_quick else (f"Cora was left out: no {FILE} in the folder of --data-dir.",)
    return StudyResult(
        name="graphs",
        title="Distribution inference on graphs: mean degree and clustering",
        tables=tuple(_tables(played)),
        checks=graph_checks(seeds_by_setting(played), is_quick=options.is_quick),
        notes=(*NOTES, *missing),
    )


def _tables(played: Sequence[GraphPlayed]) -> list[StudyTable]:
    laws, protocols, cora = (_of_theme(played, theme) for theme in ("law", "protocol", "cora"))
    about_law = {name: each for name, each in {**laws, **protocols}.items() if each[0].setting.protocol != "shared"}
    tables = [law_table(laws), protocol_table(protocols, "Protocols: mean degree of block graphs")]
    tables += [protocol_table(cora, "Cora, mean degree")] if cora else []
    return [*tables, leaked_table(about_law), control_table_of({**laws, **protocols, **cora})]


def _of_theme(played: Sequence[GraphPlayed], theme: Theme) -> dict[str, list[GraphPlayed]]:
    return {name: each for name, each in seeds_by_setting(played).items() if each[0].setting.theme == theme}
