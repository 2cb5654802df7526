"""From what a user knows about a DP-SGD run to what it guarantees."""

import math
from collections.abc import Sequence
from dataclasses import replace

from privaudit.errors import ConfigError
from privaudit.estimators.guarantees import BOTH, Guarantees, guarantees_of_epsilon, guarantees_of_params, noise_for
from privaudit.types import DpSgdParams, Neighbouring

DEFAULT_FPRS = (0.001, 0.01, 0.1)
DEFAULT_TARGET_FPR = 0.01


def requested_guarantees(
    *,
    noise_multiplier: float | None = None,
    sample_rate: float | None = None,
    batch_size: float | None = None,
    n_records: int | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    delta: float = 1e-5,
    epsilon: float | None = None,
    neighbouring: str = "both",
    sampling: str = "poisson",
    fprs: Sequence[float] = (),
    target_epsilon: float | None = None,
    target_advantage: float | None = None,
    target_tpr: float | None = None,
    target_fpr: float | None = None,
) -> Guarantees:
    """Account for a run that is described by its parameters, by a wanted risk, or by epsilon and delta alone.

    Args:
        noise_multiplier: noise of a step in units of the clipping norm.
        sample_rate: probability with which a record is in a batch, or
        batch_size: the expected batch size, with ``n_records``.
        n_records: number of training records.
        steps: number of noisy steps, or
        epochs: passes over the data, turned into steps by the sample rate.
        delta: where epsilon is read off.
        epsilon: a guarantee whose mechanism is not known.
        neighbouring: ``both``, ``add_remove`` or ``replace_one``.
        sampling: ``poisson`` or ``shuffle``.
        fprs: false positive rates; empty = .001, .01, .1.
        target_epsilon: find the noise that keeps epsilon at most this.
        target_advantage: find the noise that keeps the advantage at most this.
        target_tpr: find the noise that keeps the true positive rate at ``target_fpr`` at most this.
        target_fpr: see ``target_tpr``; ``None`` = .01.

    Raises:
        ConfigError: if the description is incomplete or says something twice.
    """
    relations = BOTH if neighbouring == "both" else (Neighbouring(neighbouring),)
    rates = tuple(fprs) or DEFAULT_FPRS
    targets = {"epsilon": target_epsilon, "advantage": target_advantage, "tpr": target_tpr}
    wanted = {name: value for name, value in targets.items() if value is not None}
    if target_fpr is not None and "tpr" not in wanted:
        raise ConfigError(
            "target_fpr says where target_tpr is wanted; got no target_tpr. State both.", key="target_fpr"
        )
    target_fpr = DEFAULT_TARGET_FPR if target_fpr is None else target_fpr
    described = (noise_multiplier, sample_rate, batch_size, n_records, steps, epochs)
    if epsilon is not None:
        if any(value is not None for value in described) or wanted or sampling != "poisson":
            raise ConfigError(
                "epsilon alone is for a guarantee whose mechanism is not known; got parameters, sampling or a target, too. "
                "Leave one of them out.",
                key="epsilon",
            )
        stated = relations[0] if len(relations) == 1 else None
        return guarantees_of_epsilon(epsilon, delta=delta, fpr=rates, neighbouring=stated)
    rate = _sample_rate(sample_rate, batch_size, n_records)
    n_steps = _steps(steps, epochs, rate)
    if not wanted and noise_multiplier is None:
        raise ConfigError(
            "noise_multiplier is missing. State it, or a target (epsilon, advantage, or TPR at FPR) to find it, or "
            "epsilon and delta alone.",
            key="noise_multiplier",
        )
    if wanted:
        noise_multiplier = _wanted_noise(
            noise_multiplier, wanted, target_fpr, rate, n_steps, delta, relations, sampling
        )
    params = DpSgdParams(
        noise_multiplier=float(noise_multiplier or 0.0), sample_rate=rate, steps=n_steps, sampling=sampling
    )
    found = guarantees_of_params(params, delta=delta, fpr=rates, neighbouring=relations)
    return replace(found, wanted=_in_words(wanted, target_fpr)) if wanted else found


def _in_words(wanted: dict[str, float], target_fpr: float) -> str:
    ((name, value),) = wanted.items()
    return {
        "epsilon": f"epsilon at most {value:g}",
        "advantage": f"TPR - FPR at most {value:g}",
        "tpr": f"TPR at most {value:g} at FPR {target_fpr:g}",
    }[name]


def _wanted_noise(
    noise_multiplier: float | None,
    wanted: dict[str, float],
    target_fpr: float,
    rate: float,
    steps: int,
    delta: float,
    relations: Sequence[Neighbouring],
    sampling: str,
) -> float:
    if noise_multiplier is not None:
        raise ConfigError("a target finds the noise; got noise_multiplier, too. Leave one out.", key="noise_multiplier")
    if sampling != "poisson":
        raise ConfigError(
            f"noise is calibrated for Poisson sampling only; got sampling {sampling}. No accountant here guarantees "
            "anything for shuffled batches.",
            key="sampling",
        )
    if len(relations) > 1:
        raise ConfigError(
            "a target is about one neighbouring relation; none was stated. Add --neighbouring add_remove (one record more "
            "or less, the usual statement of DP-SGD) or replace_one (one record exchanged).",
            key="neighbouring",
        )
    return noise_for(
        sample_rate=rate,
        steps=steps,
        delta=delta,
        neighbouring=relations[0],
        fpr=target_fpr if "tpr" in wanted else None,
        **wanted,
    )


def _sample_rate(sample_rate: float | None, batch_size: float | None, n_records: int | None) -> float:
    if sample_rate is not None:
        if batch_size is not None or n_records is not None:
            raise ConfigError("state sample_rate, or batch_size and n_records, not both.", key="sample_rate")
        return sample_rate
    if batch_size is None or n_records is None:
        if batch_size is not None or n_records is not None:
            missing = "n_records" if n_records is None else "batch_size"
            raise ConfigError(
                f"{missing} is missing; batch_size and n_records give the sample rate together.", key=missing
            )
        raise ConfigError(
            "sample_rate is missing. State it, or batch_size and n_records; for example: privaudit bounds "
            "--noise-multiplier 1.1 --batch-size 256 --n-records 60000 --epochs 15",
            key="sample_rate",
        )
    if not 0 < batch_size <= n_records:
        raise ConfigError(
            f"batch_size must lie in (0, n_records]; got {batch_size:g} of {n_records}.", key="batch_size"
        )
    return batch_size / n_records


def _steps(steps: int | None, epochs: float | None, rate: float) -> int:
    if steps is not None:
        if epochs is not None:
            raise ConfigError("state steps or epochs, not both.", key="steps")
        return steps
    if epochs is None:
        raise ConfigError("steps is missing. State it, or epochs.", key="steps")
    if not epochs > 0 or not 0 < rate <= 1:
        raise ConfigError(
            f"epochs must be above 0 and sample_rate in (0, 1]; got {epochs:g} and {rate:g}.", key="epochs"
        )
    # Rounded up, but not for a rounding error of the quotient: 10 epochs at rate 0.1 are 100 steps.
    exact = epochs / rate
    if not math.isfinite(exact):
        raise ConfigError(
            f"epochs must give a finite number of steps; got {epochs:g} epochs at sample rate {rate:g}. State fewer.",
            key="epochs",
        )
    return max(1, int(-(-(exact - 1e-9 * exact) // 1)))
