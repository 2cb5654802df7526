"""White-box audits of a mechanism: by a score of many runs, or by the noise of one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.step_scores import nearest_score, trajectory_scores
from privaudit.estimators.calibrate import noise_for_epsilon
from privaudit.estimators.noise_probe_bound import noise_probe
from privaudit.studies.zoo.engine import Training, Transcript, play
from privaudit.studies.zoo.judge_scores import CONFIDENCE, judge_scores
from privaudit.studies.zoo.mechanisms import MOMENTUM, Mechanism
from privaudit.studies.zoo.variant import Judgement
from privaudit.types import DpSgdParams

Score = Callable[[Transcript, DpSgdParams], NDArray[np.float64]]
DELTA = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the maker of a mechanism told the accountant, up to the noise, which follows.

    Attributes:
        epsilon: the claimed epsilon, at delta 1e-5.
        steps: number of steps accounted for.
        sample_rate: chance of each record to be in a step's batch; 1 = full batches.
    """

    epsilon: float = 4.0
    steps: int = 20
    sample_rate: float = 1.0

    @property
    def params(self) -> DpSgdParams:
        """The accounted mechanism, with the least noise that the claimed epsilon allows."""
        return _accounted(self.epsilon, self.steps, self.sample_rate)


EPSILON_FOUR, TWENTY_STEPS = Claim(), Training()


@cache
def _accounted(epsilon: float, steps: int, sample_rate: float) -> DpSgdParams:
    noise = noise_for_epsilon(epsilon, delta=DELTA, sample_rate=sample_rate, steps=steps)
    return DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)


def trajectory(transcript: Transcript, accounted: DpSgdParams) -> NDArray[np.float64]:
    """Score a run by the likelihood ratio of its steps: their sum for full batches."""
    return trajectory_scores(
        transcript.projections, sample_rate=accounted.sample_rate, noise_multiplier=accounted.noise_multiplier
    )


def nearest_to_clip(transcript: Transcript, accounted: DpSgdParams) -> NDArray[np.float64]:
    """Score a run by the step that comes nearest to a clipped canary."""
    return nearest_score(transcript.projections)


def low_energy(transcript: Transcript, accounted: DpSgdParams) -> NDArray[np.float64]:
    """Score a run by how little noise it holds, over all weights but the canary's."""
    return -transcript.energy


def momentum_matched(transcript: Transcript, accounted: DpSgdParams) -> NDArray[np.float64]:
    """Score a run by the sum of its steps, each weighted by what momentum has gathered of a constant canary by then."""
    gathered = 1.0 - MOMENTUM ** np.arange(1, len(transcript.projections) + 1)
    return np.asarray(gathered @ transcript.projections)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAudit:
    """Many trainings with and without the canary, one score each; called with a seed it plays them and judges.

    Attributes:
        mechanism: what is audited.
        audit: the name of the audit.
        score: from what the auditor sees to one number per run.
        n_runs: on each side.
        claim: what is claimed.
        training: what is trained.
    """

    mechanism: Mechanism
    audit: str
    score: Score = trajectory
    n_runs: int = 500
    claim: Claim = EPSILON_FOUR
    training: Training = TWENTY_STEPS

    def __call__(self, seed: int) -> Judgement:
        """Play and judge."""
        accounted = self.claim.params
        is_in = np.arange(2 * self.n_runs) % 2 == 1
        scores = self.score(play(self.mechanism, self.training, accounted, is_in, seed=seed), accounted)
        return judge_scores(
            scores[is_in],
            scores[~is_in],
            audit=self.audit,
            claim_epsilon=self.claim.epsilon,
            delta=DELTA,
            params=accounted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseAudit:
    """One training without a canary, judged by the noise that is left when the background is subtracted.

    Attributes:
        mechanism: what is audited.
        audit: the name of the audit.
        check: the check of the noise probe that decides.
        claim: what is claimed.
        training: what is trained.
    """

    mechanism: Mechanism
    audit: str
    check: Literal["pooled", "worst_step", "step_differences"]
    claim: Claim = EPSILON_FOUR
    training: Training = TWENTY_STEPS

    def __call__(self, seed: int) -> Judgement:
        """Play and judge; the check's level is its share of the probe's."""
        accounted = self.claim.params
        seen = play(self.mechanism, self.training, accounted, np.zeros(1, bool), seed=seed, keep_residuals=True)
        assert seen.residuals is not None
        probe = noise_probe(
            seen.residuals[:, 0].astype(np.float64) * self.training.clip,
            noise_multiplier=accounted.noise_multiplier,
            max_grad_norm=self.training.clip,
            confidence=CONFIDENCE,
            sample_rate=accounted.sample_rate,
            delta=DELTA,
        )
        return Judgement(
            is_flagged=probe.check(self.check).is_refuted,
            audit=self.audit,
            lower=0.0,
            in_family=probe.estimate.lower,
            claim_epsilon=self.claim.epsilon,
            refutes_epsilon_delta=False,
        )
