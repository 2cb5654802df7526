"""The relations R1 to R15 between privacy games, as one table. Bounds derived here; game names after Salem et al., 2023."""

from privaudit.games.relation import Quantity, Relation
from privaudit.games.relation_rows_membership import GUARANTEES, MEMBERSHIP
from privaudit.games.relation_rows_records import POPULATION, RECORDS

RELATIONS: tuple[Relation, ...] = (*GUARANTEES, *MEMBERSHIP, *RECORDS, *POPULATION)


def relation_between(
    id: str,
    source: str,
    target: str,
    source_quantity: Quantity = "advantage",
    target_quantity: Quantity = "advantage",
) -> Relation:
    """Return the row of the table for two games and quantities.

    Args:
        id: ``R1`` to ``R15``.
        source: the game that bounds.
        target: the game that is bounded.
        source_quantity: what is counted in the source.
        target_quantity: what is counted in the target.

    Raises:
        KeyError: if there is none.

    >>> relation_between("R6", "membership", "attribute_inference").title
    'an inferred attribute that is right tells a member'
    """
    wanted = (id, source, target, source_quantity, target_quantity)
    for row in RELATIONS:
        if (row.id, row.source, row.target, row.source_quantity, row.target_quantity) == wanted:
            return row
    raise KeyError(f"no relation {wanted}")
