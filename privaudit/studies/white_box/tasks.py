"""What the study trains: logistic regressions on many ratios, and networks with a hidden layer on fewer."""

from typing import NamedTuple

from privaudit.studies.distribution.settings import RATIOS, Setting

HIDDEN = 16
FEW, MANY = 30, 100
LINEAR, HIDDEN_LAYER = "logistic regression", f"{HIDDEN} hidden units"


class Task(NamedTuple):
    """One kind of model.

    Attributes:
        setting: ratios, sizes and training; its ``n_shadows`` are trained.
        hidden: widths of hidden layers, none for logistic regression.
        n_shadows: how many of the shadow models of each world attacks are given, one contest for each number.
    """

    setting: Setting
    hidden: tuple[int, ...]
    n_shadows: tuple[int, ...]

    @property
    def name(self) -> str:
        """In words."""
        return self.setting.name


class Turn(NamedTuple):
    """A task and a seed."""

    task: Task
    seed: int


TASKS = (  # the longest first
    Task(
        Setting(name=HIDDEN_LAYER, theme="ratios", ratios=(0.5, 0.2, 0.3, 0.7, 0.8), n_shadows=MANY, has_control=True),
        hidden=(HIDDEN,),
        n_shadows=(FEW, MANY),
    ),
    Task(Setting(name=LINEAR, theme="ratios", ratios=RATIOS, has_control=True), hidden=(), n_shadows=(FEW,)),
)
QUICK_SIZES = {"ratios": (0.5, 0.2, 0.8), "n_shadows": 15, "n_victims": 30, "n_queries": 500}


def quick(task: Task) -> Task:
    """Return a task of two ratios beside the base, with few models."""
    setting = Setting(name=task.name, theme="ratios", has_control=True, **QUICK_SIZES)  # type: ignore[arg-type]
    return Task(setting, task.hidden, (setting.n_shadows,))


QUICK_TASKS = tuple(quick(task) for task in TASKS)
