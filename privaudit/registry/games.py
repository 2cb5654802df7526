"""The privacy games that reports name: what each asks, and what its adversary knows."""

from privaudit.games.catalog import GAMES
from privaudit.games.game import Game
from privaudit.registry.method import Method

SOURCE = "after Salem et al., IEEE S&P 2023"


def _row(game: Game) -> Method:
    if not game.is_played:
        return Method(
            kind="game",
            name=game.id,
            summary=f"{game.title}; no game of an adversary, and no bound is made of it",
            needs="what only the model's owner has",
            where="privaudit.games.game:Game",
        )
    knows = ", ".join(sorted(game.adversary_knows)).replace("_", " ")
    return Method(
        kind="game",
        name=game.id,
        summary=f"{game.title}{f' ({game.symbol})' if game.symbol else ''}",
        needs=f"an adversary who sees the model and knows {knows}",
        where="privaudit.games.challenger:Challenger",
        cost="one training per play",
        source=SOURCE,
    )


PRIVACY_GAMES = tuple(map(_row, GAMES.values()))
