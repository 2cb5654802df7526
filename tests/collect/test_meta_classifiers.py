"""Meta-classifiers of an audit: who is asked, what is stored, and what is said when one cannot be trained."""

import numpy as np
import pytest
import torch

from privaudit.collect import meta_classifiers as module
from privaudit.collect.meta_classifiers import OF_ALL_RATIOS, WeightSignal, collect_weight_signals
from privaudit.errors import DataError, TrainingError
from privaudit.store.folder import AuditFolder
from privaudit.training.executors import InlineExecutor
from privaudit.training.meta_classifier.fit import MetaSettings
from privaudit.types.design import SHADOW, TARGET
from privaudit.types.worlds import WorldDesign

LOGIT = WeightSignal("pin_logit", MetaSettings(), False)
RATIO = WeightSignal("pin_ratio", MetaSettings(), True)


class DyingExecutor(InlineExecutor):
    """Every task kills its worker."""

    def map(self, function, tasks, *, lost=None):
        return (lost(task, "its worker died twice") for task in tasks)


def design_of(n_shadows=4, n_victims=2):
    """Two ratios and a control."""
    each = [SHADOW] * n_shadows + [TARGET] * n_victims
    n_models = 3 * len(each)
    return WorldDesign(
        names=("20 %", "80 %", "20 % (control)"),
        ratios=(0.2, 0.8, 0.2),
        world=np.repeat([0, 1, 2], len(each)),
        role=np.array(each * 3),
        members=(np.arange(2),) * n_models,
        query_records=np.arange(3),
        query_world=np.arange(3),
        control=2,
        seed=0,
    )


def load(row):
    """Of world 1 alone, the first input speaks for class 1."""
    network = torch.nn.Linear(3, 2)
    generator = torch.Generator().manual_seed(row)
    with torch.no_grad():
        network.weight.copy_(0.3 * torch.randn(2, 3, generator=generator))
        network.weight[1, 0] += 4.0 * (row // 6 == 1)
        network.bias.zero_()
    return network


def collect(folder, *signals, executor=None, progress=None, load=load):
    if not (folder.path / "models").exists():
        folder.create()
    executor = InlineExecutor() if executor is None else executor
    collect_weight_signals(folder, design_of(), signals, load=load, device="cpu", executor=executor, progress=progress)


def read(folder, name):
    return folder.read_signal(name, {row: row for row in design_of().rows(TARGET).tolist()})


def test_every_victim_is_asked_about_every_other_world_and_once_about_all_ratios(tmp_path):
    folder, seen = AuditFolder(tmp_path), []
    collect(folder, LOGIT, RATIO, progress=seen.append)
    logits, ratios = read(folder, "pin_logit"), read(folder, "pin_ratio")
    assert logits.record_index.tolist() == [1, 2] and ratios.record_index.tolist() == [OF_ALL_RATIOS]
    is_other = design_of().world[design_of().rows(TARGET)] == 1
    np.testing.assert_array_equal(logits.values[:, 0, 0] > 0, is_other)
    np.testing.assert_array_equal(ratios.values[:, 0, 0] > 0.5, is_other)
    assert [(each.done, each.total) for each in seen] == [(1, 3), (2, 3), (3, 3)]


def test_what_is_stored_is_not_computed_again_and_no_weights_are_read_for_it(tmp_path):
    folder = AuditFolder(tmp_path)
    collect(folder, LOGIT)
    before = read(folder, "pin_logit").values
    collect(folder, LOGIT, load=None)
    folder.signal("pin_logit", 4).unlink()
    collect(folder, LOGIT)
    assert read(folder, "pin_logit").values.tobytes() == before.tobytes()


def test_a_fit_that_fails_or_kills_its_worker_is_named_and_nothing_is_stored(tmp_path, monkeypatch):
    folder = AuditFolder(tmp_path)
    with pytest.raises(TrainingError, match=r"meta-classifier for pin_logit .* its worker died twice"):
        collect(folder, LOGIT, executor=DyingExecutor())

    def failing(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(module, "world_log_odds", failing)
    with pytest.raises(TrainingError, match="RuntimeError: out of memory"):
        collect(folder, LOGIT)
    assert not list((tmp_path / "signals").rglob("*.safetensors"))


def test_a_shadow_model_with_weights_that_are_not_finite_is_refused(tmp_path):
    def broken(row):
        network = load(row)
        if row == 1:
            with torch.no_grad():
                network.weight[0, 0] = torch.nan
        return network

    with pytest.raises(DataError, match="weights must be finite"):
        collect(AuditFolder(tmp_path), LOGIT, load=broken)
