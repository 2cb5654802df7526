"""Variants that do not bound what one record adds to the sum, or that divide it by a private number.

Claimed throughout, unless said: epsilon 4 by 20 full batches, noise 4.84 C, hence mu = .925 for the whole run.
"""

from privaudit.studies.zoo import mechanisms
from privaudit.studies.zoo.engine import Training
from privaudit.studies.zoo.variant import Variant
from privaudit.studies.zoo.white_box_audit import Claim, ScoreAudit, low_energy
from privaudit.studies.zoo.white_box_variant import white_box

ENERGY = "energy of the noise over all weights but the canary's"

VARIANTS: tuple[Variant, ...] = (
    white_box(
        "batch-mean-clipped",
        "Mean of the batch clipped, noise sigma C / N",
        "A canary above N C sets the direction of the mean, and moves the clipped mean by C where C / N was accounted "
        "for: mu is N = 32 times the claimed, 30.",
        ScoreAudit(
            mechanism=mechanisms.batch_mean_clipped,
            audit="sum of the steps' projections, one-coordinate canary of norm 100 N C",
            training=Training(canary_norm=3200.0),
        ),
    ),
    white_box(
        "clipped-per-layer",
        "Each layer clipped to C",
        "A record may add C in each of L = 4 weight tensors: the sensitivity is root L = 2 times C, mu 1.85 and epsilon "
        "9.1 for a canary that fills all four.",
        ScoreAudit(
            mechanism=mechanisms.clipped_per_layer,
            audit="sum of the steps' projections, canary spread over layers",
            training=Training(canary="spread"),
        ),
    ),
    white_box(
        "layer-unclipped",
        "One layer not clipped",
        "Nothing bounds a record in the output's weights: a canary of 100 C there adds all of it, mu is 100 times the "
        "claimed, 92.",
        ScoreAudit(
            mechanism=mechanisms.output_layer_unclipped,
            audit="sum of the steps' projections, canary in the unclipped layer",
            training=Training(canary="layer", canary_layer="output.weight"),
        ),
    ),
    white_box(
        "biases-outside-norm",
        "Biases outside the norm",
        "Nothing bounds a record in the biases: a canary of 100 C in them adds all of it, mu is 100 times the claimed, 92.",
        ScoreAudit(
            mechanism=mechanisms.biases_outside_norm,
            audit="sum of the steps' projections, canary in the biases",
            training=Training(canary="bias"),
        ),
    ),
    white_box(
        "realised-batch-size",
        "Sum and noise divided by the realised batch size",
        "With the canary the noise itself is N / (N + 1) times as large: over d T = 24,200 coordinates its energy tells "
        "the worlds apart with mu about root(2 d T) / N = 6.9, whatever sigma is.",
        ScoreAudit(mechanism=mechanisms.realised_batch_size, audit=ENERGY, score=low_energy),
    ),
    white_box(
        "realised-batch-size-few-steps",
        "Sum and noise divided by the realised batch size, few steps",
        "The energy has mu root(2 d T) / N = 1.54 here, below the claimed 2.0, so that it refutes nothing by itself. The "
        "defect is real; larger N and fewer weights and steps hide it from this score.",
        ScoreAudit(
            mechanism=mechanisms.realised_batch_size,
            audit=ENERGY,
            score=low_energy,
            claim=Claim(epsilon=10.0, steps=4),
            training=Training(steps=4, n_records=64),
        ),
        is_defect=False,
    ),
)
