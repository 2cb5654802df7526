"""What is wrong in an audit config, found without data and without running anything."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from privaudit.config import AuditConfig
from privaudit.config.graph_training import NETWORKS
from privaudit.config.params import MethodConfig
from privaudit.config.reading import problems_of
from privaudit.data.bundled import BUNDLED
from privaudit.data.design import make_design
from privaudit.data.sources import check_source
from privaudit.data.user_code import split_spec
from privaudit.defenses.resampling import Resampling
from privaudit.errors import ConfigError, PrivauditError
from privaudit.pipeline.defend.arms import arms_of, defense_of, kind_of, with_adaptive_attacks
from privaudit.pipeline.distribution.methods import distribution_attacks
from privaudit.pipeline.distribution.weights import refuse_filter
from privaudit.pipeline.primary import check_guesses, check_primary, make_methods
from privaudit.registry import (
    create_attack,
    create_collectors,
    create_defense,
    create_distribution_attack,
    create_estimator,
    list_methods,
)
from privaudit.validate import nearest

N_STAND_IN = 1000  # records that a design is tried on; how many there are, only the data can say

Check = Callable[[], object]


def config_problems(content: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """Check what an audit config holds as far as that goes without its data.

    The keys; names and parameters of attacks, estimators, defenses and models; what carries the verdict; the design, on
    records that stand in for those to come; and that the functions it names are in their files, which are read and not run.

    Args:
        content: what the file holds.
        folder: folder that its relative paths are looked up in.

    Returns:
        One line per problem; empty if all is well.
    """
    wrong = problems_of(AuditConfig, content)
    if wrong:
        return wrong
    config = AuditConfig.model_validate(content)
    checks = [*_method_checks(config), *_model_checks(config, folder), *_data_checks(config, folder)]
    found = list(dict.fromkeys(line for check in checks for line in _lines_of(check)))
    if not found:  # what follows builds on methods that are there
        found = [line for check in _design_checks(config) for line in _lines_of(check)]
    return tuple(found)


def _lines_of(check: Check) -> tuple[str, ...]:
    try:
        check()
    except PrivauditError as error:
        return (" ".join(str(error).split()),)
    return ()


def _method_checks(config: AuditConfig) -> Iterator[Check]:
    for method in config.attacks:
        yield partial(create_attack, method.name, method.params)
    for method in config.estimators:
        yield partial(create_estimator, method.name, method.params)
    for defense in config.defenses:
        yield partial(defense_of, defense)
    if config.output is not None:
        yield partial(_check_output, config.output.name, config.output.params)
    if config.distribution is not None:
        for method in config.distribution.attacks:
            yield partial(create_distribution_attack, method.name, method.params)
        if config.distribution.defense is not None:
            yield partial(_made, config.distribution.defense.name, config.distribution.defense.params)


def _check_output(name: str, params: Mapping[str, Any]) -> None:
    if kind_of(create_defense(name, params)) != "output":
        raise ConfigError(
            f"output: {name} changes no answers. Put it under defenses (`privaudit list defenses`).", key="output"
        )


def _design_checks(config: AuditConfig) -> Iterator[Check]:
    if config.distribution is not None:
        yield partial(distribution_attacks, config.distribution, config.access)
        if config.distribution.defense is not None:
            yield partial(_check_filter, config.access, config.distribution.defense)
    if config.kind == "membership":
        yield partial(_check_membership, config)
    if config.defenses:
        yield partial(_check_arms, config)


def _made(name: str, params: Mapping[str, Any]) -> object:
    by_worlds = {"size": "varying"} if name == Resampling.name else {}
    return create_defense(name, {**by_worlds, **params})


def _check_filter(access: str, defense: MethodConfig) -> None:
    if kind_of(_made(defense.name, defense.params)) == "output":
        refuse_filter(access, "distribution.defense")


def _check_arms(config: AuditConfig) -> None:
    for arm in arms_of(with_adaptive_attacks(config)):
        if arm.config.kind == "membership":
            _check_membership(arm.config)


def _check_membership(config: AuditConfig) -> None:
    attacks, estimators = make_methods(config)
    create_collectors(attacks)
    if config.model.checkpoint is not None:  # its owner says who was in it; nothing is judged by coins
        return
    n_records = min(config.data.n_records or N_STAND_IN, N_STAND_IN)
    design = make_design(
        kind=config.design.kind,
        n_models=config.design.n_models,
        n_records=n_records,
        targets=config.design.targets,
        population=config.design.population,
        seed=config.seed,
        record_codes=np.arange(n_records),
        n_control_models=config.control.n_models if config.recipe.dp is not None else 0,
    )
    for estimator in estimators:
        estimator.check(design)
    check_primary(config, design)
    check_guesses(config, attacks)


def _model_checks(config: AuditConfig, folder: Path) -> Iterator[Check]:
    settings = config.distribution
    if settings is not None and settings.graphs is not None:  # whose networks the config has checked
        return
    models = {"model": config.model}
    if settings is not None and settings.adversary.model is not None:
        models["distribution.adversary.model"] = settings.adversary.model
    for key, model in models.items():
        yield partial(_check_build, model.build, f"{key}.build", folder)
        if model.train is not None:
            yield partial(check_function, model.train, folder)
    if settings is not None and settings.property is not None and settings.property.function is not None:
        yield partial(check_function, settings.property.function, folder)
    if settings is not None and settings.worlds is not None:
        yield partial(check_function, settings.worlds.draw, folder)


def _check_build(build: str, key: str, folder: Path) -> None:
    if ":" in build:
        check_function(build, folder)
        return
    known = [method.name for method in list_methods("model") if method.name not in NETWORKS]
    if build not in known:
        raise ConfigError(
            f"{key} must be one of {', '.join(known)}, or file.py:function; got {build!r}.{nearest(build, known)}",
            key=key,
        )


def _data_checks(config: AuditConfig, folder: Path) -> Iterator[Check]:
    """Files of data need not be there where a config is checked; what a bundled set holds is known."""
    data = config.data
    if config.distribution is not None and config.distribution.graphs is not None:
        return
    yield partial(check_source, data.source, label=data.label, record_id=data.id, drop=data.drop)
    if data.source in BUNDLED:
        yield partial(_check_groups, data.source, data.groups)
    elif ":" in data.source:
        yield partial(check_function, data.source, folder)


def _check_groups(source: str, groups: Sequence[str]) -> None:
    there = BUNDLED[source].groups
    for group in groups:
        if group not in there:
            known = ", ".join(there) or "none"
            raise ConfigError(
                f"{source} has no group {group!r}; its groups: {known}.{nearest(group, there)}", key="data.groups"
            )


def check_function(spec: str, folder: Path) -> None:
    """Look for a function of the user's in its file, without running the file.

    Args:
        spec: ``file.py:function``.
        folder: folder that a relative file is in.

    Raises:
        ConfigError: if the file is missing or no Python, or defines no such name.
    """
    path, name = split_spec(spec, folder)
    shown = spec.rpartition(":")[0]
    try:
        tree = ast.parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{shown}: cannot be read ({error.strerror}). Name a Python file as file.py:function."
        ) from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"{shown}{f', line {line}' if line else ''}: no Python ({error}). Mend it.") from None
    known = set(_names(tree))
    if "*" not in known and name not in known:
        raise ConfigError(f"{shown}: function {name} does not exist.{nearest(name, sorted(known))}")


def _names(tree: ast.Module) -> Iterator[str]:
    """Names that a file binds outside of its functions and classes."""
    for node in _outer(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _outer(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _outer(child)
