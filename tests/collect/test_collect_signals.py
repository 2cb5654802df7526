"""From the signals that attacks read to the collectors that make them, and what these ask and refuse."""

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from privaudit.collect.augmented import AugmentedCollector
from privaudit.collect.averaged import AveragedCollector
from privaudit.collect.chameleon import ChameleonCollector
from privaudit.collect.label_queries import LabelQueryCollector
from privaudit.collect.loss_trace import LossTraceCollector
from privaudit.collect.run import collect
from privaudit.collect.shadow import ShadowCollector
from privaudit.collect.stages import CollectContext, Measured, Query, Train
from privaudit.config import AuditConfig, OptimizerConfig, load_config, parse
from privaudit.data.dataset import dataset_from_arrays
from privaudit.data.design import make_design
from privaudit.errors import ConfigError, StoreError, UnsupportedError
from privaudit.numerics import logit_margin
from privaudit.pipeline import run_audit
from privaudit.pipeline.analyse import analyse
from privaudit.pipeline.plan import make_plan
from privaudit.pipeline.run import train_shadows
from privaudit.registry import create_attack, create_collectors, list_methods
from privaudit.scoring.measure import measure
from privaudit.scoring.query import query_logits
from privaudit.scoring.signals import (
    ALWAYS,
    AUGMENTED_MARGIN,
    AVERAGED_MARGIN,
    LABEL_SIGNALS,
    LOSS_TRACE,
    POISON_SIGNALS,
    SIGNALS,
)
from privaudit.scoring.views import views
from privaudit.store.folder import AuditFolder
from privaudit.store.tensors import load_arrays
from privaudit.training.recipe import Recipe

DESIGN = make_design(
    kind="paired", n_models=4, n_records=10, targets=[0], population=0.2, seed=0, record_codes=range(10)
)
RECIPE = Recipe(
    steps=6,
    sample_rate=0.5,
    epochs=None,
    batch_size=None,
    expected_batch_size=5.0,
    schedule_steps=6,
    optimizer=OptimizerConfig(name="sgd", lr=0.5),
    dp=None,
)


class Wishful:
    """An attack that reads what nobody measures."""

    name: ClassVar[str] = "wishful"
    signals: ClassVar[frozenset[str]] = frozenset({"logit_margin", "negative_loss_trail"})


def names(*attacks):
    return [one.name for one in create_collectors(attacks)]


STEPS = {"steps": 6, "sample_rate": 0.5, "optimizer": {"name": "sgd", "lr": 0.5}}


def config_of(tmp_path, attacks, **changes):
    content = {
        "data": {"source": "digits", "label": None, "n_records": 60, "groups": []},
        "model": {"build": "mlp", "params": {"hidden": [4]}},
        "recipe": STEPS,
        "design": {"n_models": 8},
        "attacks": attacks,
        "primary": {"attack": attacks[0]["name"], "estimator": "one_run"},
        "out": str(tmp_path / "out"),
        "engine": {"kind": "inline"},
        **changes,
    }
    return parse(AuditConfig, content, where="test")


def test_collectors_run_that_are_needed_and_in_an_order_that_trains_once():
    trace, views_of = create_attack("lt_iqr", {}), create_attack("lira", {"queries": "augmented"})
    assert names() == names(create_attack("loss", {}), create_attack("lira", {})) == ["shadow"]
    assert names(trace) == ["loss_trace", "shadow"]
    assert names(views_of, trace, trace) == ["loss_trace", "shadow", "augmented"]
    assert names(create_attack("noise", {}), create_attack("boundary", {})) == ["shadow", "label_queries"]
    every = ["loss_trace", "shadow", "augmented", "averaged", "label_queries", "chameleon"]
    assert [row.name for row in list_methods("collector")] == every


def test_no_signal_has_two_makers():
    every = (
        LossTraceCollector,
        ShadowCollector,
        AugmentedCollector,
        AveragedCollector,
        LabelQueryCollector,
        ChameleonCollector,
    )
    made = [signal for one in every for signal in one.produces]
    assert sorted(made) == sorted(
        {*SIGNALS, LOSS_TRACE, AUGMENTED_MARGIN, AVERAGED_MARGIN, *LABEL_SIGNALS, *POISON_SIGNALS}
    )


def test_an_unknown_signal_is_refused_by_name():
    with pytest.raises(
        ConfigError, match="attack wishful reads signal negative_loss_trail, which no collector"
    ) as caught:
        create_collectors([Wishful()])
    assert "\n" not in str(caught.value) and "Did you mean negative_loss_trace" in str(caught.value)
    assert caught.value.key == "attacks.wishful"


def test_models_that_diverged_are_not_asked_for_again():
    design = make_design(
        kind="paired", n_models=4, n_records=10, targets=[0], population=0.2, seed=0, record_codes=range(10)
    )
    context = CollectContext(
        design=design, record_shape=(3, 3), has_own_training=False, n_trace_points=3, diverged=frozenset({2})
    )
    assert next(LossTraceCollector().stages(context)) == Train(models=[0, 1, 3], signals=frozenset({LOSS_TRACE}))
    assert next(AugmentedCollector().stages(context)) == Query(models=[0, 1, 3], signals=frozenset({AUGMENTED_MARGIN}))
    stages = ShadowCollector().stages(context)
    assert next(stages) == Train(models=[0, 1, 3])
    assert stages.send(Measured(models=(0, 1, 3), read=lambda name: None)).models == (0, 1, 3)


@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        (None, set(SIGNALS)),
        (ALWAYS, ALWAYS),
        (frozenset({"correct"}), {"correct"}),
        (ALWAYS | {"negative_loss_t2", LOSS_TRACE}, ALWAYS | {"negative_loss_t2"}),
    ],
)
def test_models_are_queried_for_what_is_wanted(wanted, more):
    context = CollectContext(design=DESIGN, record_shape=(3,), has_own_training=False, n_trace_points=3, wanted=wanted)
    stages = ShadowCollector().stages(context)
    next(stages)
    query = stages.send(Measured(models=(0,), read=lambda name: None))
    assert query.signals == more


@pytest.mark.parametrize("signals", [{"logit_margin"}, {LOSS_TRACE, "logit_margin"}, {"negative_loss_trail"}])
def test_what_cannot_be_recorded_in_training_is_refused_before_it(signals):
    class Greedy:
        def stages(self, context):
            yield Train(models=[0], signals=frozenset(signals))

    job = SimpleNamespace(
        record_shape=(3,),
        spec=SimpleNamespace(train=None),
        recipes=(RECIPE,),
        labels=np.arange(10),
        n_classes=2,
        release=None,
    )
    with pytest.raises(UnsupportedError, match=f"one signal can be recorded.*{min(signals)}") as caught:
        collect(Greedy(), job, DESIGN, executor=None)
    assert "\n" not in str(caught.value)


TRAIN_FILE = """
def train(model, features, labels, *, recipe, seed):
    return model
"""


def test_what_cannot_be_collected_is_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "mine.py").write_text(TRAIN_FILE)
    flat = dataset_from_arrays(np.random.default_rng(0).normal(size=(60, 9)), np.arange(60) % 2, name="flat")
    own = {"build": "mlp", "params": {"hidden": [4]}, "train": "mine.py:train"}
    traced = [{"name": "loss"}, {"name": "lt_iqr"}]
    cases = (
        (config_of(tmp_path, traced, model=own), None, "model.train"),
        (config_of(tmp_path, traced, recipe={**STEPS, "steps": 2}), None, "at least 2; the recipe has 1"),
        (config_of(tmp_path, [{"name": "lira", "params": {"queries": "augmented"}}]), flat, r"shape \(9,\)"),
    )
    for config, dataset, words in cases:
        with pytest.raises(UnsupportedError, match=words) as caught:
            train_shadows(config, dataset=dataset, base=tmp_path)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()
    assert make_plan(config_of(tmp_path, [{"name": "loss"}], model=own), base=tmp_path).collectors[0].name == "shadow"


def test_a_released_model_has_no_trace():
    design = make_design(
        kind="paired", n_models=4, n_records=10, targets=[0], population=0.2, seed=0, record_codes=range(10)
    )
    released = np.array([0, 0, 0, -1])

    class WithReleased:
        is_trained = released != -1

    context = CollectContext(design=WithReleased(), record_shape=(3, 3), has_own_training=False, n_trace_points=3)
    with pytest.raises(UnsupportedError, match=r"model\.checkpoint"):
        LossTraceCollector().check(context)
    LossTraceCollector().check(
        CollectContext(design=design, record_shape=(3,), has_own_training=False, n_trace_points=3)
    )
    assert next(AugmentedCollector().stages(context)).models == [0, 1, 2, 3]  # but it can be queried


def test_the_views_of_an_image():
    image = torch.arange(12.0).reshape(1, 3, 4)
    found = [view[0].tolist() for view in views(image)]
    assert len(found) == 18 and len({str(view) for view in found}) == 18
    assert found[0] == image[0].tolist()
    assert found[9] == image[0].flip(-1).tolist()
    assert [
        [1.0, 0.0, 1.0, 2.0],
        [5.0, 4.0, 5.0, 6.0],
        [9.0, 8.0, 9.0, 10.0],
    ] in found  # one pixel to the right, reflected at the border
    assert [[4.0, 5.0, 6.0, 7.0], [0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]] in found  # one pixel down
    channels = torch.stack([image[0], 10 * image[0]])[None]
    for plain, view in zip(found, views(channels), strict=True):
        assert view[0, 0].tolist() == plain and view[0, 1].tolist() == [[10 * x for x in row] for row in plain]


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3)])
def test_augmented_margins_are_the_margins_of_the_views(shape):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 3))
    features, labels = torch.randn(7, *shape), np.arange(7) % 3
    found = measure(network, features, labels, [AUGMENTED_MARGIN, "logit_margin"])
    assert found[AUGMENTED_MARGIN].shape == (7, 18)
    assert np.array_equal(found[AUGMENTED_MARGIN][:, :1], found["logit_margin"])
    mirrored = logit_margin(query_logits(network, features.flip(-1)), labels)
    assert np.array_equal(found[AUGMENTED_MARGIN][:, 9], mirrored)
    assert measure(network, features, labels, ["correct"]).keys() == {"correct"}


def test_an_audit_records_what_its_attacks_read_and_its_models_do_not_change(tmp_path):
    rows, labels = load_digits(return_X_y=True)
    digits = dataset_from_arrays(rows.reshape(-1, 8, 8) / 16, labels, name="images")
    attacks = [{"name": "lira", "params": {"queries": "augmented"}}, {"name": "lt_iqr"}, {"name": "loss"}]
    plain = train_shadows(config_of(tmp_path, [{"name": "loss"}], out=str(tmp_path / "plain")), dataset=digits)
    report = run_audit(config_of(tmp_path, attacks), dataset=digits)
    out = tmp_path / "out"
    weights = [{path.name: path.read_bytes() for path in (folder / "models").iterdir()} for folder in (plain, out)]
    assert weights[0] == weights[1] and len(weights[0]) == 8
    kept = {path.name for path in (plain / "signals").iterdir()}
    assert kept == ALWAYS and {path.name for path in (out / "signals").iterdir()} == kept | {
        LOSS_TRACE,
        AUGMENTED_MARGIN,
    }
    arrays = {name: load_arrays(AuditFolder(out).signal(name, 3))["values"] for name in (*kept, LOSS_TRACE)}
    assert arrays[LOSS_TRACE].shape == (60, 3) and np.array_equal(arrays[LOSS_TRACE][:, -1:], arrays["negative_loss"])
    found = {finding.method: finding for finding in report.sections[0].findings}
    assert any("owner" in note for note in found["lt_iqr"].notes)
    metrics = {metric.name: metric for metric in found["accuracy"].metrics}
    rates = {name: metrics[name].value for name in ("accuracy_in", "accuracy_out", "train_test_gap")}
    assert rates["train_test_gap"] == pytest.approx(rates["accuracy_in"] - rates["accuracy_out"], abs=1e-15)
    assert metrics["tail_tnr"].at == 0.01 and metrics["tail_tnr"].value is None  # 1 % of some 24 members
    assert "not measurable" in metrics["tail_tnr"].rule


def signal_files(out):
    return {
        str(path.relative_to(out)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in out.glob("signals/*/*.safetensors")
    }


def test_a_signal_that_nobody_asked_for_is_named_and_added_without_touching_the_others(tmp_path):
    """Base reads the loss at temperature 2; views and traces are never there unless asked for."""
    plain, more = config_of(tmp_path, [{"name": "loss"}]), config_of(tmp_path, [{"name": "loss"}, {"name": "base"}])
    out = train_shadows(plain)
    before = signal_files(out)
    assert len(before) == 8 * len(ALWAYS)
    with pytest.raises(StoreError, match="signal negative_loss_t2 was not collected: no attack asked for it") as caught:
        analyse(out, changes=more)
    assert "\n" not in str(caught.value) and "`privaudit run` with this config" in str(caught.value)
    several = config_of(tmp_path, [{"name": "loss"}, {"name": "base"}, {"name": "lt_iqr"}])
    with pytest.raises(StoreError, match="signals negative_loss_t2, negative_loss_trace were not collected"):
        analyse(out, changes=several)
    assert train_shadows(more) == out
    after = signal_files(out)
    assert before.items() <= after.items() and len(after) == 8 * (len(ALWAYS) + 1)
    (out / "signals" / "negative_loss_t2" / "00003.safetensors").unlink()
    (out / "signals" / "correct" / "00005.safetensors").unlink()
    with pytest.raises(StoreError, match=r"signals of 2 of 8 models are missing\. Run the same"):
        analyse(out)
    train_shadows(more)
    again = signal_files(out)
    assert {name: content for name, (_, content) in again.items()} == {
        name: content for name, (_, content) in after.items()
    }
    assert {name for name in after if again[name] != after[name]} == {
        "signals/negative_loss_t2/00003.safetensors",
        "signals/correct/00005.safetensors",
    }
    assert analyse(out).sections


def test_signals_that_an_unfinished_run_was_asked_for_are_no_news(tmp_path):
    """Nothing is there yet, but the same command brings it."""
    out = train_shadows(config_of(tmp_path, [{"name": "loss"}, {"name": "base"}]))
    for path in out.glob("signals/negative_loss_t2/*"):
        path.unlink()
    with pytest.raises(StoreError, match=r"signals of 8 of 8 models are missing\. Run the same"):
        analyse(out)


def test_an_old_folder_is_not_queried_again_for_what_nobody_asks_for(tmp_path):
    """A folder that lacks a signal of no attack asked for is left as it is."""
    out = train_shadows(config_of(tmp_path, [{"name": "loss"}]))
    before = signal_files(out)
    steps = []
    train_shadows(config_of(tmp_path, [{"name": "loss"}, {"name": "lira"}]), progress=steps.append)
    assert signal_files(out) == before
    assert [(step.done, step.total) for step in steps if step.stage == "querying"] == [(8, 8)]


def test_the_bundled_audit_collects_no_more_than_before():
    attacks = [create_attack(method.name, method.params) for method in load_config().attacks]
    assert names(*attacks) == ["shadow"]
