"""What a user may state about saved scores, and which statements fit which file."""

from dataclasses import dataclass

from privaudit.data.score_files import ScoreFile
from privaudit.errors import ClaimError, ConfigError
from privaudit.estimators.tied_guesses import Ties
from privaudit.types import Neighbouring
from privaudit.validate import check_delta, check_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAuditOptions:
    """What the user states about the scores and wants to know.

    Attributes:
        target: name of the attacked model, ``None`` = the first one.
        fair_coins: each record's membership was an independent fair coin; nothing else depended on the coins.
        claim: the epsilon that was promised, or ``None``.
        delta: of the bound and the claim.
        confidence: of the bound and the intervals.
        neighbouring: the relation of the claim, and of the two worlds of independent trainings.
        ties: equal scores at a cut count as ``wrong``, or the ``median`` over all orders is taken, at half the error;
            fixed before looking.
        seed: of the order of records, of blocks, classifiers and splits.
    """

    target: str | None = None
    fair_coins: bool = False
    claim: float | None = None
    delta: float = 1e-5
    confidence: float = 0.95
    neighbouring: Neighbouring | None = None
    ties: Ties = "wrong"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        check_delta(self.delta)
        check_probability("confidence", self.confidence)
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0; got {self.seed}.", key="seed")


def check_fit(file: ScoreFile, options: ScoreAuditOptions) -> None:
    """Refuse options that mean nothing for a file, and claims that nothing in it can judge.

    Args:
        file: the scores.
        options: what the user states and wants.

    Raises:
        ConfigError: says which option, and why.
        ClaimError: if the claim is about another relation than the coins realise.
    """
    _check_layout(file, options)
    if options.claim is not None and options.neighbouring is None:
        raise ConfigError(
            "a claim holds for one neighbouring relation; state it by --neighbouring add_remove, replace_one or zero_out.",
            key="neighbouring",
        )


def _check_layout(file: ScoreFile, options: ScoreAuditOptions) -> None:
    if file.layout == "trainings":
        if options.fair_coins:
            raise ConfigError("--fair-coins is about the records of one model; these are independent trainings.")
        if options.target is not None:
            raise ConfigError("--target names one model of many; these are independent trainings of one canary.")
        return
    if options.claim is not None and not options.fair_coins:
        raise ConfigError(
            "a claim is judged by a bound on epsilon, and the members in this file were not drawn by coins of the audit: "
            "no bound can be made. If each record's membership was an independent fair coin, state it by --fair-coins; "
            "else audit by `privaudit run`, which throws the coins.",
            key="claim",
        )
    if options.neighbouring not in (None, Neighbouring.ADD_REMOVE):
        raise ClaimError(
            f"coins that put a record in or leave it out realise add_remove neighbours; got {options.neighbouring}. "
            "Numbers of different relations are never compared: state the claim for add_remove."
        )
