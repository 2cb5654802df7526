"""Opacus issue 571: an audit beyond the claim at tiny data sizes, since the divisor is computed from private data.

`PrivacyEngine.make_private` sets ``expected_batch_size = int(n_records / len(loader))``, and a step divides the noisy sum
by it. Under add/remove the number of records is what is to be hidden: with it, both mean and noise of the released
gradient differ between neighbours. The accountant knows of the noisy sum only.

The background here is opposed to the canary: records of one gradient, and one of the contrary gradient added. Then the
divisor moves the mean the same way as the canary does, by up to as much again.

Source: https://github.com/meta-pytorch/opacus/issues/571.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from privaudit.estimators import Split, audit_scores, gaussian_epsilon, gaussian_mu
from privaudit.interfaces import ProgressHook
from privaudit.studies.gaussian_pair import Normal, pair_epsilon
from privaudit.studies.opacus_one_step import Divisor, opacus_epsilon, released_gradients
from privaudit.studies.run_tasks import run_tasks
from privaudit.studies.study import Check, StudyOptions, StudyResult, StudyTable
from privaudit.types import EpsilonEstimate, Neighbouring

CLAIM, DELTA, N_RECORDS, N_RUNS, N_AUDITS, N_QUICK_AUDITS = 1.2, 1e-5, 2, 2500, 10, 1
NOISE_MULTIPLIER = 1.0 / gaussian_mu(CLAIM, DELTA)  # one full-batch step is a Gaussian mechanism
PRIVATE, PUBLIC, SUM = "computed by Opacus from the private set", "a public constant", "none (sum)"
DIVISORS = {PRIVATE: Divisor(), PUBLIC: Divisor(public=float(N_RECORDS)), SUM: Divisor(loss_reduction="sum")}
SIZES = (2, 5, 10, 30, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneStepAudit:
    """One audit of one step: the same script on N records, and on N and a canary.

    Attributes:
        divisor: of the noisy sum.
        n_records: N.
        n_runs: of each side.
        noise_multiplier: of the step.
        seed: root of the noise and of the split.
    """

    divisor: Divisor
    n_records: int = N_RECORDS
    n_runs: int = N_RUNS
    noise_multiplier: float = NOISE_MULTIPLIER
    seed: int = 0

    def play(self) -> EpsilonEstimate:
        """Run the script on both data sets, and bound epsilon without a model of the mechanism.

        The score is the likelihood ratio of the two laws that the divisor implies. Clopper-Pearson holds for any score;
        three tenths of the scores choose the threshold and take no part in the bound.
        """
        background = (0,) * self.n_records
        seeds = np.random.SeedSequence(self.seed).generate_state(2, dtype=np.uint64)
        out, present = (
            released_gradients(
                labels,
                divisor=self.divisor,
                noise_multiplier=self.noise_multiplier,
                n_runs=self.n_runs,
                seed=int(seed) >> 1,
            )
            for labels, seed in zip((background, (*background, 1)), seeds, strict=True)
        )
        without, with_canary = released_laws(self.divisor, self.n_records, self.noise_multiplier)
        scores = [with_canary.log_density(world) - without.log_density(world) for world in (present, out)]
        return audit_scores(
            *scores,
            method="clopper_pearson",
            threshold=Split(share=0.3, seed=self.seed % 2**32),
            delta=DELTA,
            neighbouring=Neighbouring.ADD_REMOVE,
        )


def released_laws(
    divisor: Divisor, n_records: int, noise_multiplier: float, *, background: float = 1.0
) -> tuple[Normal, Normal]:
    """Return the exact laws of the released gradient without the canary and with it, in units of the clip.

    Args:
        divisor: of the noisy sum.
        n_records: records of the background.
        noise_multiplier: of the step.
        background: clipped gradient of each of them; the canary's is -1.
    """
    total = background * n_records
    small, large = divisor.of(n_records), divisor.of(n_records + 1)
    return Normal(total / small, noise_multiplier / small), Normal((total - 1.0) / large, noise_multiplier / large)


def study(options: StudyOptions, progress: ProgressHook | None = None) -> StudyResult:
    """Reproduce the issue with Opacus's own steps, and its absence without the private divisor.

    Args:
        options: quick = one audit of each kind; no data needed.
        progress: called after each audit.
    """
    n_audits = N_QUICK_AUDITS if options.is_quick else N_AUDITS
    seeds = np.random.SeedSequence(options.seed).generate_state(n_audits * len(DIVISORS), dtype=np.uint64)
    kinds = [divisor for divisor in DIVISORS.values() for _ in range(n_audits)]
    audits = [
        OneStepAudit(divisor=kind, n_runs=N_RUNS, seed=int(seed)) for kind, seed in zip(kinds, seeds, strict=True)
    ]
    found = run_tasks(OneStepAudit.play, audits, workers=options.workers, progress=progress, stage="Opacus steps")
    lowers = [estimate.lower for estimate in found]
    bounds = {name: lowers[row * n_audits : (row + 1) * n_audits] for row, name in enumerate(DIVISORS)}
    return StudyResult(
        name="opacus-571",
        title="Opacus issue 571: the divisor of a step is computed from the private data set",
        tables=(_audit_table(bounds), _exact_table()),
        checks=_checks(bounds),
        notes=(
            (
                "An audit's bound is beyond the claim only where Opacus computes the divisor from the number of records. The "
                "remedy is a public constant: optimizer.expected_batch_size = ..., set once after make_private."
            ),
            (
                "No layer here shares statistics between records, so batch normalisation is not the cause. Where neighbours "
                "have as many records as each other (replace one), the divisor is public and gives nothing away."
            ),
        ),
    )


def _audit_table(bounds: dict[str, list[float]]) -> StudyTable:
    rows = tuple(
        (name, min(lowers), float(np.median(lowers)), max(lowers), sum(_beyond(lowers)), len(lowers))
        for name, lowers in bounds.items()
    )
    return StudyTable(
        title=f"Audits of one Opacus step: {N_RECORDS} records against {N_RECORDS + 1}, {N_RUNS:,} runs a side",
        columns=("divisor", "lowest bound", "median", "highest", f"beyond {CLAIM}", "of"),
        rows=rows,
        notes=(
            (
                f"Bounds: Clopper-Pearson, 95 % confidence, delta {DELTA:g}, add/remove. Claim: epsilon {CLAIM:g}; Opacus says "
                f"{opacus_epsilon(noise_multiplier=NOISE_MULTIPLIER, delta=DELTA):.4g}."
            ),
        ),
    )


def _exact_table() -> StudyTable:
    def exact(n_records: int, background: float) -> float:
        laws = released_laws(DIVISORS[PRIVATE], n_records, NOISE_MULTIPLIER, background=background)
        return pair_epsilon(*laws, delta=DELTA)

    limits = (gaussian_epsilon(times * gaussian_mu(CLAIM, DELTA), DELTA) for times in (2.0, 1.0))
    return StudyTable(
        title="Exact epsilon of the pair of N and N + 1 records, divisor computed by Opacus",
        columns=("N", "opposed background", "background without gradient"),
        rows=(*((str(n), exact(n, 1.0), exact(n, 0.0)) for n in SIZES), ("limit", *limits)),
        notes=(
            f"Claim: epsilon {CLAIM:g} at delta {DELTA:g}. The limit of the opposed background is twice the shift.",
        ),
    )


def _checks(bounds: dict[str, list[float]]) -> tuple[Check, ...]:
    wanted = math.ceil(0.9 * len(bounds[PRIVATE]))
    return tuple(
        Check(
            name=f"divisor: {name}",
            wanted=f"beyond {CLAIM:g} in at least {wanted}" if name == PRIVATE else f"never beyond {CLAIM:g}",
            measured=f"{sum(_beyond(lowers))} of {len(lowers)}",
            is_met=sum(_beyond(lowers)) >= wanted if name == PRIVATE else not any(_beyond(lowers)),
        )
        for name, lowers in bounds.items()
    )


def _beyond(lowers: Sequence[float]) -> list[bool]:
    return [lower > CLAIM for lower in lowers]
