"""Variants that are wrong in their noise or in what they account for, beside the correct mechanism.

Claimed throughout, unless said: epsilon 4 by 20 full batches, noise 4.84 C, hence mu = .925 for the whole run.
"""

from privaudit.studies.zoo import mechanisms
from privaudit.studies.zoo.engine import Training
from privaudit.studies.zoo.variant import Variant
from privaudit.studies.zoo.white_box_audit import Claim, NoiseAudit, ScoreAudit, momentum_matched, nearest_to_clip
from privaudit.studies.zoo.white_box_variant import white_box

SUM = "sum of the steps' projections, one-coordinate canary"
NEAREST = "step nearest to a clipped canary, one-coordinate canary"
POISSON = Claim(sample_rate=0.25)
NO_LEAK = "None: what the auditor sees is N(1, s^2) with and N(0, s^2) without the canary in each step, as claimed."

CORRECT: tuple[Variant, ...] = (
    white_box(
        "correct", "Correct DP-SGD", NO_LEAK, ScoreAudit(mechanism=mechanisms.correct, audit=SUM), is_defect=False
    ),
    white_box(
        "correct-poisson",
        "Correct DP-SGD, Poisson batches",
        "None: each step is the Poisson mixture that was accounted for.",
        ScoreAudit(
            mechanism=mechanisms.correct,
            audit="likelihood ratio of the steps' projections, one-coordinate canary",
            claim=POISSON,
        ),
        is_defect=False,
    ),
    *(
        white_box(
            f"correct-noise-probe-{check.replace('_', '-')}",
            "Correct DP-SGD",
            "None: the noise is independent and of standard deviation sigma C.",
            NoiseAudit(mechanism=mechanisms.correct, audit=f"noise probe, {check.replace('_', ' ')}", check=check),
            is_defect=False,
        )
        for check in ("pooled", "worst_step", "step_differences")
    ),
)

SCALE: tuple[Variant, ...] = (
    *(
        white_box(
            f"noise-not-scaled-clip-{clip}",
            f"Noise not scaled by the clip, C = {clip}",
            f"The noise is sigma where sigma C is needed, so the sum of the projections has mu {clip} times the claimed: "
            f"{mu}, epsilon {epsilon}.",
            ScoreAudit(mechanism=mechanisms.noise_not_scaled, audit=SUM, training=Training(clip=float(clip))),
        )
        for clip, mu, epsilon in ((2, 1.85, 9.1), (4, 3.70, 22.0))
    ),
    white_box(
        "noise-not-scaled-clip-1",
        "Noise not scaled by the clip, C = 1",
        "None at C = 1, where sigma and sigma C are the same.",
        ScoreAudit(mechanism=mechanisms.noise_not_scaled, audit=SUM),
        is_defect=False,
    ),
    white_box(
        "noise-not-scaled-clip-half",
        "Noise not scaled by the clip, C = 1/2",
        "None at C < 1: the noise is 1 / C times what is needed, mu is .46 and epsilon 1.8.",
        ScoreAudit(mechanism=mechanisms.noise_not_scaled, audit=SUM, training=Training(clip=0.5)),
        is_defect=False,
    ),
    *(
        white_box(
            f"noise-halved{'' if epsilon == 4 else f'-epsilon-{epsilon}'}",
            "Noise halved",
            f"Half the noise doubles mu, from {claimed} to {mu}: the true epsilon is {true}.",
            ScoreAudit(
                mechanism=mechanisms.noise_halved, audit=SUM, n_runs=n_runs, claim=Claim(epsilon=float(epsilon))
            ),
        )
        for epsilon, claimed, mu, true, n_runs in (
            (1, 0.27, 0.54, 2.2, 2000),
            (4, 0.925, 1.85, 9.1, 500),
            (10, 2.0, 4.0, 24.4, 500),
        )
    ),
    white_box(
        "noise-halved-probe",
        "Noise halved",
        "The 24,200 noise coordinates of one run have a quarter of the claimed variance.",
        NoiseAudit(mechanism=mechanisms.noise_halved, audit="noise probe, pooled", check="pooled"),
    ),
    white_box(
        "half-the-steps",
        "Half the steps accounted for",
        "Twenty steps run on the noise of ten (3.42 C): mu is root 2 times the claimed, 1.31, and epsilon 6.0.",
        ScoreAudit(mechanism=mechanisms.correct, audit=SUM, n_runs=1000, claim=Claim(steps=10)),
    ),
)

TIME: tuple[Variant, ...] = (
    white_box(
        "noise-once-per-epoch",
        "Noise once per epoch",
        "Three of four steps are bare: a canary in any of their batches, which has a chance of .987, shows as exactly C "
        "along its direction, which never happens without it: no epsilon is finite below delta = .98.",
        ScoreAudit(mechanism=mechanisms.noise_once_per_epoch, audit=NEAREST, score=nearest_to_clip, claim=POISSON),
    ),
    white_box(
        "noise-once-per-epoch-full-batch",
        "Noise once per epoch, one step per epoch",
        "None: with full batches an epoch is one step, and every step has its noise.",
        ScoreAudit(mechanism=mechanisms.noise_once_per_epoch, audit=SUM),
        is_defect=False,
    ),
    white_box(
        "same-noise-alternating",
        "Same noise in every step",
        "In differences of steps the noise cancels: a canary whose sign alternates adds up to exactly T C with the "
        "canary and to 0 without, a leak without bound.",
        ScoreAudit(
            mechanism=mechanisms.same_noise_every_step,
            audit="sum of the signed projections, sign-alternating canary",
            training=Training(canary="alternating"),
        ),
    ),
    white_box(
        "same-noise-probe",
        "Same noise in every step",
        "The noise of one run is the same in all steps: the variance of its differences is 0, not 2 sigma^2 C^2.",
        NoiseAudit(
            mechanism=mechanisms.same_noise_every_step, audit="noise probe, step differences", check="step_differences"
        ),
    ),
    white_box(
        "same-noise-constant",
        "Same noise in every step, constant canary",
        "None that a constant canary shows: its T steps are one look at the same noise, mu = 1 / sigma = .21 and epsilon "
        ".75, less than claimed. The defect itself is real; only differences of steps see it.",
        ScoreAudit(mechanism=mechanisms.same_noise_every_step, audit=SUM),
        is_defect=False,
    ),
    white_box(
        "momentum-before-noise",
        "Momentum on clean gradients",
        "Step t releases the gathered 10 (1 - .9^t) C of the canary under noise meant for C: weighted by what was "
        "gathered, the steps have mu 5.99, epsilon about 43.",
        ScoreAudit(
            mechanism=mechanisms.momentum_before_noise,
            audit="matched filter of the projections, one-coordinate canary",
            score=momentum_matched,
        ),
    ),
    white_box(
        "first-batch-unnoised",
        "First batch without noise",
        "The first step shows exactly C along the canary with it and 0 without, a leak without bound; the other 19 steps "
        "keep to the claim.",
        ScoreAudit(mechanism=mechanisms.first_batch_unnoised, audit=NEAREST, score=nearest_to_clip),
    ),
    white_box(
        "first-batch-unnoised-probe",
        "First batch without noise",
        "The noise of the first step has variance 0, not sigma^2 C^2.",
        NoiseAudit(mechanism=mechanisms.first_batch_unnoised, audit="noise probe, worst step", check="worst_step"),
    ),
)

VARIANTS: tuple[Variant, ...] = (*CORRECT, *SCALE, *TIME)
