"""From scores of canaries, made wherever the model was trained, to a report."""

from dataclasses import dataclass
from pathlib import Path

from privaudit.data.canary_coins import CanaryCoins, join_scores
from privaudit.data.canary_files import read_coins
from privaudit.data.canary_score_files import Quantity, read_canary_scores
from privaudit.errors import ConfigError, DataError
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.canary_report import canary_report
from privaudit.types import AuditReport, DpSgdParams
from privaudit.validate import check_delta, check_probability

STATED = (
    "Training and scoring ran elsewhere: that all canaries whose coin fell on 1 were trained on and the others were not, "
    "and that no score was made or chosen with the coins in sight, is the user's statement."
)
CONTROL_STATED = (
    "That the control was trained on the same file as the audited model, with noise 0 and the same clip, sampling and steps, "
    "is the user's statement, too."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryClaim:
    """What the training claims, by its mechanism, by epsilon, or not at all.

    Attributes:
        noise_multiplier: noise of each step, in units of the clipping norm.
        sample_rate: probability with which a record is in a batch.
        steps: number of noisy steps.
        epsilon: the claimed epsilon; ``None`` = computed from the mechanism, where it is given.
        delta: the delta of claim and bounds.
    """

    noise_multiplier: float | None = None
    sample_rate: float | None = None
    steps: int | None = None
    epsilon: float | None = None
    delta: float = 1e-5

    @property
    def params(self) -> DpSgdParams | None:
        """The mechanism, or ``None``.

        Raises:
            ConfigError: if it is described in part.
        """
        if self.noise_multiplier is None and self.sample_rate is None and self.steps is None:
            return None
        if self.noise_multiplier is None or self.sample_rate is None or self.steps is None:
            named = {"noise-multiplier": self.noise_multiplier, "sample-rate": self.sample_rate, "steps": self.steps}
            missing = [f"--{name}" for name, value in named.items() if value is None]
            raise ConfigError(
                f"a mechanism is noise multiplier, sample rate and steps; {', '.join(missing)} missing. State all or none.",
                key=missing[0],
            )
        return DpSgdParams(noise_multiplier=self.noise_multiplier, sample_rate=self.sample_rate, steps=self.steps)


def evaluate_canary_files(
    coins_path: Path,
    scores_path: Path,
    *,
    control_path: Path | None = None,
    claim: CanaryClaim,
    confidence: float = 0.95,
    quantity: Quantity = "score",
    column: str | None = None,
) -> AuditReport:
    """Join scores to coins by key, bound epsilon and judge the claim.

    Args:
        coins_path: the file of the coins.
        scores_path: csv or npz with ``canary`` and the scores, one row for every canary, in any order.
        control_path: the same of a model trained on the same file with noise 0 and the clip kept; without it nothing is
            called consistent.
        claim: what the training claims.
        confidence: of the verdict, and of every bound alone.
        quantity: whether the scores are scores (higher = more member-like) or losses.
        column: name of the scores; the quantity's if ``None``.

    Raises:
        ConfigError: if a file is not there, or an option out of range.
        DataError: if a file is damaged, or scores and coins do not fit together.
    """
    check_delta(claim.delta)
    check_probability("confidence", confidence)
    params = claim.params
    coins = read_coins(coins_path)
    outcome, digest = _joined(coins, scores_path, quantity, column)
    control = None
    provenance = {"coins_digest": coins.digest, "quantity": quantity, "column": column or quantity}
    if control_path is not None:
        control, provenance["control_digest"] = _joined(coins, control_path, quantity, column)
    return canary_report(
        [outcome],
        params=params,
        claim_epsilon=claim.epsilon,
        delta=claim.delta,
        confidence=confidence,
        name=scores_path.stem,
        control=control,
        data_digest=digest,
        provenance=provenance,
        notes=(STATED,) if control is None else (STATED, CONTROL_STATED),
    )


def _joined(coins: CanaryCoins, path: Path, quantity: Quantity, column: str | None) -> tuple[CanaryOutcome, str]:
    """Return the outcome of a file of scores, and the file's sha256."""
    found = read_canary_scores(path, quantity=quantity, column=column)
    try:
        scores, is_in = join_scores(coins, found.keys, found.scores)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return CanaryOutcome(name="black_box", scores=scores, is_in=is_in), found.digest
