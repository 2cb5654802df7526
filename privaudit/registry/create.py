"""Lists methods by kind and builds them by name."""

import dataclasses
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from privaudit.collect.stages import Collector
from privaudit.errors import ConfigError
from privaudit.interfaces import Attack, DistributionAttack, Estimator
from privaudit.registry.attacks import ATTACKS
from privaudit.registry.distribution import DEFENSES, DISTRIBUTION_ATTACKS
from privaudit.registry.method import Method
from privaudit.registry.rows import BUILT_IN, CANARIES
from privaudit.validate import nearest


def list_methods(kind: str | None = None) -> tuple[Method, ...]:
    """List what can be named in a config, with what each needs.

    Args:
        kind: ``attack``, ``distribution_attack``, ``defense``, ``estimator``, ``collector``, ``canary``, ``game``, ``model``, ``data``, or ``None`` for all.

    Raises:
        ConfigError: if there is no such kind.

    >>> [method.name for method in list_methods("attack")][:3]
    ['loss', 'lira', 'nig']
    """
    methods = ATTACKS + DISTRIBUTION_ATTACKS + DEFENSES + BUILT_IN + CANARIES + _data_sets()
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
    needed = [field.name for field in dataclasses.fields(built) if field.init and _has_no_default(field)]
    absent = [name for name in needed if name not in params]
    if absent:
        example = ", ".join([f"name: {name}", *(f"{one}: ..." for one in absent)])
        raise ConfigError(
            f"{kind} {name} needs {' and '.join(absent)}: write {{{example}}}.", key=f"{kind}s.{name}.{absent[0]}"
        )
    try:
        return built(**params)
    except TypeError as error:  # a text where a number is due, met in a comparison
        raise ConfigError(
            f"{kind} {name}: a parameter is of the wrong type ({error}).", key=f"{kind}s.{name}"
        ) from None


def _has_no_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def create_attack(name: str, params: Mapping[str, Any]) -> Attack:
    """Build an attack by name.

    Raises:
        ConfigError: if the name or a parameter is unknown, naming the nearest.
    """
    attack: Attack = _create("attack", name, params)
    return attack


def create_collectors(attacks: Iterable[Attack]) -> tuple[Collector, ...]:
    """Build the collectors that make what attacks read, in the order in which they run.

    The one that trains with more to record comes before `shadow`, which every audit needs and which finds models trained.

    Args:
        attacks: each says its signals.

    Raises:
        ConfigError: if no collector makes a signal.
    """
    attacks = list(attacks)
    params = {name: of_one for attack in attacks for name, of_one in getattr(attack, "collected_with", {}).items()}
    collectors: list[Collector] = [
        _create("collector", method.name, params.get(method.name, {})) for method in list_methods("collector")
    ]
    made = frozenset().union(*(collector.produces for collector in collectors))
    wanted: set[str] = set()
    for attack in attacks:
        signals = {name.partition("@")[0] for name in attack.signals}  # what follows says with which settings
        unknown = sorted(signals - made)
        if unknown:
            raise ConfigError(
                f"attack {attack.name} reads signal {unknown[0]}, which no collector makes; there are "
                f"{', '.join(sorted(made))}.{nearest(unknown[0], sorted(made))}",
                key=f"attacks.{attack.name}",
            )
        wanted |= signals
    return tuple(one for one in collectors if one.name == "shadow" or wanted & one.produces)


def create_distribution_attack(name: str, params: Mapping[str, Any]) -> DistributionAttack:
    """Build an attack on the distribution by name.

    Raises:
        ConfigError: if the name or a parameter is unknown, naming the nearest.
    """
    attack: DistributionAttack = _create("distribution_attack", name, params)
    return attack


def create_defense(name: str, params: Mapping[str, Any]) -> Any:
    """Build a defense by name.

    Raises:
        ConfigError: if the name or a parameter is unknown, naming the nearest.
    """
    return _create("defense", name, params)


def create_estimator(name: str, params: Mapping[str, Any]) -> Estimator:
    """Build an estimator by name.

    Raises:
        ConfigError: if the name or a parameter is unknown, naming the nearest.
    """
    estimator: Estimator = _create("estimator", name, params)
    return estimator
