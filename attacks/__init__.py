"""Membership inference attacks: one method per file, pure functions on stored signals."""

from privaudit.attacks.lira import Lira
from privaudit.attacks.loss import LossThreshold
from privaudit.attacks.normal_inverse_gamma import NormalInverseGamma
from privaudit.attacks.rmia import Rmia

__all__ = ["Lira", "LossThreshold", "NormalInverseGamma", "Rmia"]
