"""The meta-classifier's first weights: some fall to 0, from where nothing is learned, and others must be tried."""

import numpy as np

from privaudit.attacks.distribution.meta_classifier import fit_and_ask


def test_no_seed_answers_half_where_worlds_differ_clearly():
    """Two shifted clouds in many dimensions; before, about a third of all seeds said 1/2 of every model."""
    rng = np.random.default_rng(0)
    world = np.repeat([0, 1], 8)
    shift = rng.normal(size=400)
    ours, theirs = (rng.normal(size=(16, 400)) + 0.25 * world[:, None] * shift for _ in range(2))
    for seed in range(20):
        said = fit_and_ask(ours, world, theirs, seed)
        assert np.ptp(said) > 0.2 and said[world == 1].mean() - said[world == 0].mean() > 0.1
