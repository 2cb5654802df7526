"""What the study trains: ratios, steps, sizes and defenses, one value for each set of models."""

from dataclasses import dataclass, replace
from typing import Literal

from privaudit.defenses.base import DataDefense, OutputDefense
from privaudit.defenses.label_noise import LabelNoise
from privaudit.defenses.output_noise import OutputNoise
from privaudit.defenses.resampled_counts import Kind, fixed_size
from privaudit.defenses.resampling import Resampling

N_RECORDS, N_STEPS, EPSILON, NOISE, OUTPUT_SCALE = 1000, 40, 4.0, 0.2, 1.0
RATIOS = (0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9)
BOTH_SIDES, FAR, ONE = (0.5, 0.3, 0.7), (0.5, 0.2, 0.3, 0.7, 0.8), (0.5, 0.3)
QUICK_RATIOS = (0.5, 0.2, 0.8)
PLAIN, PRIVATE, PRIVATE_VICTIM, NOISY, NOISY_VICTIM = (
    "plain",
    "DP-SGD, epsilon 4",
    "DP-SGD, victims alone",
    "label noise",
    "label noise, victims alone",
)
NOISY_OUTPUT = "output noise"
VARYING = "under-sampled, varying size"
Theme = Literal["ratios", "steps", "size", "defense", "re-sampling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a side's models are trained: full-batch steps, each record's gradient clipped to 1, learning rate 1.

    Attributes:
        steps: how many.
        epsilon: of DP-SGD, ``None`` = no noise.
    """

    steps: int = N_STEPS
    epsilon: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One set of models.

    Attributes:
        name: in words.
        theme: of the table that it belongs to.
        ratios: shares of the records with the property, the base first.
        n_records: training records of each model before a defense.
        n_shadows: shadow models of each world.
        n_victims: victims of each world.
        n_queries: records of each world that models are asked about.
        victim: how victims are trained.
        shadow: how shadow models are trained.
        defense: what is done to training sets, ``None`` = nothing.
        output: what is done to answers, ``None`` = nothing.
        is_known: whether shadow models are defended as well.
        has_control: whether there is a second world of the base's ratio.
    """

    name: str
    theme: Theme
    ratios: tuple[float, ...]
    n_records: int = N_RECORDS
    n_shadows: int = 30
    n_victims: int = 60
    n_queries: int = 1000
    victim: Training = Training()
    shadow: Training = Training()
    defense: DataDefense | None = None
    output: OutputDefense | None = None
    is_known: bool = True
    has_control: bool = False

    @property
    def n_trained(self) -> int:
        """Public number of records that the sums of a step are divided by."""
        if isinstance(self.defense, Resampling) and self.defense.size != "varying":
            return self.defense.size
        return self.n_records


def resampled_name(kind: Kind) -> str:
    """Name of the setting in which training sets are re-sampled at a fixed size."""
    return f"{kind}-sampled, fixed size"


def _steps(steps: int, *, n_shadows: int = 30, n_victims: int = 60) -> Setting:
    each = Training(steps=steps)
    return Setting(
        name=f"{steps} steps",
        theme="steps",
        ratios=ONE,
        n_shadows=n_shadows,
        n_victims=n_victims,
        victim=each,
        shadow=each,
    )


def _size(n_records: int) -> Setting:
    return Setting(name=f"{n_records} records", theme="size", ratios=ONE, n_records=n_records)


def _resampled(kind: Kind) -> Setting:
    with_property = [round(ratio * N_RECORDS) for ratio in FAR]
    size = fixed_size([(n, N_RECORDS - n) for n in with_property], 0.5, kind)
    return Setting(name=resampled_name(kind), theme="re-sampling", ratios=FAR, defense=Resampling(kind=kind, size=size))


def _defended(name: str, *, victim: Training = Training(), noise: bool = False, is_known: bool = True) -> Setting:
    return Setting(
        name=name,
        theme="defense",
        ratios=BOTH_SIDES,
        victim=victim,
        shadow=victim if is_known else Training(),
        defense=LabelNoise(share=NOISE) if noise else None,
        is_known=is_known,
    )


_PRIVATE = Training(epsilon=EPSILON)
_VARYING = Setting(
    name=VARYING, theme="re-sampling", ratios=QUICK_RATIOS, defense=Resampling(kind="under", size="varying")
)
SETTINGS = (  # the longest first, so that workers end at the same time
    _steps(1000, n_shadows=15, n_victims=40),  # fewer: they take 25 times as long
    Setting(name=PLAIN, theme="ratios", ratios=RATIOS, has_control=True),
    _steps(200),
    _size(4000),
    _resampled("over"),
    _resampled("under"),
    _defended(PRIVATE, victim=_PRIVATE),
    _defended(PRIVATE_VICTIM, victim=_PRIVATE, is_known=False),
    _defended(NOISY, noise=True),
    _defended(NOISY_VICTIM, noise=True, is_known=False),
    Setting(name=NOISY_OUTPUT, theme="defense", ratios=BOTH_SIDES, output=OutputNoise(scale=OUTPUT_SCALE)),
    _VARYING,
    _size(250),
    _steps(5),
)


def quick(setting: Setting) -> Setting:
    """Return a setting of two ratios beside the base, with few models."""
    return replace(setting, ratios=QUICK_RATIOS, n_shadows=10, n_victims=30, n_queries=500)


QUICK_SETTINGS = tuple(quick(one) for one in SETTINGS if one.name in (PLAIN, PRIVATE, VARYING, resampled_name("under")))
