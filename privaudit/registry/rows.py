"""Everything but attacks that a config can name."""

from collections.abc import Mapping

from privaudit.registry.games import PRIVACY_GAMES
from privaudit.registry.method import Method

BUILT_IN = (
    Method(
        kind="estimator",
        name="one_run",
        summary="epsilon lower bound from one model's coins (Steinke et al. 2023)",
        needs="the paired design (fair independent coins)",
        where="privaudit.estimators.one_run_bound:OneRun",
    ),
    Method(
        kind="estimator",
        name="clopper_pearson",
        summary="epsilon lower bound from two error rates",
        needs="independent trainings (one canary, many models); not the records of one model",
        where="privaudit.estimators.clopper_pearson_bound:ClopperPearson",
    ),
    Method(
        kind="collector",
        name="loss_trace",
        summary="records every record's loss after each epoch while the models are trained",
        needs="a recipe; no training function of your own",
        where="privaudit.collect.loss_trace:LossTraceCollector",
    ),
    Method(
        kind="collector",
        name="shadow",
        summary="trains target, shadow and control models; logit margin, loss (at temperature 2 too), correctness, modified entropy",
        needs="a model and data",
        where="privaudit.collect.shadow:ShadowCollector",
    ),
    Method(
        kind="collector",
        name="augmented",
        summary="logit margin of 18 views of each image: mirrored, and shifted by a pixel at most",
        needs="images",
        where="privaudit.collect.augmented:AugmentedCollector",
    ),
    Method(
        kind="collector",
        name="averaged",
        summary="logit margin averaged over 32 copies of each record that are moved by next to nothing",
        needs="models that are trained",
        cost="32 queries",
        where="privaudit.collect.averaged:AveragedCollector",
    ),
    Method(
        kind="collector",
        name="label_queries",
        summary="hard labels near each record: of shifted and turned images, under noise, along a line, at the boundary",
        needs="models that are trained",
        where="privaudit.collect.label_queries:LabelQueryCollector",
    ),
    Method(
        kind="collector",
        name="chameleon",
        summary="trains shadow models and targets anew with wrongly labelled copies of records, and asks the targets for labels",
        needs="16 shadow models (settings calibrated) in pairs that have nothing to do with a target",
        where="privaudit.collect.chameleon:ChameleonCollector",
    ),
    Method(
        kind="model",
        name="mlp",
        summary="ReLU network; params hidden, single_output",
        needs="records of any shape",
        where="privaudit.training.networks:mlp",
    ),
    Method(
        kind="model",
        name="linear",
        summary="logistic regression; params single_output",
        needs="records of any shape",
        where="privaudit.training.networks:linear",
    ),
    Method(
        kind="model",
        name="gcn",
        summary="graph convolutional network of two layers (Kipf and Welling 2017); params hidden",
        needs="distribution.graphs",
        where="privaudit.training.graphs.networks:Gcn",
    ),
    Method(
        kind="model",
        name="sgc",
        summary="logistic regression on features averaged over neighbours (Wu et al. 2019); params n_hops",
        needs="distribution.graphs",
        where="privaudit.training.graphs.networks:Sgc",
    ),
)


_GRADIENTS = {
    "coordinate": "gradient canary: one weight each",
    "spread": "gradient canary: a random direction, equal energy in every tensor",
    "layer": "gradient canary: a random direction in one tensor; canaries.layer names it",
    "bias": "gradient canary: a random direction in the biases",
    "alternating": "gradient canary: one weight each, the sign changes with every step",
}
_RECORDS = {
    "mislabelled": "record canary: a copy of a record with a class that is not its own",
    "random": "record canary: features drawn within their ranges, class at random",
    "blank": "record canary: all features 0; for game many_runs",
    "clipbkd": "record canary: along the directions in which the data vary least (Jagielski et al. 2020)",
}
_GAMES = {
    "one_run": (
        "one training with many canaries; bounds one_run, fdp_one_run, gaussian_dp, known_coin_step, noise_probe, as far as "
        "they hold; tests the claimed curve"
    ),
    "many_runs": (
        "many trainings of one canary, with it or without; bounds clopper_pearson, posterior, gaussian_dp, known_coin_step, "
        "noise_probe, as far as they hold, or betting with stop_when; tests the claimed curve"
    ),
}


def _canary_rows(kind: str, rows: Mapping[str, str], where: str) -> tuple[Method, ...]:
    return tuple(
        Method(kind=kind, name=name, summary=summary, needs="kind: canaries", where=where)
        for name, summary in rows.items()
    )


CANARIES = (
    *_canary_rows("canary", _GRADIENTS, "privaudit.data.gradient_canaries:make_gradient_canaries"),
    *_canary_rows("canary", _RECORDS, "privaudit.data.record_canaries:make_record_canaries"),
    *_canary_rows("game", _GAMES, "privaudit.collect.canaries:CanaryCollector"),
    *PRIVACY_GAMES,
)
