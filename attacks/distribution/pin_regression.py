"""Which ratio? A meta-classifier that was trained on the weights of shadow models of several ratios has read the victims' before."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from privaudit.attacks.distribution.checks import check_inputs
from privaudit.attacks.distribution.pin import Form, check_parameters, signal_name
from privaudit.errors import ConfigError
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs

RATIO = "pin_ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRegression:
    """Estimate the ratio of the records with the property from the weights; scores are ratios.

    One network serves all ratios: `decide_between` turns its estimates into an answer between any two of them.

    Attributes:
        form: ``strict`` (default): the same under every order of hidden units; ``published``: of the first layer's alone.
        seed: of the network's first weights.

    Source: Suri, Evans, "Formalizing and Estimating Distribution Inference Risks", PETS 2022, the regression; the strict form is
    ours.
    """

    name: ClassVar[str] = "pin_regression"
    game: ClassVar[str] = "ratio_regression"
    access: ClassVar[Access] = "white_box"
    answers: ClassVar[Literal["world", "ratio"]] = "ratio"
    fewest_shadows: ClassVar[int] = 4
    form: Form = "strict"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        check_parameters(self.form, self.seed)

    @property
    def signals(self) -> frozenset[str]:
        """Name of what is read, which says by which meta-classifier it was made."""
        return frozenset({signal_name(RATIO, self.form, self.seed)})

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Return every victim's estimated ratio.

        Args:
            inputs: worlds with ratios, with what the meta-classifier said of every victim.

        Raises:
            ConfigError: if the worlds have no ratios.
            UnsupportedError: if there are fewer than four shadow models of a world.
            MissingSignalError: if the weights were not read.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows, is_binary=False)
        if inputs.ratios is None:
            raise ConfigError(f"{self.name} estimates ratios, and the worlds have none. Give property and ratios.")
        (signal,) = self.signals
        return VictimScores(scores=inputs.victim_signal(signal))
