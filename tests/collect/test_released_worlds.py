"""What an output defense lets out in a distribution audit is finite, and read as the filter says."""

import pickle
from functools import partial

import numpy as np
import pytest

from privaudit.collect.worlds import released
from privaudit.defenses.base import told
from privaudit.defenses.output_noise import OutputNoise
from privaudit.defenses.rounding import Rounding

SAID = np.log([[0.98, 0.01, 0.01], [0.3, 0.3, 0.4]])


def test_a_told_zero_is_finite_and_read_as_a_quarter_of_a_step():
    defense = Rounding(decimals=1)
    plain = released(SAID, defense.release, seed=0, row=0)
    assert np.isfinite(plain).all()
    release = pickle.loads(pickle.dumps(partial(told, defense)))  # workers get it so
    seen = np.exp(released(SAID, release, seed=0, row=0))
    assert seen == pytest.approx(np.array([[1.0, 0.025, 0.025], [0.3, 0.3, 0.4]]) / np.array([[1.05], [1.0]]))


def test_told_leaves_what_sums_to_one_as_it_is():
    defense = OutputNoise(scale=1.0)
    one, other = (released(SAID, release, seed=0, row=3) for release in (defense.release, partial(told, defense)))
    assert np.array_equal(one, other)
