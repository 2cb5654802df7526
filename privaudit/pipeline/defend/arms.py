"""What an audit with defenses is made of: one audit without, and one with each of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from privaudit.config import AuditConfig, parse
from privaudit.config.defense import DefenseConfig
from privaudit.config.params import MethodConfig
from privaudit.defenses.base import OutputDefense, RecipeDefense
from privaudit.defenses.resampling import Resampling
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.pipeline.distribution.weights import refuse_filter
from privaudit.registry import create_defense

ArmKind = Literal["none", "training", "output", "data"]
PLAIN = "none"  # id and name of the arm without a defense
# What an attacker who knows of an output filter does about it: ask often, or look at labels alone.
ADAPTIVE_ATTACKS = ("averaged_lira", "gap", "repeated_gap", "noise")
FREE_ATTACKS = ("gap",)  # of what is queried anyway
SHARED = ("mode", "variance")  # of LiRA and averaged LiRA
NOT_IN_MEMBERSHIP = "changes the training sets of worlds, and is for audits of kind: distribution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One audit of a comparison.

    Attributes:
        id: what findings and its folder are called; ``none`` for the audit without a defense.
        name: of the defense, or ``none``.
        title: the same in words.
        kind: what the defense changes: training, answers, or the training data.
        settings: parameters of the defense.
        config: the audit, with the defense in it.
        folder: where it lies.
    """

    id: str
    name: str
    title: str
    kind: ArmKind
    settings: Mapping[str, Any]
    config: AuditConfig
    folder: Path


def arms_of(config: AuditConfig) -> tuple[Arm, ...]:
    """Return the audits of a comparison: the one without a defense first.

    Args:
        config: with ``defenses``.

    Raises:
        ConfigError: if a defense or a parameter of it is unknown, two arms have one id, or a filter stands before weights.
        UnsupportedError: if a defense cannot serve this kind of audit.
    """
    ids = [PLAIN, *(defense.arm for defense in config.defenses)]
    folded = [name.casefold() for name in ids]  # folders of some systems know no difference
    twice = sorted({name for name in ids if folded.count(name.casefold()) > 1})
    if twice:
        raise ConfigError(
            f"every defense needs a name of its own in the report; more than one is called {twice[0]!r}. Give an id.",
            key="defenses",
        )
    out = Path(config.out)
    open_to_all = with_adaptive_attacks(config)
    plain = Arm(id=PLAIN, name=PLAIN, title="no defense", kind="none", settings={}, config=open_to_all, folder=out)
    return _told_apart([plain, *(_arm(config, defense, out / "defenses" / defense.arm) for defense in config.defenses)])


def _told_apart(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Put the id behind titles that more than one arm has, such as two recipes for one noise."""
    often = Counter(arm.title for arm in arms)
    return tuple(arm if often[arm.title] == 1 else replace(arm, title=f"{arm.title}, {arm.id}") for arm in arms)


def _arm(config: AuditConfig, defense: DefenseConfig, folder: Path) -> Arm:
    built = defense_of(defense)
    kind = kind_of(built)
    # an attacker of trainings has nothing to average out, and label-only attacks that query are dear
    names = ADAPTIVE_ATTACKS if kind == "output" else FREE_ATTACKS
    content = with_adaptive_attacks(config, names).model_dump(mode="json")
    content |= {"defenses": [], "out": str(folder)}
    if kind == "training":
        _refuse_released(config, defense)
        with _naming(defense):
            content["recipe"] = built.change(content["recipe"])
    else:
        if kind == "output":
            refuse_filter(config.access, f"defenses.{defense.arm}")
        _answer_or_treat(content, config, defense, kind)
    return Arm(
        id=defense.arm,
        name=defense.name,
        title=defense.title or title_of(defense),
        kind=kind,
        settings=defense.params,
        config=parse(AuditConfig, content, where=f"defenses.{defense.arm}"),
        folder=folder,
    )


def defense_of(defense: DefenseConfig) -> Any:
    """Build a defense to see what it is; the size of re-sampled sets may be left to the plan of the audit, which knows the worlds.

    Args:
        defense: as it stands in the config.

    Raises:
        ConfigError: says of which arm; two defenses may have parameters of one name.
    """
    by_plan = {"size": "varying"} if defense.name == Resampling.name else {}
    with _naming(defense):
        return create_defense(defense.name, {**by_plan, **defense.params})


@contextmanager
def _naming(defense: DefenseConfig) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"defenses.{defense.arm}: {error}", key=f"defenses.{defense.arm}") from None


def kind_of(built: Any) -> ArmKind:
    """Say what a defense changes.

    Args:
        built: the defense.
    """
    if isinstance(built, RecipeDefense):
        return "training"
    return "output" if isinstance(built, OutputDefense) else "data"


def title_of(defense: DefenseConfig) -> str:
    """Return a defense in words: its name and its parameters.

    Args:
        defense: as it stands in the config.

    >>> title_of(DefenseConfig(name="top_k", params={"k": 3}))
    'top k (k 3)'
    """
    shown = {name: value for name, value in defense.params.items() if not isinstance(value, dict)}
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())
    name = {"dp_sgd": "DP-SGD"}.get(defense.name, defense.name.replace("_", " "))
    return f"{name} ({settings})" if settings else name


def _refuse_released(config: AuditConfig, defense: DefenseConfig) -> None:
    if config.model.checkpoint is not None:
        raise UnsupportedError(
            f"defense {defense.arm} changes how a model is trained, and the released model is trained already. Compare output "
            "filters, or leave model.checkpoint out."
        )


def _answer_or_treat(content: dict[str, Any], config: AuditConfig, defense: DefenseConfig, kind: ArmKind) -> None:
    """Put an output filter or a change of the training data into the config of an arm."""
    method = {"name": defense.name, "params": dict(defense.params)}
    if config.kind == "distribution":
        content["distribution"]["defense"] = method
        return
    if kind == "data":
        raise UnsupportedError(f"defense {defense.name} {NOT_IN_MEMBERSHIP}; this one is of kind: {config.kind}.")
    content["output"] = method


def with_adaptive_attacks(config: AuditConfig, attacks: Sequence[str] = ADAPTIVE_ATTACKS) -> AuditConfig:
    """Return the config with the attacks that an attacker who knows of an output filter would choose.

    Args:
        config: of kind ``membership``; others, and those without an output filter among their defenses, stay as they are.
        attacks: those that are added where they are not named already.
    """
    if config.kind != "membership" or not any(_filters(defense) for defense in config.defenses):
        return config
    names = [method.name for method in config.attacks]
    wanted = [name for name in attacks if name not in names and (config.access == "score" or name != "averaged_lira")]
    return config.model_copy(update={"attacks": (*config.attacks, *(_adaptive(name, config) for name in wanted))})


def _adaptive(name: str, config: AuditConfig) -> MethodConfig:
    """An attack that differs from what the config names in what it is added for, and in nothing else.

    LiRA with one variance against averaged LiRA with another would give the filter credit for the weaker variance.
    """
    lira = next((method.params for method in config.attacks if method.name == "lira"), {})
    shared = {key: lira[key] for key in SHARED if key in lira} if name == "averaged_lira" else {}
    return MethodConfig(name=name, params=shared)


def _filters(defense: DefenseConfig) -> bool:
    return kind_of(defense_of(defense)) == "output"
