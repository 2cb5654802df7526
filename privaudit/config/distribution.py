"""The distribution part of the audit config: which worlds are to be told apart, by whom, from how many models."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

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


class DistributionConfig(StrictModel):
    """Two or more worlds, models of each, and who tries to tell them apart.

    Attributes:
        property: what the worlds differ in.
        ratios: share of the records with the property in each world; the first one is the base, which each other one is told
            apart from.
        worlds: worlds that are no ratios, instead of ``property`` and ``ratios``.
        n_records: training set size of the audited models, the same in every world.
        n_shadows: shadow models per world.
        n_victims: audited models per world.
        n_queries: records per world that models are asked about.
        class_balance: ``fixed`` gives both kinds of records the class shares of the whole data in every world, so that neither
            the shares nor what a class looks like changes with the ratio; ``free`` takes classes as they come.
        control: one more world with the base's ratio, which nothing should tell from it.
        adversary: in what the shadow models differ.
        defense: what lowers the risk, with its parameters.
        attacks: names and parameters; by default all that the access allows.
    """

    property: PropertyConfig | None = None
    ratios: tuple[Ratio, ...] = ()
    worlds: TransformConfig | None = None
    n_records: Annotated[int, Field(ge=2)] = 1000
    n_shadows: Annotated[int, Field(ge=2)] = 30
    n_victims: Annotated[int, Field(ge=2)] = 60
    n_queries: Annotated[int, Field(ge=1)] = 1000
    class_balance: Literal["fixed", "free"] = "fixed"
    control: bool = True
    adversary: AdversaryConfig = AdversaryConfig()
    defense: MethodConfig | None = None
    attacks: tuple[MethodConfig, ...] = ()

    @model_validator(mode="after")
    def _worlds_are_given_once(self) -> "DistributionConfig":
        if self.worlds is not None:
            if self.property is not None or self.ratios:
                raise ValueError("worlds stands instead of property and ratios; remove one or the other")
            return self
        if self.property is None:
            raise ValueError("what do the worlds differ in? Give property and ratios, or worlds")
        if len(self.ratios) < 2:
            raise ValueError(f"ratios must name the base and at least one other; got {list(self.ratios)}")
        if len(set(self.ratios)) < len(self.ratios):
            raise ValueError(
                f"ratios must differ (control: true adds a world with the base's own); got {list(self.ratios)}"
            )
        return self

    @model_validator(mode="after")
    def _attacks_differ(self) -> "DistributionConfig":
        names = [attack.name for attack in self.attacks]
        if len(set(names)) < len(names):
            raise ValueError(f"attacks must be named once each; got {', '.join(names)}")
        return self

    def attacks_of(self, access: str) -> tuple[MethodConfig, ...]:
        """Return the attacks, those that the access allows where none is named."""
        names: tuple[str, ...] = SCORE_ATTACKS if access == "score" else LABEL_ATTACKS
        return self.attacks or tuple(MethodConfig(name=name) for name in names)

    def design(self) -> dict[str, Any]:
        """Return what the draws are a function of, for the manifest."""
        return self.model_dump(mode="json", exclude={"attacks"})
