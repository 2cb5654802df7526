"""White-box attacks: what is computed from the weights of an audit's models, checked before any is trained."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from privaudit.config import AuditConfig
from privaudit.errors import ConfigError
from privaudit.interfaces import DistributionAttack, Executor, ProgressHook
from privaudit.pipeline.distribution.methods import distribution_attacks
from privaudit.store.folder import AuditFolder
from privaudit.types.worlds import WorldDesign

if TYPE_CHECKING:
    from torch import nn


def weight_attacks(config: AuditConfig) -> tuple[DistributionAttack, ...]:
    """Return the attacks of an audit that read weights.

    Args:
        config: the audit, with its distribution block.
    """
    settings = config.distribution
    assert settings is not None  # the config has checked
    return tuple(attack for attack in distribution_attacks(settings, config.access) if getattr(attack, "signals", ()))


def check_weights(config: AuditConfig, build: Callable[[], "nn.Module"], *, has_filter: bool) -> None:
    """Refuse, before any training, models whose weights cannot be read, and filters that do not stand before weights.

    Args:
        config: the audit.
        build: returns a fresh model.
        has_filter: whether a defense changes what the audited models answer.

    Raises:
        ConfigError: if a defense changes answers while weights are handed out.
        UnsupportedError: if a layer cannot be read.
    """
    if has_filter:
        refuse_filter(config.access, "distribution.defense")
    if config.access != "white_box" or not weight_attacks(config):
        return
    from privaudit.training.meta_classifier.weight_layers import check_layers

    check_layers(build())


def refuse_filter(access: str, key: str) -> None:
    """Refuse a defense that changes answers where the weights themselves are handed out.

    Args:
        access: what models give.
        key: of the config, under which the defense stands.

    Raises:
        ConfigError: if the access is ``white_box``.
    """
    if access == "white_box":
        raise ConfigError(
            f"access: white_box hands out the weights, which a defense of the answers does not protect. Remove it from {key}, or set "
            "access: score.",
            key=key,
        )


def collect_weights(
    config: AuditConfig,
    folder: AuditFolder,
    design: WorldDesign,
    *,
    load: Callable[[int], "nn.Module"],
    device: str,
    executor: Executor,
    progress: ProgressHook | None,
) -> None:
    """Compute what the audit's white-box attacks read and the folder does not hold yet.

    Args:
        config: the audit.
        folder: its folder, with all models.
        design: who was trained on what.
        load: from the row of a model to the model, with its weights.
        device: where to compute, resolved.
        executor: where to compute.
        progress: called after every meta-classifier.
    """
    attacks = weight_attacks(config)
    if not attacks:
        return
    from privaudit.collect.meta_classifiers import WeightSignal, collect_weight_signals
    from privaudit.training.meta_classifier.fit import MetaSettings

    signals = []
    for attack in attacks:
        (name,) = attack.signals  # type: ignore[attr-defined]  # weight_attacks took those that have some
        settings = MetaSettings(form=attack.form, seed=attack.seed)  # type: ignore[attr-defined]
        signals.append(WeightSignal(name, settings, attack.answers == "ratio"))
    collect_weight_signals(folder, design, signals, load=load, device=device, executor=executor, progress=progress)
