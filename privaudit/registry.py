"""Names -> methods. Built-ins stand here as strings and are imported on demand, so listing them costs nothing."""

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privaudit.errors import ConfigError
from privaudit.interfaces import Attack, Estimator
from privaudit.validate import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One row of `list_methods`.

    Attributes:
        kind: ``attack``, ``estimator``, ``collector``, ``canary``, ``game``, ``model`` or ``data``.
        name: what a config calls it.
        summary: what it does.
        needs: what it needs to run.
        where: ``module:object``.
    """

    kind: str
    name: str
    summary: str
    needs: str
    where: str


_BUILT_IN = (
    Method(
        kind="attack",
        name="loss",
        summary="global loss threshold (Yeom et al. 2018)",
        needs="scores of the target",
        where="privaudit.attacks.loss:LossThreshold",
    ),
    Method(
        kind="attack",
        name="lira",
        summary="likelihood-ratio attack, online (Carlini et al. 2022)",
        needs="scores; at least 4 models, 64 for a variance per record",
        where="privaudit.attacks.lira:Lira",
    ),
    Method(
        kind="attack",
        name="rmia",
        summary="robust attack against reference models and population (Zarifzadeh et al. 2024)",
        needs="scores; at least 4 models; population records",
        where="privaudit.attacks.rmia:Rmia",
    ),
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
        name="shadow",
        summary="trains target, shadow and control models; logit margin, negative loss, correctness",
        needs="a model and data",
        where="privaudit.collect.shadow:ShadowCollector",
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


_CANARIES = (
    *_canary_rows("canary", _GRADIENTS, "privaudit.data.gradient_canaries:make_gradient_canaries"),
    *_canary_rows("canary", _RECORDS, "privaudit.data.record_canaries:make_record_canaries"),
    *_canary_rows("game", _GAMES, "privaudit.collect.canaries:CanaryCollector"),
)


def list_methods(kind: str | None = None) -> tuple[Method, ...]:
    """List what can be named in a config, with what each needs.

    Args:
        kind: ``attack``, ``estimator``, ``collector``, ``canary``, ``game``, ``model``, ``data``, or ``None`` for all.

    Raises:
        ConfigError: if there is no such kind.

    >>> [method.name for method in list_methods("attack")]
    ['loss', 'lira', 'rmia']
    """
    methods = _BUILT_IN + _CANARIES + _data_sets()
    kinds = sorted({method.kind for method in methods})
    if kind is not None and kind not in kinds:
        raise ConfigError(f"kind must be one of {', '.join(kinds)}; got {kind!r}.{nearest(kind, kinds)}")
    return tuple(method for method in methods if kind in (None, method.kind))


def _data_sets() -> tuple[Method, ...]:
    from privaudit.data.bundled import BUNDLED

    return tuple(
        Method(kind="data", name=name, summary=row.description, needs="nothing", where=row.loader)
        for name, row in BUNDLED.items()
    )


def _create(kind: str, name: str, params: Mapping[str, Any]) -> Any:
    rows = {method.name: method for method in list_methods(kind)}
    if name not in rows:
        raise ConfigError(
            f"{kind} must be one of {', '.join(rows)}; got {name!r}.{nearest(name, rows)}", key=f"{kind}s.{name}"
        )
    module, _, attribute = rows[name].where.partition(":")
    built = getattr(importlib.import_module(module), attribute)
    known = [field.name for field in dataclasses.fields(built) if field.init]  # its class variables are no parameters
    for given in params:
        if given not in known:
            options = f"; it has {', '.join(known)}" if known else "; it has none"
            raise ConfigError(
                f"{kind} {name} has no parameter {given!r}{options}.{nearest(given, known)}",
                key=f"{kind}s.{name}.{given}",
            )
    try:
        return built(**params)
    except TypeError as error:  # a text where a number is due, met in a comparison
        raise ConfigError(
            f"{kind} {name}: a parameter is of the wrong type ({error}).", key=f"{kind}s.{name}"
        ) from None


def create_attack(name: str, params: Mapping[str, Any]) -> Attack:
    """Build an attack by name.

    Raises:
        ConfigError: if the name or a parameter is unknown, naming the nearest.
    """
    attack: Attack = _create("attack", name, params)
    return attack


def create_estimator(name: str, params: Mapping[str, Any]) -> Estimator:
    """Build an estimator by name.

    Raises:
        ConfigError: if the name or a parameter is unknown, naming the nearest.
    """
    estimator: Estimator = _create("estimator", name, params)
    return estimator
