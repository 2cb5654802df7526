"""How the section of a distribution audit is named, whoever reads it: poison and a shared base graph stand in its name."""

from privaudit.config.distribution import DistributionConfig
from privaudit.games.game_titles import game_title
from privaudit.pipeline.distribution.graphs.notes import PROPERTIES
from privaudit.pipeline.distribution.worlds import property_name
from privaudit.store.world_file import StoredWorlds
from privaudit.types.report import ONE_BASE_GRAPH, POISONED_WORLDS


def section_title(settings: DistributionConfig, stored: StoredWorlds) -> str:
    """Return the game and what the worlds differ in.

    Args:
        settings: the distribution block.
        stored: its worlds.
    """
    game = game_title("distribution_inference" if settings.poison is None else POISONED_WORLDS)
    if stored.graphs is not None:
        label = " (inflated: one base graph)" if stored.graphs.protocol == ONE_BASE_GRAPH else ""
        return f"{game}{label}: {PROPERTIES[stored.graphs.property]}"
    return game if settings.property is None else f"{game}: {property_name(settings.property)}"
