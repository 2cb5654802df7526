"""The divergence attack: which world's shadow models is the victim nearer to?"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from privaudit.attacks.distribution.checks import check_choice, check_clip, check_inputs, victim_probabilities
from privaudit.attacks.distribution.kl_scores import Decision, KlSettings, kl_scores
from privaudit.attacks.distribution.kl_vote import Pairs
from privaudit.attacks.distribution.signals import CLIP
from privaudit.errors import ConfigError
from privaudit.types.design import Access
from privaudit.types.worlds import VictimScores, WorldInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class KlDivergence:
    """Let all pairs of shadow models, one of each world, vote: the victim is not of the world that it is farther from.

    Attributes:
        decision: ``vote`` (default): half of the votes decides. ``calibrated``: so does a share that tells left-out shadow
            models apart best; where one world's models spread more than the other's, half of the votes gives every victim
            to the same world. ``transductive``: the published code's other mode, for comparison; it looks at all
            victims at once, and on few of them at noise.
        clip: probabilities are moved into [clip, 1 - clip].
        pairs: ``all`` (default), or ``published``: the authors' selection without their random subset. For ``vote`` alone.

    Source: Suri, Lu, Chen, Evans, "Dissecting Distribution Inference", SaTML 2023. All pairs and the calibration are ours.
    """

    name: ClassVar[str] = "kl"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "score"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 2
    decision: Decision = "vote"
    clip: float = CLIP
    pairs: Pairs = "all"

    def __post_init__(self) -> None:
        """Refuse options that are unknown or do not go together."""
        check_choice("decision", self.decision, get_args(Decision))
        check_choice("pairs", self.pairs, get_args(Pairs))
        check_clip(self.clip)
        if self.pairs != "all" and self.decision != "vote":
            raise ConfigError(f"pairs: {self.pairs} is for decision: vote alone; leave it out.", key="pairs")

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim: vote share minus threshold.

        Args:
            inputs: two worlds, with queries of both and victims' probabilities.

        Raises:
            UnsupportedError: if there are more worlds, or too few shadow models (or victims, if transductive).
            DataError: if a world gave no query.
            MissingSignalError: if victims give labels alone.
        """
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        settings = KlSettings(clip=self.clip, pairs=self.pairs, decision=self.decision)
        return kl_scores(inputs, victim_probabilities(inputs, self.name), inputs.shadows, settings, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class KlCalibrated:
    """`KlDivergence` with ``decision: calibrated``, under a name of its own so that a report can show both.

    Attributes:
        clip: probabilities are moved into [clip, 1 - clip].

    Source: Suri, Lu, Chen, Evans, "Dissecting Distribution Inference", SaTML 2023; the calibration is ours.
    """

    name: ClassVar[str] = "kl_calibrated"
    game: ClassVar[str] = "distribution_inference"
    access: ClassVar[Access] = "score"
    answers: ClassVar[Literal["world", "ratio"]] = "world"
    fewest_shadows: ClassVar[int] = 2
    clip: float = CLIP

    def __post_init__(self) -> None:
        """Refuse an impossible clip."""
        check_clip(self.clip)

    def run(self, inputs: WorldInputs) -> VictimScores:
        """Score every victim: vote share minus the calibrated threshold; arguments and errors as of `KlDivergence.run`."""
        check_inputs(inputs, self.name, fewest=self.fewest_shadows)
        settings = KlSettings(clip=self.clip, pairs="all", decision="calibrated")
        return kl_scores(inputs, victim_probabilities(inputs, self.name), inputs.shadows, settings, self.name)
