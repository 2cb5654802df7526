"""Groups are a function of recipe, network, device type and budget; a model's bytes do not depend on how many there are."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.config import OptimizerConfig
from privaudit.data.design import make_design
from privaudit.store.folder import AuditFolder
from privaudit.training.executors import InlineExecutor
from privaudit.training.group_training import train_group, trained_networks
from privaudit.training.groups import GIGABYTE, StepMemory, TrainerPlan, groups_of, plan_groups, widest_batch
from privaudit.training.job import make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.one_model import trained_network
from privaudit.training.pool import train_models

SIDE_BY_SIDE = TrainerPlan(trainer="ensemble", group_size=4, memory_gb=2.0)


def flat(network):
    return torch.cat([weight.detach().reshape(-1) for weight in network.parameters()])


@pytest.fixture
def job(dataset, tmp_path, recipe):
    def _job(
        name="out", *, n_models=6, kind="paired", plan=SIDE_BY_SIDE, build="mlp", params=None, n_controls=0, **keys
    ):
        design = make_design(
            kind=kind,
            n_models=n_models,
            n_records=40,
            targets=[0],
            population=0.1,
            seed=0,
            record_codes=range(40),
            n_control_models=n_controls,
        )
        AuditFolder(tmp_path / name).create()
        spec = ModelSpec(build=build, params=params or {"hidden": [4]}, base=tmp_path)
        recipes = (recipe(**keys), recipe(**{**keys, "dp": False}))
        return make_job(dataset, design, spec=spec, recipes=recipes, device="cpu", folder=tmp_path / name, plan=plan)

    return _job


@given(
    variant=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    size=st.integers(1, 9),
    share=st.floats(0, 1),
)
@settings(derandomize=True, deadline=None)
def test_every_wanted_model_is_in_one_whole_group_of_its_variant(variant, size, share):
    variant = np.array(variant)
    rows = [row for row in range(len(variant)) if row % 7 <= 7 * share]
    groups = list(groups_of(variant, rows, size=size))
    trained = [row for group in groups for row in group]
    assert len(set(trained)) == len(trained) and set(rows) <= set(trained)
    everyone = {group for group in groups_of(variant, range(len(variant)), size=size)}
    assert set(groups) <= everyone and sorted(row for group in everyone for row in group) == list(range(len(variant)))
    assert all(len(group) <= size and len(set(variant[list(group)].tolist())) == 1 for group in groups)
    # models added at the end leave whole groups as they are
    longer = np.concatenate([variant, variant])
    later = set(groups_of(longer, range(len(longer)), size=size))
    assert {group for group in everyone if len(group) == size} <= later


def plan(recipe, **keys):
    settings = {
        "n_weights": 10_000,
        "memory": StepMemory(0, 4_000),
        "n_records": 40,
        "has_convolution": False,
        "device_type": "cpu",
        "memory_gb": 2.0,
    }
    return plan_groups(recipe, **{**settings, **keys})


def test_planned_groups(recipe):
    assert plan(recipe()) == (16, None)
    assert plan(recipe(), has_convolution=True) == (1, None)
    assert plan(recipe(), device_type="cuda") == (256, None)
    assert plan(recipe(), device_type="cuda", has_convolution=True) == (256, None)


def test_groups_and_passes_fit_the_budget(recipe):
    wide = recipe(expected=100.0)
    width = widest_batch(wide)
    assert width == 160
    heavy = {"memory": StepMemory(5_000_000, 1_000_000)}
    needed = 10_000 * 4 * 4 + 5_000_000 + width * 1_000_000
    for gigabytes in (0.3, 0.5, 1.0, 2.0, 4.0):
        size, most = plan(wide, **heavy, memory_gb=gigabytes)
        assert most is None
        assert size * needed <= gigabytes * GIGABYTE
        assert (
            size == 16 or 3 * size * needed > gigabytes * GIGABYTE
        )  # a power of two, and a quarter left for libraries
    size, most = plan(wide, **heavy, memory_gb=0.1)
    assert size == 1 and 70 <= most <= 100  # of 160: a batch takes two passes
    assert plan(wide, memory=StepMemory(0, 10**12), memory_gb=0.1) == (1, 1)
    assert plan(wide, **heavy, memory_gb=1.0, resident_bytes=GIGABYTE // 2)[0] < plan(wide, **heavy, memory_gb=1.0)[0]


def test_tables_of_many_records_count(recipe):
    assert plan(recipe(), n_records=10_000_000)[0] < plan(recipe(), n_records=10_000)[0]


def test_adam_needs_more_than_sgd(recipe):
    heavy = {"n_weights": 5_000_000, "memory_gb": 0.7}
    adam = dataclasses.replace(recipe(), optimizer=OptimizerConfig(name="adam"))
    assert plan(adam, **heavy)[0] < plan(recipe(), **heavy)[0]


@pytest.mark.parametrize("dp", [True, False])
def test_a_model_is_what_the_loop_makes_of_it(job, dp):
    """Same weights, records and batches: without noise the two trainers agree to rounding (float32, 8 steps)."""
    made = job(noise=0.0, dp=dp, lr=0.1)
    networks = trained_networks(made, (0, 1, 2, 3))
    for row, network in enumerate(networks):
        torch.testing.assert_close(flat(network), flat(trained_network(made, row)), rtol=1e-5, atol=1e-6)
    assert len({tuple(flat(network).tolist()) for network in networks}) == 4


def test_bytes_do_not_depend_on_the_number_of_models(job, contents):
    """The last group is filled with the models that would come next."""
    few, many = job("few", n_models=6), job("many", n_models=12)
    for each in (few, many):
        assert train_models(each, range(each.is_in.shape[0]), executor=InlineExecutor()) == []
    assert contents(few).items() <= contents(many).items()
    assert len(contents(few)) == 6


def test_controls_too_are_trained_in_groups_of_their_own(job, contents):
    few, many = job("few", n_models=6, n_controls=4), job("many", n_models=8, n_controls=6)
    for each in (few, many):
        assert train_models(each, range(each.is_in.shape[0]), executor=InlineExecutor()) == []
    assert contents(few).items() <= contents(many).items()
    assert sum("control" in name for name in contents(few)) == 4


def test_a_balanced_design_has_no_models_to_come(job):
    made = job(kind="balanced")
    assert len(trained_networks(made, (4, 5))) == 2


def test_a_group_with_a_file_missing_is_trained_again_whole_and_only_that_file_written(job, contents):
    made = job()
    train_models(made, range(6), executor=InlineExecutor())
    before = contents(made)
    path = AuditFolder(made.folder).model(2)
    times = {name.name: name.stat().st_mtime_ns for name in path.parent.iterdir()}
    path.unlink()
    assert [outcome.error for outcome in train_group(made, (0, 1, 2, 3))] == [""] * 4
    assert contents(made) == before
    changed = {name.name for name in path.parent.iterdir() if name.stat().st_mtime_ns != times[name.name]}
    assert changed == {path.name}


def test_a_model_that_diverges_takes_no_other_with_it(job, tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def build(n, k):\n"
        "    model = nn.Sequential(nn.Linear(n, 3), nn.ReLU(), nn.Linear(3, k))\n"
        "    if torch.rand(()) < 0.3:\n"
        "        nn.init.constant_(model[0].bias, float('inf'))\n"
        "    return model\n"
    )
    made = job(build="net.py:build", params={})
    made = dataclasses.replace(made, spec=dataclasses.replace(made.spec, params={}))
    outcomes = [outcome for rows in ((0, 1, 2, 3), (4, 5)) for outcome in train_group(made, rows)]
    lost = [outcome.model for outcome in outcomes if outcome.diverged]
    assert 0 < len(lost) < 6
    assert [outcome.error for outcome in outcomes if not outcome.diverged] == [""] * (6 - len(lost))
    assert [AuditFolder(made.folder).model(row).exists() for row in range(6)] == [row not in lost for row in range(6)]


def test_what_cannot_be_batched_after_all_says_what_to_set(job, tmp_path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def build(n, k):\n"
        "    return nn.Sequential(nn.Linear(n, 3), nn.BatchNorm1d(3), nn.Linear(3, k))\n"
    )
    made = job(build="net.py:build")
    made = dataclasses.replace(made, spec=dataclasses.replace(made.spec, params={}))
    outcomes = train_group(made, (0, 1, 2, 3))
    assert len(outcomes) == 4
    assert all("BatchNorm1d" in outcome.error and "engine.trainer: loop" in outcome.error for outcome in outcomes)


def test_a_large_batch_in_several_passes_gives_the_same_model(job):
    whole = trained_networks(job("a", rate=0.5, expected=18.0), (0, 1, 2, 3))
    cut = dataclasses.replace(SIDE_BY_SIDE, most_records=3)
    in_parts = trained_networks(job("b", rate=0.5, expected=18.0, plan=cut), (0, 1, 2, 3))
    for one, other in zip(whole, in_parts, strict=True):
        torch.testing.assert_close(flat(one), flat(other), rtol=1e-5, atol=1e-6)


def test_reduced_precision_is_close(job):
    whole = trained_networks(job("a", noise=0.0), (0, 1, 2, 3))
    reduced = trained_networks(
        job("b", noise=0.0, plan=dataclasses.replace(SIDE_BY_SIDE, precision="bfloat16")), (0, 1, 2, 3)
    )
    for one, other in zip(whole, reduced, strict=True):
        assert not torch.equal(flat(one), flat(other))
        torch.testing.assert_close(flat(one), flat(other), rtol=0.05, atol=0.05)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own modules, when the compiler is loaded
def test_compiled_is_the_same(job):
    whole = trained_networks(job("a"), (0, 1, 2, 3))
    compiled = trained_networks(job("b", plan=dataclasses.replace(SIDE_BY_SIDE, compiled=True)), (0, 1, 2, 3))
    for one, other in zip(whole, compiled, strict=True):
        torch.testing.assert_close(flat(one), flat(other), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dp", [True, False])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_device_makes_the_same_of_the_same_seeds(job, device, dp):
    """Initial weights may differ between devices; the trainers agree on each, and the same seed gives the same bytes."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    made = dataclasses.replace(job(noise=0.0, dp=dp, lr=0.1), device=device)
    networks = trained_networks(made, (0, 1, 2, 3))
    again = trained_networks(made, (0, 1, 2, 3))
    for row, (network, other) in enumerate(zip(networks, again, strict=True)):
        assert flat(network).device.type == device
        assert torch.equal(flat(network), flat(other))
        torch.testing.assert_close(flat(network), flat(trained_network(made, row)), rtol=1e-4, atol=1e-5)
