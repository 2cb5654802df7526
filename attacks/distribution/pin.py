"""The white-box attack: a meta-classifier that was trained on shadow models' weights has read the victims' weights before."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from privaudit.attacks.distribution.checks import check_choice, check_inputs
from privaudit.errors import ConfigError
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

Form = Literal["strict", "published"]
LOGIT = "pin_logit"


def signal_name(base: str, form: str, seed: int) -> str:
    """Return the name of what a meta-classifier says: a function of form and seed, so that none is taken for another.

    Args:
        base: what it says, ``pin_logit`` or ``pin_ratio``.
        form: of the meta-classifier.
        seed: of its first weights.

    >>> signal_name("pin_logit", "strict", 0), signal_name("pin_logit", "published", 3)
    ('pin_logit', 'pin_logit@form=published,seed=3')
    """
    changed = [f"form={form}"] * (form != "strict") + [f"seed={seed}"] * (seed != 0)
    return f"{base}@{','.join(changed)}" if changed else base


def check_parameters(form: str, seed: int) -> None:
    """Refuse an unknown form, and what is no seed.

    Args:
        form: of the meta-classifier.
        seed: of its first weights.

    Raises:
        ConfigError: naming what is known.
    """
    check_choice("form", form, get_args(Form))
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ConfigError(f"seed must be a whole number in 0..2**32 - 1; got {seed!r}.", key="seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Score a victim by the log-odds for world 1 of a permutation-invariant network that read its weights.

    Attributes:
        form: ``strict`` (default): the same under every order of hidden units; ``published``: of the first layer's alone.
        seed: of the network's first weights.

    Source: Ganju, Wang, Yang, Gunter, Borisov, "Property Inference Attacks on Fully Connected Neural Networks using Permutation
    Invariant Representations", CCS 2018; Suri, Evans, "Formalizing and Estimating Distribution Inference Risks", PETS 2022. The
    strict form is ours.
    """

    name: ClassVar[str] = "pin"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "white_box"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 4
    form: Form = "strict"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_parameters(self.form, self.seed)

    @property
    def signals(self) -> frozenset[str]:
        """Name of what is read, which says by which meta-classifier it was made."""
        return frozenset({signal_name(LOGIT, self.form, self.seed)})

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Return every victim's log-odds.

        Args:
            inputs: two worlds, with what the meta-classifier said of every victim.

        Raises:
            UnsupportedError: if there are more worlds, or fewer than four shadow models of one.
            MissingSignalError: if the weights were not read.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        (signal,) = self.signals
        return VictimScores(scores=inputs.victim_signal(signal))
