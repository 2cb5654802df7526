"""Chameleon in an audit: which models play, what is stored, what is trained again and what is refused."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from privaudit import run_audit
from privaudit.attacks.label_only.chameleon import signal_names
from privaudit.collect import poisoned
from privaudit.collect.chameleon import ChameleonCollector, challenge_records, free_shadows
from privaudit.collect.stages import CollectContext
from privaudit.data import dataset_from_arrays
from privaudit.data.design import make_design
from privaudit.errors import ConfigError, StoreError, UnsupportedError
from privaudit.pipeline.analyse import analyse
from privaudit.registry import create_attack, create_collectors
from privaudit.store.design_file import read_design
from privaudit.store.folder import AuditFolder

SETTINGS, N = "repository", 12
NAMES = signal_names(SETTINGS, N)
ATTACK = {"name": "chameleon", "settings": SETTINGS, "n_challenge": N}


def design_of(n_models=12, targets=(0,), n_records=60):
    return make_design(
        kind="paired",
        n_models=n_models,
        n_records=n_records,
        targets=targets,
        population=0.2,
        seed=3,
        record_codes=range(n_records),
    )


def context(design, **changes):
    return CollectContext(
        **{"design": design, "record_shape": (4,), "has_own_training": False, "n_trace_points": 1, **changes}
    )


@pytest.fixture(scope="module")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    return dataset_from_arrays((pixels[:160] / 16).astype(np.float32), labels[:160], name="digits")


def config(out, **changes):
    return {
        "access": "label",
        "model": {"build": "mlp", "params": {"hidden": [32]}},
        "recipe": {"epochs": 20, "batch_size": 16, "optimizer": {"name": "adam", "lr": 0.01}},
        "design": {"n_models": 10},
        "engine": {"kind": "inline"},
        "attacks": ["gap", ATTACK],
        "report": {"formats": ["json"]},
        "out": str(out),
        **changes,
    }


@pytest.fixture(scope="module")
def audited(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("chameleon") / "out"
    return out, run_audit(config(out), dataset=digits)


def test_shadows_are_pairs_that_have_nothing_to_do_with_a_target():
    design = design_of(targets=(2, 5))
    assert free_shadows(design).tolist() == [0, 1, 6, 7, 8, 9, 10, 11]
    records = challenge_records(design, 20)
    assert len(set(records.tolist())) == 20 and not design.is_population[records].any()
    assert np.array_equal(records, challenge_records(design_of(n_models=16), 20))  # by the seed alone


@pytest.mark.parametrize(
    ("design", "options", "words"),
    [
        (design_of(n_models=8), {}, r"8 shadow models.*6 are there. Raise design.n_models to 10"),
        (design_of(), {"n_challenge": 49}, r"49 are asked for, 48 have coins"),
        (design_of(), {"settings": "calibrated"}, r"takes 16 shadow models"),
    ],
)
def test_audits_that_cannot_serve_are_refused_before_training(design, options, words):
    collector = ChameleonCollector(**{"settings": SETTINGS, "n_challenge": N, **options})
    with pytest.raises(UnsupportedError, match=words):
        collector.check(context(design))


def test_the_attack_says_how_its_collector_is_made():
    attack = create_attack("chameleon", {"settings": SETTINGS, "n_challenge": N})
    (collector,) = [one for one in create_collectors([attack]) if one.name == "chameleon"]
    assert (collector.settings, collector.n_challenge) == (SETTINGS, N)
    with pytest.raises(ConfigError, match="n_challenge must be at least 10"):
        create_attack("chameleon", {"n_challenge": 9})
    with pytest.raises(ConfigError, match="Did you mean calibrated"):
        create_attack("chameleon", {"settings": "calibrate"})


@pytest.mark.slow
def test_the_target_alone_is_asked_and_every_query_is_one_of_the_candidates(audited):
    out, report = audited
    folder = AuditFolder(out)
    design, _ = read_design(folder.design)
    records = challenge_records(design, N)
    tables = {name: folder.read_signal(name, {0: 0}) for name in NAMES}
    assert all(np.array_equal(table.record_index, records) for table in tables.values())
    assert tables[NAMES[0]].values.shape == (1, N, 129) and np.isin(tables[NAMES[0]].values, (0, 1)).all()
    assert tables[NAMES[1]].values[0, :, 0].all() and (tables[NAMES[2]].values <= 6).all()
    (finding,) = [one for one in report.findings("mia") if one.method == "chameleon"]
    assert finding.game == "poisoned_membership" and finding.n_in + finding.n_out == N
    assert report.provenance["primary"]["attack"] == "gap"
    assert not (folder.path / "signals" / NAMES[0] / "00001.safetensors").exists()


@pytest.mark.slow
def test_nothing_is_trained_twice_and_what_goes_missing_is_made_again_alike(audited, digits, monkeypatch):
    out, _ = audited
    calls, first = [], (out / "report.json").read_bytes()
    trained = poisoned.trained_networks
    monkeypatch.setattr(poisoned, "trained_networks", lambda job, rows: calls.append(tuple(rows)) or trained(job, rows))
    run_audit(config(out), dataset=digits)
    assert (out / "report.json").read_bytes() == first and not calls
    folder = AuditFolder(out)
    before = folder.signal(NAMES[0], 0).read_bytes()
    folder.signal(NAMES[0], 0).unlink()
    run_audit(config(out), dataset=digits)
    assert calls == [(0,)] and folder.signal(NAMES[0], 0).read_bytes() == before
    # answers that were given under other decisions are not taken for these
    values = folder.read_signal(NAMES[2], {0: 0})
    folder.write_signal(NAMES[2], 0, values.values[0] + 1, values.record_index)
    run_audit(config(out), dataset=digits)
    assert calls == [(0,), (0,)] and folder.signal(NAMES[0], 0).read_bytes() == before
    assert np.array_equal(folder.read_signal(NAMES[2], {0: 0}).values, values.values)


@pytest.mark.slow
def test_other_settings_are_other_signals(audited, digits):
    out, _ = audited
    other = config(out, attacks=["gap", {**ATTACK, "n_challenge": 11}])
    from privaudit.config import AuditConfig, parse

    with pytest.raises(StoreError, match=r"(was|were) not collected"):
        analyse(out, changes=parse(AuditConfig, other, where="test"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attacks": [ATTACK]}, "carries no verdict"),
        ({"primary": {"attack": "chameleon"}}, "carries no verdict"),
        ({"design": {"n_models": 8}}, "takes 8 shadow models"),
    ],
)
def test_no_verdict_is_made_of_poisoned_models(digits, tmp_path, changes, words):
    with pytest.raises((ConfigError, UnsupportedError), match=words):
        run_audit(config(tmp_path / "out", **changes), dataset=digits)
    assert not (tmp_path / "out").exists()
