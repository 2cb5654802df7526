"""The attacks that a config can name: what each needs, what it costs and who published it."""

from privaudit.registry.method import Method


def _attack(name: str, summary: str, *, needs: str, cost: str, source: str, where: str) -> Method:
    return Method(
        kind="attack",
        name=name,
        summary=summary,
        needs=needs,
        cost=cost,
        source=source,
        where=f"privaudit.attacks.{where}",
    )


ATTACKS = (
    _attack(
        "loss",
        "global loss threshold",
        needs="scores of the target",
        cost="no shadow model; 1 query",
        source="Yeom et al., CSF 2018",
        where="loss:LossThreshold",
    ),
    _attack(
        "lira",
        "likelihood-ratio attack, online or offline",
        needs="scores; at least 4 models, 64 for a variance per record",
        cost="shadow models; 1 query",
        source="Carlini et al., S&P 2022",
        where="lira:Lira",
    ),
    _attack(
        "nig",
        "likelihood-ratio attack with variances steadied by a fitted prior; for few shadow models",
        needs="scores; at least 6 models for a variance",
        cost="shadow models; 1 query",
        source="this project; idea of the prior: Brännvall 2026 (BaVarIA)",
        where="normal_inverse_gamma:NormalInverseGamma",
    ),
    _attack(
        "rmia",
        "robust attack against reference models and population, online or offline",
        needs="scores; at least 4 models; population records for score population_share",
        cost="reference models; 1 query",
        source="Zarifzadeh et al., ICML 2024",
        where="rmia:Rmia",
    ),
    _attack(
        "base",
        "RMIA's log-ratio at temperature 2, online or offline",
        needs="scores; at least 4 models",
        cost="reference models; 1 query",
        source="Lassila et al., NeurIPS 2025",
        where="base:Base",
    ),
    _attack(
        "difficulty",
        "loss less the mean loss of models without the record",
        needs="scores; at least 4 models",
        cost="reference models; 1 query",
        source="Watson et al., ICLR 2022",
        where="difficulty_calibration:DifficultyCalibration",
    ),
    _attack(
        "population",
        "p-value of the loss among population records, of all classes or of the record's own",
        needs="scores of the target; population records",
        cost="no shadow model; 1 query",
        source="Ye et al., CCS 2022 (attack P)",
        where="population:PopulationAttack",
    ),
    _attack(
        "reference",
        "p-value of the logit margin among models without the record",
        needs="scores; at least 4 models, many for small p-values",
        cost="reference models; 1 query",
        source="Ye et al., CCS 2022 (attack R)",
        where="reference:ReferenceAttack",
    ),
    _attack(
        "modified_entropy",
        "modified entropy with a threshold for each class",
        needs="scores; for class thresholds at least 4 models",
        cost="shadow models for the thresholds; 1 query",
        source="Song and Mittal, USENIX Security 2021",
        where="modified_entropy:ModifiedEntropy",
    ),
    _attack(
        "kl_lira",
        "likelihood-ratio attack without the target's hyperparameters: shadow models most like it choose them",
        needs="a design with several variants (4 shadow models of each), made in Python; without them it is lira",
        cost="shadow models of every variant; 1 query",
        source="Pradhan et al., SaTML 2025",
        where="kl_lira:KlLira",
    ),
    _attack(
        "proxy",
        "offline likelihood ratio; how training moves a record is borrowed from records that look alike",
        needs="scores; at least 6 models for a variance",
        cost="shadow models; 1 query",
        source="idea: Du et al., NDSS 2026 (PMIA); choice of proxies: this project",
        where="proxy:Proxy",
    ),
    _attack(
        "lt_iqr",
        "interquartile range of a record's loss over training: ranks members for the model's owner",
        needs="losses after each epoch of the target's training (recorded); no training function of your own",
        cost="no shadow model; 1 query per epoch",
        source="Pollock et al., arXiv 2411.05743",
        where="loss_trace:LossTraceRange",
    ),
    _attack(
        "quantile",
        "distance above what is usual for non-members like the record, by quantile regression",
        needs="scores of the target; features; at least 40 population records",
        cost="no shadow model; two regressions; 1 query",
        source="Bertran et al., NeurIPS 2023; split conformal: Romano et al., NeurIPS 2019",
        where="quantile:QuantileRegression",
    ),
)
