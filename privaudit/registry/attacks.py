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
        "robust attack against reference models and population",
        needs="scores; at least 4 models; population records",
        cost="reference models; 1 query",
        source="Zarifzadeh et al., ICML 2024",
        where="rmia:Rmia",
    ),
)
