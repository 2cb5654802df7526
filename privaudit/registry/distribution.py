"""The attacks on the distribution and the defenses that a config can name."""

from privaudit.registry.method import Method

SURI_EVANS = "Suri and Evans, PETS 2022"
DISSECTING = "Suri, Lu, Chen and Evans, SaTML 2023"
PIN = f"Ganju et al., CCS 2018; {SURI_EVANS}"


def _attack(name: str, summary: str, *, needs: str, cost: str, source: str, where: str) -> Method:
    return Method(
        kind="distribution_attack",
        name=name,
        summary=summary,
        needs=needs,
        cost=cost,
        source=source,
        where=f"privaudit.attacks.distribution.{where}",
    )


DISTRIBUTION_ATTACKS = (
    _attack(
        "loss_test",
        "on which world's records is the model better?",
        needs="labels",
        cost="no shadow model",
        source=SURI_EVANS,
        where="loss_test:LossTest",
    ),
    _attack(
        "threshold_test",
        "accuracy on one world's records against the threshold that tells shadow models apart best",
        needs="labels",
        cost="shadow models",
        source=SURI_EVANS,
        where="threshold_test:ThresholdTest",
    ),
    _attack(
        "per_point",
        "a threshold for each query; the queries that tell shadow models apart best vote",
        needs="scores",
        cost="shadow models",
        source=DISSECTING,
        where="per_point:PerPointThresholdTest",
    ),
    _attack(
        "meta_classifier",
        "a small network trained on what shadow models say",
        needs="scores",
        cost="shadow models",
        source="Zhang, Tople and Ohrimenko, USENIX Security 2021",
        where="meta_classifier:MetaClassifier",
    ),
    _attack(
        "kl",
        "which world's shadow models is the model nearer to, in Kullback-Leibler divergence? All pairs vote",
        needs="scores; 5 shadow models per world do",
        cost="shadow models",
        source=DISSECTING,
        where="kl:KlDivergence",
    ),
    _attack(
        "kl_calibrated",
        "the votes of kl against a threshold that is set on shadow models",
        needs="scores",
        cost="shadow models",
        source=f"{DISSECTING}; the calibration: this project",
        where="kl:KlCalibrated",
    ),
    _attack(
        "kl_label",
        "kl where the model gives labels alone",
        needs="labels",
        cost="shadow models",
        source=DISSECTING,
        where="kl_label:KlLabelOnly",
    ),
    _attack(
        "gauss",
        "a likelihood ratio of normal curves for each query, added up",
        needs="scores; better with 20 shadow models per world",
        cost="shadow models",
        source="this project",
        where="gauss:GaussianQueries",
    ),
    _attack(
        "snap",
        "the log-odds of the planted class, moved by poison the more the fewer records have the property",
        needs="scores; distribution.poison",
        cost="4 shadow models per world do",
        source="Chaudhari et al., IEEE S&P 2023",
        where="snap:Snap",
    ),
    _attack(
        "pin",
        "a network that reads the weights, the same in whatever order neurons stand",
        needs="weights (access: white_box); one architecture",
        cost="many shadow models",
        source=PIN,
        where="pin:Pin",
    ),
    _attack(
        "pin_regression",
        "the ratio itself, by a network that reads the weights",
        needs="weights (access: white_box); ratios; one architecture",
        cost="many shadow models of several ratios",
        source=PIN,
        where="pin_regression:PinRegression",
    ),
    _attack(
        "kl_regression",
        "the ratio itself, between the ratios of the shadow models",
        needs="scores; ratios",
        cost="shadow models of several ratios",
        source=f"{DISSECTING}; the weights: this project",
        where="kl_regression:KlRegression",
    ),
)

BOTH = "membership and distribution audits"
RECIPE = "a recipe, so no model.checkpoint; by privaudit defend"
SHOKRI = "Shokri et al., S&P 2017"
LABELS_TOO = "label-only attacks see past it (Choquette-Choo et al., ICML 2021)"


def _defense(name: str, summary: str, *, needs: str, cost: str, source: str, where: str) -> Method:
    return Method(
        kind="defense",
        name=name,
        summary=summary,
        needs=needs,
        cost=cost,
        source=source,
        where=f"privaudit.defenses.{where}",
    )


DEFENSES = (
    _defense(
        "dp_sgd",
        "gradients are clipped and noise is added; the noise is given, or found for an epsilon, an advantage or a TPR",
        needs=RECIPE,
        cost="all models are trained again, slower; accuracy",
        source="Abadi et al., CCS 2016; noise for a risk: Kulynych et al., NeurIPS 2024",
        where="dp_sgd:DpSgd",
    ),
    _defense(
        "label_smoothing",
        "models are trained on softened labels, which may also help an attacker",
        needs=RECIPE,
        cost="all models are trained again",
        source="Szegedy et al., CVPR 2016; two edges: Kaya et al., arXiv 2006.05336; Struppek et al., ICLR 2024",
        where="label_smoothing:LabelSmoothing",
    ),
    _defense(
        "weight_decay",
        "weights are pulled towards 0 in training",
        needs=RECIPE,
        cost="all models are trained again",
        source=SHOKRI,
        where="weight_decay:WeightDecay",
    ),
    _defense(
        "early_stopping",
        "every model is trained for a share of the steps",
        needs=RECIPE,
        cost="all models are trained again, faster",
        source="Song and Mittal, USENIX Security 2021; the public schedule: this project",
        where="early_stopping:EarlyStopping",
    ),
    _defense(
        "temperature",
        f"log-odds are divided by a number, which an attacker who knows it turns back; {LABELS_TOO}",
        needs=BOTH,
        cost="no model is trained again",
        source=f"Guo et al., ICML 2017; as a defense: {SHOKRI}",
        where="temperature:Temperature",
    ),
    _defense(
        "top_k",
        f"the largest probabilities are told, the rest is spread evenly; {LABELS_TOO}",
        needs=BOTH,
        cost="no model is trained again",
        source=SHOKRI,
        where="top_k:TopK",
    ),
    _defense(
        "rounding",
        f"probabilities are rounded; {LABELS_TOO}",
        needs=BOTH,
        cost="no model is trained again",
        source=SHOKRI,
        where="rounding:Rounding",
    ),
    _defense(
        "output_noise",
        "noise is added to what models say, once per query or anew each time; averaging takes it away",
        needs=BOTH,
        cost="no model is trained again; accuracy",
        source="this project",
        where="output_noise:OutputNoise",
    ),
    _defense(
        "resampling",
        "training sets are re-sampled to a fixed ratio of records with the property, at a fixed public size",
        needs="a property; distribution audits",
        cost="all models are trained again",
        source=DISSECTING,
        where="resampling:Resampling",
    ),
    _defense(
        "label_noise",
        "a share of the training labels is changed at random",
        needs="distribution audits",
        cost="all models are trained again; accuracy",
        source=DISSECTING,
        where="label_noise:LabelNoise",
    ),
)
