"""What a model says of all classes: log-probabilities that neither overflow nor vanish."""

import numpy as np
import pytest
import torch
from torch import nn

from privaudit.errors import DataError
from privaudit.scoring.world_outputs import class_log_probabilities


class Fixed(nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits, dtype=torch.float32)

    def forward(self, features):
        return self.logits


FEATURES = torch.zeros(3, 2)


def test_a_single_output_is_two_classes():
    found = class_log_probabilities(Fixed([[0.0], [2.0], [-800.0]]), FEATURES)
    np.testing.assert_allclose(np.exp(found[0]), [0.5, 0.5])
    np.testing.assert_allclose(np.exp(found[1]), [1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))])
    np.testing.assert_array_equal(found[2], [0.0, -800.0])


def test_several_outputs_are_a_softmax():
    logits = [[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0]]
    found = class_log_probabilities(Fixed(logits), FEATURES)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0)
    np.testing.assert_array_equal(found[1], [0.0, -1000.0, -2000.0])
    assert (found <= 0).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_are_refused(bad):
    with pytest.raises(DataError, match="1 of 6 are not"):
        class_log_probabilities(Fixed([[0.0, 1.0], [bad, 0.0], [0.0, 0.0]]), FEATURES)
