"""Membership inference attacks: one method per file, pure functions on stored signals."""

from privaudit.attacks.averaged_lira import AveragedLira
from privaudit.attacks.base import Base
from privaudit.attacks.difficulty_calibration import DifficultyCalibration
from privaudit.attacks.kl_lira import KlLira
from privaudit.attacks.lira import Lira
from privaudit.attacks.loss import LossThreshold
from privaudit.attacks.loss_trace import LossTraceRange
from privaudit.attacks.modified_entropy import ModifiedEntropy
from privaudit.attacks.normal_inverse_gamma import NormalInverseGamma
from privaudit.attacks.population import PopulationAttack
from privaudit.attacks.proxy import Proxy
from privaudit.attacks.quantile import QuantileRegression
from privaudit.attacks.reference import ReferenceAttack
from privaudit.attacks.rmia import Rmia

__all__ = [
    "AveragedLira",
    "Base",
    "DifficultyCalibration",
    "KlLira",
    "Lira",
    "LossThreshold",
    "LossTraceRange",
    "ModifiedEntropy",
    "NormalInverseGamma",
    "PopulationAttack",
    "Proxy",
    "QuantileRegression",
    "ReferenceAttack",
    "Rmia",
]
