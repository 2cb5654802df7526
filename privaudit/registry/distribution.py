"""The attacks on the distribution and the defenses that a config can name."""

from privaudit.registry.method import Method

SURI_EVANS = "Suri and Evans, PETS 2022"
DISSECTING = "Suri, Lu, Chen and Evans, SaTML 2023"


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
        "kl_regression",
        "the ratio itself, between the ratios of the shadow models",
        needs="scores; ratios",
        cost="shadow models of several ratios",
        source=f"{DISSECTING}; the weights: this project",
        where="kl_regression:KlRegression",
    ),
)

DEFENSES = (
    Method(
        kind="defense",
        name="resampling",
        summary="training sets are re-sampled to a fixed ratio of records with the property, at a fixed public size",
        needs="a property; distribution audits",
        where="privaudit.defenses.resampling:Resampling",
        source=DISSECTING,
    ),
    Method(
        kind="defense",
        name="label_noise",
        summary="a share of the training labels is changed at random",
        needs="distribution audits",
        where="privaudit.defenses.label_noise:LabelNoise",
        source=DISSECTING,
    ),
    Method(
        kind="defense",
        name="output_noise",
        summary="noise is added to what models say",
        needs="distribution audits",
        where="privaudit.defenses.output_noise:OutputNoise",
        source="this project",
    ),
)
