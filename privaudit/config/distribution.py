"""The distribution part of the audit config: which worlds are to be told apart, by whom, from how many models."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from privaudit.config.graphs import GraphsConfig
from privaudit.config.model import ModelConfig
from privaudit.config.params import MethodConfig
from privaudit.config.reading import StrictModel
from privaudit.config.recipe import RecipeConfig

Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
SCORE_ATTACKS = (
    "loss_test",
    "threshold_test",
    "per_point",
    "meta_classifier",
    "kl",
    "kl_calibrated",
    "kl_label",
    "gauss",
)
LABEL_ATTACKS = ("loss_test", "threshold_test", "kl_label")
WEIGHT_ATTACKS = ("pin",)
POISON_ATTACKS = ("snap",)
OF_RECORDS = (  # keys that say nothing about graphs: refused beside them, and left out of what is written down
    "property",
    "ratios",
    "worlds",
    "n_records",
    "class_balance",
    "adversary",
    "defense",
    "poison",
)


def _function(spec: str) -> str:
    if ".py:" not in spec:
        raise ValueError(f"a function of your own is named as file.py:function; got {spec!r}")
    return spec


Function = Annotated[str, AfterValidator(_function)]


class PropertyConfig(StrictModel):
    """What each record has or has not: a value of a group, or what a function of your own says.

    Attributes:
        group: name of a group of the data set.
        value: the value that counts as having the property.
        function: ``file.py:function``; takes the data set, returns one true or false per record.
    """

    group: str | None = None
    value: str | None = None
    function: Function | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "PropertyConfig":
        by_group = self.group is not None and self.value is not None
        if (self.function is not None) == by_group or (self.group is None) != (self.value is None):
            raise ValueError("give either group and value, or function")
        return self


class TransformConfig(StrictModel):
    """Worlds that are no ratios: a function of your own draws a training set of each.

    Attributes:
        draw: ``file.py:function``; takes the data set, the number of the world, the positions to draw from, how many, and a
            generator; returns positions.
        names: name of each world; the first one is the base.
    """

    draw: Function
    names: Annotated[tuple[str, ...], Field(min_length=2)]


class AdversaryConfig(StrictModel):
    """In what the adversary's shadow models differ from the audited ones; nothing by default.

    Attributes:
        model: another architecture.
        recipe: another training, e.g. without DP-SGD.
        drop: columns that the shadow models do not see, where the data set serves that.
        overlap: share of the adversary's training pool that is also the audited models'.
        n_records: training set size of the shadow models.
        knows_defense: whether the shadow models are trained (and answer) with the defense.
    """

    model: ModelConfig | None = None
    recipe: RecipeConfig | None = None
    drop: tuple[str, ...] = ()
    overlap: Ratio = 0.0
    n_records: Annotated[int, Field(ge=2)] | None = None
    knows_defense: bool = True


class PoisonConfig(StrictModel):
    """Records with the property that the adversary adds to every training set, with another class than their own.

    Attributes:
        share: of each training set that is poison.
        true_class: name of the class that the records have; by default the most frequent one among records with the property.
        planted_class: name of the class that they are given; by default the rarest other one among them.
    """

    share: Annotated[float, Field(gt=0.0, le=0.5)]
    true_class: str | None = None
    planted_class: str | None = None

    @model_validator(mode="after")
    def _another_class(self) -> "PoisonConfig":
        if self.true_class is not None and self.true_class == self.planted_class:
            raise ValueError(f"planted_class must be another class than true_class; both are {self.true_class!r}")
        return self


class DistributionConfig(StrictModel):
    """Two or more worlds, models of each, and who tries to tell them apart.

    Attributes:
        property: what the worlds differ in.
        ratios: share of the records with the property in each world; the first one is the base, which each other one is told
            apart from.
        worlds: worlds that are no ratios, instead of ``property`` and ``ratios``.
        graphs: worlds whose models train on graphs, instead of ``property``, ``ratios`` and ``worlds``.
        n_records: training set size of the audited models, the same in every world.
        n_shadows: shadow models per world.
        n_victims: audited models per world.
        n_queries: records per world that models are asked about; of graphs nodes, by default all of the query graphs.
        class_balance: ``fixed`` gives both kinds of records the class shares of the whole data in every world, so that neither
            the shares nor what a class looks like changes with the ratio; ``free`` takes classes as they come.
        control: one more world with the base's ratio, which nothing should tell from it.
        adversary: in what the shadow models differ.
        defense: what lowers the risk, with its parameters.
        poison: what the adversary adds to every training set, ``None`` = nothing.
        attacks: names and parameters; by default all that the access allows.
    """

    property: PropertyConfig | None = None
    ratios: tuple[Ratio, ...] = ()
    worlds: TransformConfig | None = None
    graphs: GraphsConfig | None = None
    n_records: Annotated[int, Field(ge=2)] = 1000
    n_shadows: Annotated[int, Field(ge=2)] = 30
    n_victims: Annotated[int, Field(ge=2)] = 60
    n_queries: Annotated[int, Field(ge=1)] = 1000
    class_balance: Literal["fixed", "free"] = "fixed"
    control: bool = True
    adversary: AdversaryConfig = AdversaryConfig()
    defense: MethodConfig | None = None
    poison: PoisonConfig | None = None
    attacks: tuple[MethodConfig, ...] = ()

    @model_validator(mode="after")
    def _graphs_stand_alone(self) -> "DistributionConfig":
        given = [name for name in OF_RECORDS if name in self.model_fields_set]
        if self.graphs is not None and given:
            raise ValueError(f"{given[0]} is about records, and these worlds are graphs; remove {given[0]}, or graphs")
        return self

    @model_validator(mode="after")
    def _worlds_are_given_once(self) -> "DistributionConfig":
        if self.graphs is not None:
            return self
        if self.worlds is not None:
            if self.property is not None or self.ratios:
                raise ValueError("worlds stands instead of property and ratios; remove one or the other")
            return self
        if self.property is None:
            raise ValueError("what do the worlds differ in? Give property and ratios, or worlds, or graphs")
        if len(self.ratios) < 2:
            raise ValueError(f"ratios must name the base and at least one other; got {list(self.ratios)}")
        if len(set(self.ratios)) < len(self.ratios):
            raise ValueError(
                f"ratios must differ (control: true adds a world with the base's own); got {list(self.ratios)}"
            )
        return self

    @model_validator(mode="after")
    def _poison_needs_a_property(self) -> "DistributionConfig":
        if self.poison is not None and self.property is None:
            raise ValueError("poison is made of records with the property; give property and ratios, or remove poison")
        return self

    @model_validator(mode="after")
    def _attacks_differ(self) -> "DistributionConfig":
        names = [attack.name for attack in self.attacks]
        if len(set(names)) < len(names):
            raise ValueError(f"attacks must be named once each; got {', '.join(names)}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_says_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out keys of records beside graphs, and blocks that nobody gave and older versions knew nothing of."""
        content: dict[str, Any] = handler(self)
        absent = [name for name in ("graphs", "poison") if getattr(self, name) is None]
        if self.graphs is not None:
            absent += [*OF_RECORDS, *(() if "n_queries" in self.model_fields_set else ("n_queries",))]
        return {name: value for name, value in content.items() if name not in absent}

    def attacks_of(self, access: str) -> tuple[MethodConfig, ...]:
        """Return the attacks, those that the access allows where none is named."""
        names: tuple[str, ...] = LABEL_ATTACKS if access == "label" else SCORE_ATTACKS
        if access == "white_box":
            names = (*names, *WEIGHT_ATTACKS)
        if self.poison is not None and access != "label":
            names = (*names, *POISON_ATTACKS)
        return self.attacks or tuple(MethodConfig(name=name) for name in names)

    def analysed_as(self, other: "DistributionConfig") -> "DistributionConfig":
        """Return the same worlds with what another block says of their analysis: attacks, and the surrogate of degrees."""
        update: dict[str, Any] = {"attacks": other.attacks}
        if self.graphs is not None and other.graphs is not None:
            update["graphs"] = self.graphs.model_copy(update={"zipf": other.graphs.zipf})
        return self.model_copy(update=update)

    def design(self) -> dict[str, Any]:
        """Return what the draws are a function of, for the manifest."""
        return self.model_dump(mode="json", exclude={"attacks": True, "graphs": {"zipf"}})
