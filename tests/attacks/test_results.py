"""From scores to a result: scores of all records, or of those with a coin alone."""

import numpy as np

from privaudit.attacks import Lira
from privaudit.attacks.results import coin_result


def test_scores_of_all_records_and_of_those_with_a_coin_give_the_same(draw_coins, make_design, make_inputs):
    design = make_design(draw_coins("paired", 4, 6), n_population=3)
    inputs = make_inputs(design, np.zeros((4, 9)))
    scores = np.arange(9.0)
    of_all, of_coins = (coin_result(Lira(), inputs, 1, one, params={}) for one in (scores, scores[:6]))
    for result in (of_all, of_coins):
        np.testing.assert_array_equal(result.scores, np.arange(6.0))
        np.testing.assert_array_equal(result.unit_ids, np.arange(6))
        np.testing.assert_array_equal(result.label, design.is_in[1, :6])
