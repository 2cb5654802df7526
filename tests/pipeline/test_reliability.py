"""What shadow models in the target's role say about a finding: nothing of it knows the target's coins."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.attacks import Lira, LossThreshold, Rmia
from privaudit.attacks.results import coin_result
from privaudit.data.design import paired_coins
from privaudit.errors import UnsupportedError
from privaudit.estimators.accusation_value import positive_predictive_value
from privaudit.estimators.clopper_pearson_bound import counts_at
from privaudit.estimators.null_calibration import null_p_values
from privaudit.estimators.thresholds_from_shadows import median_threshold
from privaudit.interfaces import AuditInputs
from privaudit.numerics import log_probability
from privaudit.pipeline.findings import attack_finding
from privaudit.pipeline.primary import MAX_PLAYED
from privaudit.pipeline.reliability import PRIORS, play_shadows, pooled_spread, reliability_of
from privaudit.types import AuditDesign, SignalTable
from privaudit.types.design import SHADOW, TARGET

NAMES = ("tpr_at_shadow_threshold", "ppv", "calibrated_tpr", "worst_record_fpr", "worst_record_fpr_by_chance")


class Margin:
    """The logit margin itself as the score."""

    name, game, access = "margin", "membership", "score"
    signals, record_fields = frozenset({"logit_margin"}), frozenset()

    def run(self, inputs, *, targets):
        values = inputs.dense("logit_margin")
        return tuple(coin_result(self, inputs, target, values[target], params={}) for target in targets)


def make_inputs(n_models, n_records=600, *, seed=0, effect=1.0, targets=(0,)):
    """Margins whose spread differs by record; members are higher by ``effect`` spreads."""
    rng, n = np.random.default_rng(seed), n_records + 100
    is_in = np.hstack([paired_coins(n_models, n_records, seed), np.zeros((n_models, 100), dtype=np.uint8)])
    spread = rng.lognormal(-0.5, 1.0, n)
    margin = spread * (rng.normal(size=(n_models, n)) + effect * is_in)
    design = AuditDesign(
        kind="paired",
        is_in=is_in,
        pair=np.arange(n_models) ^ 1,
        role=[TARGET if model in targets else SHADOW for model in range(n_models)],
        variant=np.zeros(n_models),
        is_population=np.arange(n) >= n_records,
        record_codes=np.arange(n),
        seed=seed,
    )
    return with_margin(design, margin)


def with_margin(design, margin):
    signals = {"logit_margin": margin, "negative_loss": log_probability(margin), "correct": (margin > 0) * 1.0}
    models, records = np.arange(design.n_models), np.arange(design.n_records)
    return AuditInputs(
        design=design,
        labels=np.zeros(design.n_records, dtype=np.int64),
        signals={
            name: SignalTable(name=name, values=values[:, :, None], model_index=models, record_index=records)
            for name, values in signals.items()
        },
        usable=models,
    )


def of(attack, inputs, targets=(0,)):
    results = attack.run(inputs, targets=targets)
    return results, reliability_of(attack, inputs, results, confidence=0.95)


def by_name(reliable):
    return {(metric.name, metric.at): metric for metric in reliable.metrics}


@pytest.mark.parametrize("attack", [LossThreshold(), Lira(), Rmia()], ids=lambda attack: attack.name)
def test_the_numbers_are_those_of_the_pure_functions(attack):
    inputs = make_inputs(24)
    (result,), (reliable,) = of(attack, inputs)
    metrics, played = by_name(reliable), play_shadows(attack, inputs)
    assert len(played.scores) == 11 and {name for name, _ in metrics} == set(NAMES)
    counts = counts_at(result.scores, result.label, median_threshold(played.scores, played.is_in, 0.01))
    threshold = metrics["tpr_at_shadow_threshold", 0.01]
    assert threshold.value == counts.tp / result.label.sum()
    assert threshold.achieved_fpr == counts.fp / (result.label == 0).sum()
    assert threshold.lower < threshold.value < threshold.upper
    for prior in PRIORS:
        ppv = metrics["ppv", prior]
        assert ppv.value == positive_predictive_value(threshold.value, threshold.achieved_fpr, prior)
        assert ppv.lower <= ppv.value <= ppv.upper and "1% FPR" in ppv.rule
    p = null_p_values(result.scores, played.scores, played.is_in).p
    calibrated = metrics["calibrated_tpr", 0.01]
    assert calibrated.value == (p[result.label == 1] <= 0.01).mean()
    assert calibrated.achieved_fpr == (p[result.label == 0] <= 0.01).mean()
    worst = metrics["worst_record_fpr", 0.01]
    assert worst.lower <= worst.value <= worst.upper
    assert metrics["tpr_at_shadow_threshold", 0.001].value is None  # 300 non-members cannot measure .1 %
    finding = reliable.added_to(attack_finding(result, [], confidence=0.95))
    assert finding.metrics[-len(reliable.metrics) :] == reliable.metrics and finding.metrics[0].name == "auc"


@pytest.mark.parametrize("attack", [LossThreshold(), Lira(), Rmia()], ids=lambda attack: attack.name)
def test_neither_target_nor_complement_is_looked_at(attack):
    """Their signals and coins replaced by others, the shadows in the target's role say the same."""
    inputs, other = make_inputs(16), make_inputs(16, seed=9)
    margin, design = inputs.dense("logit_margin").copy(), inputs.design
    margin[[0, 1]] = other.dense("logit_margin")[[0, 1]]
    is_in = design.is_in.copy()
    is_in[[0, 1]] = other.design.is_in[[0, 1]]
    changed = with_margin(dataclasses.replace(design, is_in=is_in), margin)
    before, after = play_shadows(attack, inputs), play_shadows(attack, changed)
    np.testing.assert_array_equal(before.scores, after.scores)
    np.testing.assert_array_equal(before.is_in, after.is_in)
    _, (reliable,) = of(attack, changed)
    for name in ("worst_record_fpr", "worst_record_fpr_by_chance"):
        assert by_name(reliable)[name, 0.01] == by_name(of(attack, inputs)[1][0])[name, 0.01]


def test_several_targets_share_the_shadows_that_are_nobodys_pair():
    inputs = make_inputs(20, targets=(0, 4, 5))
    results, reliable = of(Lira(), inputs, targets=(0, 4, 5))
    assert len(results) == len(reliable) == 3
    assert len(play_shadows(Lira(), inputs).scores) == 8  # 20 models without the pairs 0-1 and 4-5
    assert len({by_name(one)["worst_record_fpr", 0.01] for one in reliable}) == 1
    assert len(play_shadows(LossThreshold(), make_inputs(60, n_records=50)).scores) == MAX_PLAYED


@pytest.mark.parametrize("n_models", [4, 8])
def test_too_few_shadows_are_said_not_passed_over(n_models):
    _, (reliable,) = of(LossThreshold(), make_inputs(n_models))
    assert reliable.metrics == ()
    assert "4 pairs of shadow models" in reliable.notes[0] and f"{n_models // 2 - 1} are there" in reliable.notes[0]


def test_an_attack_that_cannot_do_with_the_shadows_is_said():
    inputs = make_inputs(12)

    class Refusing(Margin):
        def run(self, inputs, *, targets):
            if 0 not in inputs.usable:
                raise UnsupportedError("this one needs model 0.")
            return super().run(inputs, targets=targets)

    _, (reliable,) = of(Refusing(), inputs)
    assert reliable.metrics == () and "this one needs model 0." in reliable.notes[0]


def test_records_that_no_played_model_leaves_out_have_no_rate():
    inputs = make_inputs(12)
    played = play_shadows(Lira(), inputs)
    never_out = played.is_in.all(axis=0)
    assert 0 < never_out.sum() < 60
    assert pooled_spread(played, 0.01, confidence=0.95).n_measured == 600 - never_out.sum()


def test_constant_signals_accuse_nobody():
    inputs = make_inputs(24)
    inputs = with_margin(inputs.design, np.full(inputs.design.is_in.shape, 0.3))
    for attack in (LossThreshold(), Lira(), Rmia()):
        metrics = by_name(of(attack, inputs)[1][0])
        at_threshold = metrics["tpr_at_shadow_threshold", 0.01]
        assert (at_threshold.value, at_threshold.achieved_fpr) == (0.0, 0.0)
        assert metrics["ppv", 0.5].value is None and metrics["ppv", 0.5].rule.startswith("undefined")
        for name in ("calibrated_tpr", "worst_record_fpr"):  # not 0: nothing of the kind could have been found
            assert metrics[name, 0.01].value is None and metrics[name, 0.01].rule.startswith("not measurable")


@pytest.mark.statistical
def test_records_of_unequal_spread_are_accused_unequally_by_one_threshold_and_equally_by_their_own():
    """1,500 Gaussian records, 16 played models, no effect. The p-values call independent records members at 1 %: their
    counts lie in two-sided bands at 1e-6. The interval of the worst record (95 % for all at once) lies above 1 %.
    """
    inputs = make_inputs(40, 1500, effect=0.0, seed=3)
    (result,), (reliable,) = of(Margin(), inputs)
    metrics = by_name(reliable)
    assert metrics["worst_record_fpr", 0.01].lower > 0.01
    calibrated, n_in = metrics["calibrated_tpr", 0.01], int(result.label.sum())
    for share, n in ((calibrated.value, n_in), (calibrated.achieved_fpr, 1500 - n_in)):
        low, high = binom.ppf([5e-7, 1 - 5e-7], n, 0.01)
        assert low <= round(share * n) <= high
