"""CanaryAudit around a user's own Opacus script."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from privaudit import CanaryAudit
from privaudit.data.record_canaries import RecordCanaries
from privaudit.errors import ConfigError, ShapeError, UnsupportedError
from privaudit.estimators import account
from privaudit.types import Neighbouring

N = 120


def records(n_features=10):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, N)
    features = rng.normal(size=(N, n_features)) + 2 * np.eye(n_features)[labels]
    return TensorDataset(torch.tensor(features, dtype=torch.float32), torch.tensor(labels))


def trained(
    audit, *, noise=2.0, batch=N, epochs=10, clip=1.0, changed=None, each_step=None, n_features=10, fed=None, **private
):
    data = records(n_features) if audit.is_gradient else audit.insert(records(n_features))
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Linear(32, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = PrivacyEngine()
        model, optimizer, loader = engine.make_private(
            module=network,
            optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
            data_loader=DataLoader(data, batch_size=min(batch, len(data)) if batch < N else len(data)),
            noise_multiplier=noise,
            max_grad_norm=clip,
            noise_generator=torch.Generator().manual_seed(5),
            **private,
        )
        if changed is not None:
            changed(optimizer)
        audit.attach(engine, model, optimizer, loader)
        for _ in range(epochs):
            for features, labels in loader if fed is None else fed:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(features), labels).backward()
                optimizer.step()
                if each_step is not None:
                    each_step(optimizer)
    return model


def notes_of(report):
    return [note for section in report.sections for note in section.notes]


def test_the_claim_is_what_the_accountant_recorded():
    audit = CanaryAudit("coordinate", n_canaries=100, seed=0)
    trained(audit, batch=30, epochs=3)
    claim = audit.claimed()
    assert (claim.noise_multiplier, claim.sample_rate, claim.steps, claim.max_grad_norm) == (2.0, 0.25, 12, 1.0)
    report = audit.report(delta=1e-5)
    expected = account(claim, 1e-5, Neighbouring.ADD_REMOVE).rows[0].estimate.upper
    assert report.claim.epsilon == pytest.approx(expected, rel=1e-9)


def test_correct_training_is_not_called_violated_and_its_noise_and_clip_are_right():
    audit = CanaryAudit("coordinate", n_canaries=300, seed=1)
    trained(audit)
    report = audit.report(delta=1e-5)
    assert report.claim_verdict().outcome == "too_weak"  # no control was run
    found = {finding.id: finding for finding in report.findings("canary")}
    assert found["sensitivity-probe"].metrics[0].value == pytest.approx(1.0, abs=1e-3)
    assert found["noise-probe"].estimates[0].lower > 0.95 * report.claim.epsilon
    assert found["white_box_trajectory-one_run"].access == "white_box"


def test_a_control_without_noise_makes_it_consistent():
    def outcome(noise):
        audit = CanaryAudit("coordinate", n_canaries=300, seed=2)
        trained(audit, noise=noise)
        return audit

    control = outcome(0.0).outcomes()[0]
    report = outcome(2.0).report(delta=1e-5, control=control)
    assert report.claim_verdict().outcome == "consistent"


def sampled(**options):
    """Judge training at a claimed sample rate of a quarter, whose control shows that it could have been refuted."""
    audits = [CanaryAudit("coordinate", n_canaries=300, seed=4) for _ in range(2)]
    for audit, noise in zip(audits, (0.0, 1.0), strict=True):
        trained(audit, noise=noise, batch=30, **options)
    return audits[1].report(delta=1e-5, control=audits[0].outcomes(noise_multiplier=1.0)[0])


def test_poisson_samples_are_consistent_and_their_probe_is_in_the_report():
    report = sampled()
    assert report.claim_verdict().outcome == "consistent"
    probe = next(finding for finding in report.findings("canary") if finding.method == "sampling_probe")
    assert {metric.name: metric.value for metric in probe.metrics}["records_per_batch"] == pytest.approx(30, rel=0.2)


def test_all_records_in_every_batch_refute_the_sampling_that_was_accounted_for():
    report = sampled(fed=[records().tensors] * 4)
    assert report.claim_verdict().outcome == "violated"
    assert "Poisson sampling" in report.claim_verdict().reason


def test_shuffled_batches_refute_the_sampling_and_few_of_them_are_never_consistent():
    assert sampled(poisson_sampling=False).claim_verdict().outcome == "violated"
    few = sampled(poisson_sampling=False, epochs=1).claim_verdict()
    assert few.outcome != "consistent"


def test_less_noise_than_claimed_is_violated():
    audit = CanaryAudit("coordinate", n_canaries=300, seed=3)
    halved = PrivacyEngine.make_private

    def with_half_the_noise(self, **settings):
        made = halved(self, **settings)
        made[1].add_noise = _half(made[1])
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrivacyEngine, "make_private", with_half_the_noise)
        trained(audit)
    report = audit.report(delta=1e-5)
    assert report.claim_verdict().outcome == "violated"
    assert "curve" in report.claim_verdict().reason
    probe = next(finding for finding in report.findings("canary") if finding.method == "noise_probe")
    assert any("smaller than claimed" in note for note in probe.notes)


def _half(optimizer):
    def add_noise():
        for weight in optimizer.params:
            noise = torch.normal(
                0.0, optimizer.noise_multiplier * optimizer.max_grad_norm / 2, weight.summed_grad.shape
            )
            weight.grad = (weight.summed_grad + noise).view_as(weight)

    return add_noise


def test_record_canaries_are_inserted_by_their_coins_and_scored_by_the_final_model():
    audit = CanaryAudit("mislabelled", n_canaries=60, seed=4)
    data = audit.insert(records())
    assert len(data) == N + int(audit.coins.is_in.sum())
    assert data[N][0].shape == (10,) and data[N][1].dtype == torch.int64
    audit = CanaryAudit("mislabelled", n_canaries=60, seed=4)
    model = trained(audit, noise=1.0)
    model.train()
    report = audit.report(model, delta=1e-5)
    assert model.training
    (finding, bound) = report.primary_estimates()[0]
    assert (finding.method, bound.method, finding.n_in) == ("black_box", "one_run", int(audit.coins.is_in.sum()))
    assert any("number of records" in note for section in report.sections for note in section.notes)
    keys, scores = audit.scores(model)
    assert len(keys) == len(scores) == 60 and (scores <= 0).all()


def own_canaries(n_features=10):
    rng = np.random.default_rng(3)
    keys = np.array([f"mine-{number}" for number in range(30)])
    features = rng.normal(size=(30, n_features)).astype(np.float32)
    return RecordCanaries(features=features, labels=rng.integers(0, 3, 30), keys=keys, kind="own")


def test_canaries_of_ones_own_are_inserted_as_they_are():
    mine = own_canaries()
    audit = CanaryAudit("own", seed=12, records=mine)
    data, chosen = audit.insert(records()), np.flatnonzero(audit.coins.is_in)
    assert len(data) == N + len(chosen)
    for place, row in enumerate(chosen):
        np.testing.assert_array_equal(data[N + place][0].numpy(), mine.features[row])
        assert data[N + place][1] == mine.labels[row]
    with pytest.raises(UnsupportedError, match="inserted already"):
        audit.insert(records())
    audit = CanaryAudit("own", seed=12, records=mine)
    trained(audit)
    assert audit.report(delta=1e-5).primary_estimates()[0][0].n_in == len(chosen)
    assert audit.scores()[0].tolist() == mine.keys.tolist()


def test_canaries_of_ones_own_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="both or neither"):
        CanaryAudit("own")
    with pytest.raises(ConfigError, match="both or neither"):
        CanaryAudit("random", records=own_canaries())
    with pytest.raises(ShapeError, match="shape of the records"):
        CanaryAudit("own", records=own_canaries(9)).insert(records())


def test_a_private_divisor_is_pointed_out():
    audit = CanaryAudit("coordinate", n_canaries=50, seed=5)
    trained(audit)
    assert any("issue 571" in note for note in notes_of(audit.report(delta=1e-5)))
    public = CanaryAudit("coordinate", n_canaries=50, seed=5)
    trained(public, changed=lambda optimizer: setattr(optimizer, "expected_batch_size", 128))
    assert not any("issue 571" in note for note in notes_of(public.report(delta=1e-5)))


def test_a_control_of_sampled_training_is_scored_by_the_noise_of_what_it_is_the_control_of():
    silent = CanaryAudit("coordinate", n_canaries=300, seed=2)
    trained(silent, noise=0.0, batch=30)
    with pytest.raises(ConfigError, match="control"):
        silent.outcomes()
    (control,) = silent.outcomes(noise_multiplier=2.0)
    member = control.is_in == 1
    assert (
        control.scores[member].min() > control.scores[~member].max()
    )  # 40 steps at rate .25: all missed has P 1e-5 each


def test_a_clip_that_changes_on_the_way_is_no_lack_of_noise():
    audit = CanaryAudit("coordinate", n_canaries=100, seed=8)
    trained(audit, each_step=lambda optimizer: setattr(optimizer, "max_grad_norm", 1.3 * optimizer.max_grad_norm))
    (probe,) = [finding for finding in audit.report(delta=1e-5).findings("canary") if finding.method == "noise_probe"]
    assert min(metric.value for metric in probe.metrics) > 1e-6  # the probability of a false alarm
    assert audit.claimed().steps == 10


def auc(outcome):
    inside, outside = outcome.worlds
    return (inside[:, None] > outside).mean()


@pytest.mark.parametrize("kind", ["coordinate", "random"])
def test_the_final_weights_show_canaries_where_little_else_moves_them(kind):
    audit = CanaryAudit(kind, n_canaries=100, seed=9)
    model = trained(audit, noise=0.0, n_features=1000)  # gradients of records are all but orthogonal
    (final,) = audit.final_outcomes(model)
    assert (final.name, final.access, final.is_independent) == ("white_box_final", "white_box", False)
    # 100 coins without an effect: the deviation of the AUC is .058, so P[AUC > .8] < 1e-6
    assert auc(final) > 0.8


def test_the_final_weights_are_a_second_line_of_the_report():
    audit = CanaryAudit("coordinate", n_canaries=60, seed=10)
    trained(audit)
    found = [finding.id for finding in audit.report(delta=1e-5).findings("canary")]
    assert found[:2] == ["white_box_trajectory-one_run", "white_box_final-one_run"]
    alternating = CanaryAudit("alternating", n_canaries=60, seed=10)
    trained(alternating)
    assert alternating.final_outcomes() == []


def test_one_audit_watches_one_training():
    audit = CanaryAudit("coordinate", n_canaries=100, seed=0)
    audit.detach()  # nothing is attached yet
    trained(audit)
    with pytest.raises(UnsupportedError, match="watches a training already"):
        trained(audit)
    audit.detach()
    audit.detach()
    assert audit.report(delta=1e-5).claim is not None


def test_after_detaching_the_script_trains_on_and_the_audit_keeps_what_it_saw():
    audit = CanaryAudit("coordinate", n_canaries=60, seed=11)
    model = trained(audit)
    (before,) = audit.final_outcomes()
    audit.detach()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 1.0
    np.testing.assert_array_equal(audit.final_outcomes()[0].scores, before.scores)


def test_coins_come_from_the_system_unless_a_seed_is_given():
    one, two = CanaryAudit(n_canaries=200), CanaryAudit(n_canaries=200)
    assert (one.coins.is_in != two.coins.is_in).any()  # equal with probability 2**-200
    first, again = (CanaryAudit(n_canaries=200, seed=6) for _ in range(2))
    np.testing.assert_array_equal(first.coins.is_in, again.coins.is_in)


def test_mistakes_are_refused():
    with pytest.raises(ConfigError, match="mislabelled"):
        CanaryAudit("mislabeled")
    with pytest.raises(ConfigError, match="at least 20"):
        CanaryAudit(n_canaries=3)
    with pytest.raises(UnsupportedError, match="gradients"):
        CanaryAudit("coordinate").insert(records())
    with pytest.raises(UnsupportedError, match="nothing was trained"):
        CanaryAudit("coordinate").report(delta=1e-5)
    audit = CanaryAudit("random", n_canaries=30, seed=7)
    with pytest.raises(UnsupportedError, match="insert first"):
        audit.attach(None, None, None, None)
    with pytest.raises(UnsupportedError, match="nothing was trained"):
        audit.report(delta=1e-5)
    model = trained(audit, noise=1.0)
    attached, given = audit.outcomes(), audit.outcomes(model)
    np.testing.assert_array_equal(attached[0].scores, given[0].scores)


def test_a_claim_that_the_engine_did_not_keep_is_an_error():
    # noise halved after make_private: the accountant records the half, and the audit is held against the promise
    audit = CanaryAudit("coordinate", n_canaries=100, seed=0)
    trained(audit, changed=lambda optimizer: setattr(optimizer, "noise_multiplier", 1.0))
    promised = account(replace(audit.claimed(), noise_multiplier=2.0), 1e-5, Neighbouring.ADD_REMOVE)
    with pytest.raises(ConfigError, match="wrong by its own parameters"):
        audit.report(delta=1e-5, claim=promised.rows[0].estimate.upper)
    with pytest.raises(ConfigError, match=r"confidence .* got 95"):
        audit.report(delta=1e-5, confidence=95)


def test_an_accountant_that_says_too_little_is_named():
    audit = CanaryAudit("coordinate", n_canaries=30, seed=0)
    network = nn.Linear(10, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = PrivacyEngine(accountant="gdp")
        model, optimizer, loader = engine.make_private(
            module=network,
            optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
            data_loader=DataLoader(records(), batch_size=12),
            noise_multiplier=0.6,
            max_grad_norm=1.0,
        )
        audit.attach(engine, model, optimizer, loader)
        for features, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(features), labels).backward()
            optimizer.step()
        notes = notes_of(audit.report(delta=1e-5))
    assert any("(gdp) says epsilon" in note and note.startswith("Warning: ") for note in notes)


@pytest.mark.parametrize("method", ["clip_and_accumulate", "add_noise"])
def test_what_goes_past_the_audit_is_refused(method):
    audit = CanaryAudit("coordinate", n_canaries=100, seed=0)

    def own(optimizer):
        setattr(optimizer, method, getattr(type(optimizer), method).__get__(optimizer))

    if method == "clip_and_accumulate":  # noticed in the next step
        with pytest.raises(UnsupportedError, match="attach last"):
            trained(audit, each_step=own)
    else:
        trained(audit, each_step=own)
        with pytest.raises(UnsupportedError, match="attach last"):
            audit.report(delta=1e-5)


def louder(optimizer):
    optimizer.noise_multiplier *= 1.1


def test_noise_that_changes_is_refused_at_once_for_gradients_and_leaves_records_their_bound():
    with pytest.raises(UnsupportedError, match=r"changed from 2 to 2\.2 on the way"):
        trained(CanaryAudit("coordinate", n_canaries=100, seed=0), each_step=louder)
    audit = CanaryAudit("mislabelled", n_canaries=40, seed=0)
    trained(audit, each_step=louder)
    report = audit.report(delta=1e-5)
    assert report.claim is None and any("changed on the way" in note for note in notes_of(report))
    assert audit.report(delta=1e-5, claim=50.0).claim_verdict().outcome == "too_weak"


def test_canaries_in_every_coordinate_leave_no_noise_to_probe_and_the_report_says_so():
    audit = CanaryAudit("spread", n_canaries=30, seed=0)
    trained(audit)
    assert any("noise probe was not made" in note for note in notes_of(audit.report(delta=1e-5)))


def test_a_plain_optimizer_and_a_data_set_without_numbers_are_refused():
    audit = CanaryAudit("coordinate", n_canaries=30, seed=0)
    network = nn.Linear(10, 3)
    with pytest.raises(UnsupportedError, match="the optimizer that make_private returned; got SGD"):
        audit.attach(None, network, torch.optim.SGD(network.parameters(), lr=0.1), None)
    with pytest.raises(UnsupportedError, match="pairs of a tensor and a class"):
        CanaryAudit("mislabelled", n_canaries=30, seed=0).insert({"a": 1})
