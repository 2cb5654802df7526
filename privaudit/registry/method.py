"""One row of the list of methods."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One row of `list_methods`.

    Attributes:
        kind: ``attack``, ``distribution_attack``, ``defense``, ``estimator``, ``collector``, ``canary``, ``game``, ``model`` or ``data``.
        name: what a config calls it.
        summary: what it does.
        needs: what it needs to run.
        where: ``module:object``.
        cost: models trained and queries per record, "" where nothing need be said.
        source: who published it, "" where nothing need be said.
    """

    kind: str
    name: str
    summary: str
    needs: str
    where: str
    cost: str = ""
    source: str = ""
