"""The variants that need a game of their own: opposed backgrounds, shuffled epochs, batch normalisation."""

from privaudit.studies.zoo import linear_game
from privaudit.studies.zoo.batch_norm_game import BatchNormAudit
from privaudit.studies.zoo.linear_game import LinearAudit
from privaudit.studies.zoo.shuffle_game import ADD_REMOVE, ShuffleAudit
from privaudit.studies.zoo.variant import Variant

RATIO = "likelihood ratio along the canary, opposed background"
FLIP = (
    "A canary that outweighs the background turns the clipped mean from -C to C: it moves by 2 C where C was accounted for, "
    "so mu is twice the claimed"
)


def _linear(name: str, title: str, leak: str, judge: LinearAudit, *, is_defect: bool = True) -> Variant:
    batches = "full batches" if judge.sample_rate == 1 else f"Poisson batches at rate {judge.sample_rate:g}"
    return Variant(
        name=name,
        title=title,
        leak=leak,
        setting=f"T = {judge.steps}, {batches}, N = {judge.n_records}, linear losses, background -C, canary 100 N C",
        audit=judge.audit,
        is_defect=is_defect,
        n_runs=judge.n_runs,
        claim=f"epsilon {judge.epsilon:g} at delta 1e-05 ({judge.steps} steps, {batches}, add/remove)",
        judge=judge,
    )


def _shuffled(
    name: str, title: str, leak: str, judge: ShuffleAudit, *, epsilon: float, is_defect: bool = True
) -> Variant:
    is_add_remove = judge.shift is ADD_REMOVE
    relation = "add/remove, empty background" if is_add_remove else "zero-out, background -1, canary +1"
    pair = "add/remove" if is_add_remove else "zero-out, for which Poisson sampling has the pair of add/remove"
    return Variant(
        name=name,
        title=title,
        leak=leak,
        setting=f"sigma = {judge.sigma:g}, {judge.n_batches:,} batches, one epoch, {relation}, linear losses",
        audit=judge.audit,
        is_defect=is_defect,
        n_runs=judge.n_runs,
        claim=f"epsilon {epsilon:.2f} at delta 1e-05 ({judge.n_batches:,} steps, Poisson batches, {pair})",
        judge=judge,
    )


def _batch_norm(name: str, title: str, leak: str, judge: BatchNormAudit, *, is_defect: bool = True) -> Variant:
    return Variant(
        name=name,
        title=title,
        leak=leak,
        setting=f"T = {judge.steps}, full batches, N = 32, learning rate 0, canary a digit times 100 of the least likely class",
        audit=judge.audit,
        is_defect=is_defect,
        n_runs=judge.n_runs,
        claim=f"epsilon {judge.epsilon:g} at delta 1e-05 ({judge.steps} steps, full batches, add/remove)",
        judge=judge,
    )


OPPOSED: tuple[Variant, ...] = (
    *(
        _linear(
            f"batch-mean-clipped-noise-c{'' if epsilon == 4 else f'-epsilon-{epsilon}'}",
            "Mean of the batch clipped, noise sigma C",
            f"{FLIP}, {mu}, and epsilon {true}. Without the opposed background nothing shows.",
            LinearAudit(mechanism=linear_game.batch_mean_clipped, audit=RATIO, epsilon=float(epsilon)),
        )
        for epsilon, mu, true in ((4, 1.85, 9.1), (10, 4.0, 24.4))
    ),
    _linear(
        "micro-batch-mean-clipped",
        "Means of micro-batches clipped",
        f"{FLIP} in the canary's micro-batch, 1.85, and epsilon 9.1.",
        LinearAudit(mechanism=linear_game.micro_batch_mean_clipped, audit=RATIO),
    ),
    _linear(
        "sum-by-realised-size",
        "Sum divided by the realised batch size",
        "With the canary the background's -N C is divided by N + 1: the mean moves by 2 C / (N + 1) under noise meant for "
        "C / N, so mu is 2 N / (N + 1) = 1.94 times the claimed, 1.79, and epsilon 8.8.",
        LinearAudit(mechanism=linear_game.sum_by_realised_size, audit=RATIO),
    ),
    _linear(
        "sum-by-realised-size-poisson",
        "Sum divided by the realised batch size, Poisson batches",
        "In a step whose batch holds k others the canary moves the mean by 2 C / (k + 1), about twice the accounted "
        "C / (q N) and more in small batches: at epsilon 4 delta is .11, not 1e-5.",
        LinearAudit(
            mechanism=linear_game.sum_by_realised_size,
            audit=f"{RATIO}, of every step",
            n_runs=2000,
            sample_rate=0.25,
        ),
    ),
    _linear(
        "correct-opposed",
        "Correct DP-SGD, opposed background",
        "None: every record is clipped by itself, and the divisor is public.",
        LinearAudit(mechanism=linear_game.correct, audit=RATIO),
        is_defect=False,
    ),
    _linear(
        "correct-opposed-poisson",
        "Correct DP-SGD, opposed background, Poisson batches",
        "None: every record is clipped by itself, and the divisor is public.",
        LinearAudit(mechanism=linear_game.correct, audit=f"{RATIO}, of every step", n_runs=2000, sample_rate=0.25),
        is_defect=False,
    ),
)

DISPLACED = (
    "A batch of fixed size that holds the canary stands out from the others by 2, one that holds the zero by 1, at noise "
    "{sigma}"
)
RATIO_OF_EPOCHS = "likelihood ratio of the epoch's sums, model-free bound"
SHUFFLED: tuple[Variant, ...] = (
    _shuffled(
        "shuffled-as-poisson",
        "Shuffled batches accounted for as Poisson",
        f"{DISPLACED.format(sigma=0.8)}; the largest sum alone shows epsilon of at least 5.6.",
        ShuffleAudit(audit=RATIO_OF_EPOCHS, sigma=0.8, n_batches=100, n_runs=10_000),
        epsilon=1.51,
    ),
    _shuffled(
        "shuffled-as-poisson-small-noise",
        "Shuffled batches accounted for as Poisson, small noise",
        f"{DISPLACED.format(sigma=0.5)}; the largest sum alone shows epsilon of at least 9.9.",
        ShuffleAudit(audit=RATIO_OF_EPOCHS, sigma=0.5, n_batches=10_000, n_runs=1000),
        epsilon=1.18,
    ),
    _shuffled(
        "poisson-zero-out",
        "Correct Poisson batches in the same game",
        "None: nobody is displaced; +1 against 0 in a batch with probability q is the accounted pair.",
        ShuffleAudit(
            audit="likelihood ratio of every batch's sum, claimed curve",
            sigma=0.8,
            n_batches=100,
            n_runs=10_000,
            is_shuffled=False,
            by_curve=True,
        ),
        epsilon=1.51,
        is_defect=False,
    ),
    _shuffled(
        "shuffled-add-remove",
        "Shuffled batches, add/remove, empty background",
        "None that this audit shows: one batch of 100 has 1 more with the canary, which at noise of .8 is less than the "
        "Poisson claim allows. The defect is real, in the zero-out game.",
        ShuffleAudit(
            audit="likelihood ratio of the epoch's sums, claimed curve",
            sigma=0.8,
            n_batches=100,
            n_runs=2000,
            shift=ADD_REMOVE,
            by_curve=True,
        ),
        epsilon=1.51,
        is_defect=False,
    ),
)

NORMALISED: tuple[Variant, ...] = (
    *(
        _batch_norm(
            f"batch-norm{'' if epsilon == 4 else f'-epsilon-{epsilon}'}",
            "Batch normalisation",
            "The canary's input, 100 times a digit's, moves the batch's statistics and with them every record's clipped "
            "gradient: the sum moves by 6 to 16 C in these networks, mu is that many times the claimed.",
            BatchNormAudit(audit="likelihood ratio of the sums, background known", epsilon=float(epsilon)),
        )
        for epsilon in (1, 4, 10)
    ),
    _batch_norm(
        "batch-norm-running-means",
        "Batch normalisation, running means released",
        "The running means are released without noise: they differ by a constant, a leak without bound.",
        BatchNormAudit(audit="running means", reads_means=True),
    ),
    _batch_norm(
        "no-batch-norm",
        "The same network without batch normalisation",
        "None: each record's gradient is its own, and the canary adds at most C.",
        BatchNormAudit(audit="likelihood ratio of the sums, background known", has_batch_norm=False),
        is_defect=False,
    ),
)

VARIANTS: tuple[Variant, ...] = (*OPPOSED, *SHUFFLED, *NORMALISED)
