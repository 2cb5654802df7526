"""The graph part of the audit config: worlds whose models train on graphs of another degree or clustering."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from privaudit.config.reading import StrictModel

GENERATORS = {"degree": "stochastic_block", "clustering": "power_law_cluster"}  # where none is named
TRAIN_SHARE, DISJOINT_SHARE = 0.5, 0.3  # disjoint nodes of one graph and nodes for queries must all fit
N_NODES = 300  # of each generated graph, where no number is given
LARGEST = 10_000  # of each generated graph: block graphs look at every pair of nodes


class GraphsConfig(StrictModel):
    """What the graphs of the worlds differ in, and who trains on which.

    Attributes:
        property: ``degree`` (mean number of neighbours) or ``clustering`` (how often neighbours of a node are neighbours).
        values: one per world, the base first: mean degrees, or chances in [0, 1] that a new edge closes a triangle.
        generator: what draws the graphs; by default ``stochastic_block`` for degrees, ``power_law_cluster`` for clustering.
        file: a graph of your own (``.npz``) instead of a generator.
        protocol: ``fresh`` (every model has a graph of its own), ``independent`` (the adversary's graphs are parts of one base
            graph, the audited models' parts of another) or ``shared`` (all are parts of one base graph: what is found is
            partly that graph itself).
        n_nodes: nodes of each generated graph, 10 to 10,000.
        train_share: share of a graph's nodes (or of a base graph's) whose classes a model is trained on; by default 0.5, and 0.3
            where audited models and the adversary's are trained on disjoint nodes of one base graph.
        same_nodes: with protocol ``shared``: let audited models and the adversary's be trained on the same nodes, which tells the
            adversary still more of the base graph.
        n_query_graphs: graphs of each world whose nodes models are asked about.
        zipf: also show the draws leaked by the published surrogate, Zipf laws that are fitted to the degrees.
    """

    property: Literal["degree", "clustering"]
    values: tuple[Annotated[float, Field(ge=0.0, allow_inf_nan=False)], ...]
    generator: Literal["stochastic_block", "power_law_cluster"] | None = None
    file: str | None = None
    protocol: Literal["fresh", "independent", "shared"] = "fresh"
    n_nodes: Annotated[int, Field(ge=10, le=LARGEST)] | None = None
    train_share: Annotated[float, Field(gt=0.0, lt=1.0)] = TRAIN_SHARE
    same_nodes: bool = False
    n_query_graphs: Annotated[int, Field(ge=1)] = 4
    zipf: bool = False

    @model_validator(mode="before")
    @classmethod
    def _drawn_where_there_is_no_file(cls, value: Any) -> Any:
        """Fill in generator and number of nodes where graphs are drawn."""
        if not isinstance(value, dict) or value.get("file") is not None:
            return value
        drawn = {"generator": GENERATORS.get(str(value.get("property"))), "n_nodes": N_NODES}
        return {**value, **{name: filling for name, filling in drawn.items() if value.get(name) is None}}

    @model_validator(mode="before")
    @classmethod
    def _disjoint_nodes_fit(cls, value: Any) -> Any:
        """Let nodes of audited models, of the adversary's models and of queries fit into one base graph."""
        is_disjoint = isinstance(value, dict) and value.get("protocol") == "shared" and not value.get("same_nodes")
        return {"train_share": DISJOINT_SHARE, **value} if is_disjoint else value

    @model_validator(mode="after")
    def _one_base_graph_has_the_same_nodes(self) -> "GraphsConfig":
        if self.same_nodes and self.protocol != "shared":
            raise ValueError(f"same_nodes is for protocol shared; the protocol is {self.protocol}. Remove it")
        return self

    @model_validator(mode="after")
    def _worlds_differ(self) -> "GraphsConfig":
        if len(self.values) < 2:
            raise ValueError(f"values must name the base and at least one other; got {list(self.values)}")
        if len(set(self.values)) < len(self.values):
            raise ValueError(
                f"values must differ (control: true adds a world with the base's own); got {list(self.values)}"
            )
        return self

    @model_validator(mode="after")
    def _values_are_of_the_property(self) -> "GraphsConfig":
        if self.property == "clustering" and max(self.values) > 1.0:
            raise ValueError(f"values of clustering are chances in [0, 1]; got {max(self.values):g}")
        if self.property == "degree" and min(self.values) == 0.0:
            raise ValueError("values of degree must be above 0: a graph without edges has nothing to tell")
        if self.property == "clustering" and self.generator == "stochastic_block":
            raise ValueError("generator stochastic_block cannot vary the clustering; set generator: power_law_cluster")
        if self.property == "clustering" and self.protocol != "fresh":
            raise ValueError(f"protocol {self.protocol} removes edges, which sets degrees alone; set protocol: fresh")
        if self.zipf and self.property != "degree":
            raise ValueError("zipf is a law of degrees; remove it, or set property: degree")
        return self

    @model_validator(mode="after")
    def _degrees_fit_the_nodes(self) -> "GraphsConfig":
        if self.property == "degree" and self.n_nodes is not None and max(self.values) > self.n_nodes - 1:
            raise ValueError(
                f"a node of {self.n_nodes} has {self.n_nodes - 1} neighbours at most, and values has {max(self.values):g}; raise n_nodes, "
                "or lower it"
            )
        return self

    @model_validator(mode="after")
    def _a_file_is_one_base_graph(self) -> "GraphsConfig":
        if self.file is None:
            return self
        for name in ("generator", "n_nodes"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is for graphs that are drawn, and file gives one; remove one of them")
        if self.protocol == "fresh":
            raise ValueError(
                "protocol fresh draws a graph for every model, and file gives one graph; set protocol: independent (its nodes are "
                "split between adversary and audited models) or shared"
            )
        return self
