import contextlib
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from privaudit.collect.run import collect, query_models, query_one
from privaudit.collect.shadow import ShadowCollector
from privaudit.collect.stages import Query
from privaudit.data.design import make_design
from privaudit.errors import ConfigError, TrainingError
from privaudit.interfaces import Progress
from privaudit.scoring.signals import SIGNALS
from privaudit.store.folder import AuditFolder
from privaudit.training.check import check_network
from privaudit.training.executors import InlineExecutor, ProcessExecutor
from privaudit.training.job import make_job
from privaudit.training.model_spec import ModelSpec
from privaudit.training.one_model import Outcome, train_one
from privaudit.training.pool import run_outcomes, train_models

DESIGN = make_design(
    kind="paired", n_models=6, n_records=40, targets=[0], population=0.1, seed=0, record_codes=range(40)
)
INLINE = InlineExecutor()

TRAIN_FILE = """
import torch
from torch import nn

def good(model, features, labels, *, recipe, seed):
    assert isinstance(model, nn.Module) and isinstance(seed, int)
    assert len(features) == len(labels) and features.dtype == torch.float32 and labels.dtype == torch.int64
    assert recipe.sample_rate == 0.25
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(seed % 7 + 1.0)
    return model

def nothing(model, features, labels, *, recipe, seed):
    pass

def wrapped(model, features, labels, *, recipe, seed):
    return nn.Sequential(model)

def other_size(model, features, labels, *, recipe, seed):
    return nn.Sequential(nn.Flatten(), nn.Linear(5, 2), nn.ReLU(), nn.Linear(4, 2))

def strict(model, features, labels):
    return model

def infinite(model, features, labels, *, recipe, seed):
    with torch.no_grad():
        model[1].weight.fill_(float("inf"))
    return model

def huge(model, features, labels, *, recipe, seed):
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(3e38)
    return model

def quits(model, features, labels, *, recipe, seed):
    raise SystemExit(0)

def dies(model, features, labels, *, recipe, seed):
    import os
    os._exit(3)

def lines(model, features, labels, *, recipe, seed):
    raise ValueError("one\\n  two")
"""

FAILING = """
from pathlib import Path
from torch import nn

class Net(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, x):
        if self.training and (Path(__file__).parent / "trap").exists():
            try:
                (Path(__file__).parent / "trap").unlink()
            except FileNotFoundError:  # the other worker was faster
                return self.linear(x)
            raise RuntimeError("out of luck\\nand more")
        return self.linear(x)

def build(n_features, n_classes):
    return Net(n_features, n_classes)
"""


@pytest.fixture
def train_file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(TRAIN_FILE)
    return path


def run(job, executor=INLINE, **keys):
    return collect(ShadowCollector(), job, DESIGN, executor=executor, **keys)


def test_every_executor_gives_the_same_bytes(job_of, contents):
    jobs = []
    for name, executor in (("inline", INLINE), ("process", ProcessExecutor(workers=2))):
        jobs.append(job_of(name))
        assert run(jobs[-1], executor) == []
    inline = contents(jobs[0])
    assert len(inline) == 6 * (1 + len(SIGNALS))
    assert len({content for name, content in inline.items() if name.startswith("models")}) == 6
    assert contents(jobs[1]) == inline


def test_the_order_of_models_does_not_matter(job_of, contents):
    forward, backward = job_of("a"), job_of("b")
    train_models(forward, range(6), executor=INLINE)
    train_models(backward, [5, 3, 1, 4, 2, 0], executor=INLINE)
    assert contents(forward) == contents(backward)


def test_what_is_on_disk_is_not_trained_again(job_of, contents):
    job = job_of()
    train_models(job, [0, 1, 2, 3], executor=INLINE)
    first = contents(job)
    for path in (job.folder / "models").iterdir():
        os.utime(path, ns=(1, 1))
    steps = []
    assert run(job, progress=steps.append) == []
    assert {path.name: path.stat().st_mtime_ns == 1 for path in (job.folder / "models").iterdir()} == {
        f"{model:05d}.safetensors": model < 4 for model in range(6)
    }
    assert first.items() <= contents(job).items()
    training = [step for step in steps if step.stage == "training"]
    assert training == [Progress(stage="training", done=done, total=6) for done in (4, 5, 6)]
    assert [step.done for step in steps if step.stage == "querying"] == [0, 4, 6]  # four in one task
    steps.clear()
    run(job, progress=steps.append)
    assert [step.done for step in steps] == [6, 6]


def test_a_retrained_model_loses_its_old_signals(job_of, contents):
    job = job_of()
    run(job)
    everything = contents(job)
    path = AuditFolder(job.folder).signal("correct", 2)
    AuditFolder(job.folder).write_signal("correct", 2, np.full((40, 1), 9.0), np.arange(40))
    AuditFolder(job.folder).model(2).unlink()
    assert train_one(job, 2).error == ""
    assert not path.exists()
    run(job)
    assert contents(job) == everything


@pytest.mark.parametrize("executor", [INLINE, ProcessExecutor(workers=2)], ids=["inline", "process"])
def test_one_failing_model_is_named_and_the_others_kept(job_of, contents, tmp_path, executor):
    (tmp_path / "net.py").write_text(FAILING)
    whole = job_of("whole", build="net.py:build")
    train_models(whole, range(6), executor=INLINE)
    job = job_of("out", build="net.py:build")
    (tmp_path / "trap").touch()
    with pytest.raises(
        TrainingError, match=r"training failed for model \d: .*net.py, line 16: RuntimeError: out of"
    ) as e:
        train_models(job, range(6), executor=executor)
    assert "\n" not in str(e.value)
    assert "and more. Finished models are kept" in str(e.value)
    (lost,) = e.value.models
    kept = contents(job)
    assert AuditFolder(job.folder).missing_models(range(6)) == [lost]
    for path in (job.folder / "models").iterdir():
        os.utime(path, ns=(1, 1))
    assert train_models(job, range(6), executor=executor) == []
    assert [path.name for path in (job.folder / "models").iterdir() if path.stat().st_mtime_ns != 1] == [
        f"{lost:05d}.safetensors"
    ]
    assert kept.items() <= contents(job).items()
    assert contents(job) == contents(whole)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("nothing", "nothing must return the trained torch.nn.Module; got NoneType"),
        ("wrapped", r"wrapped must return the model it was given.*0\.1\.bias.*_module"),
        ("other_size", r"other_size must return the model it was given.*1\.bias has shape \(2,\) instead of \(4,\)"),
        ("strict", "TypeError: strict.. got an unexpected keyword argument"),
        ("lines", "own.py, line 45: ValueError: one two"),
        ("quits", "SystemExit: 0"),
        ("absent", "absent does not exist"),
    ],
)
def test_what_a_users_train_may_do_wrong(job_of, train_file, function, words):
    job = job_of(train=f"own.py:{function}")
    with pytest.raises(TrainingError, match=words) as caught:
        train_models(job, range(6), executor=INLINE)
    assert "\n" not in str(caught.value)
    assert "(3 more models failed)" in str(caught.value)  # it gives up after four
    assert list((job.folder / "models").iterdir()) == []


def test_a_users_train_is_called_with_recipe_and_seed(job_of, train_file, contents):
    jobs = [job_of(name, train="own.py:good") for name in "ab"]
    for job in jobs:
        assert run(job) == []
    assert contents(jobs[0]) == contents(jobs[1])


@pytest.mark.parametrize("function", ["quits", "dies"])
def test_user_code_that_ends_its_process(job_of, train_file, function):
    job = job_of(train=f"own.py:{function}")
    with contextlib.closing(ProcessExecutor(workers=1)) as executor:
        with pytest.raises(TrainingError, match=r"SystemExit|its worker died twice \(exit code 3") as caught:
            train_models(job, [0], executor=executor)
        assert "\n" not in str(caught.value)
        assert train_models(job_of("next"), [0, 1], executor=executor) == []  # the pool comes back


def test_divergence_is_reported_and_not_stored(job_of, recipe, replaced):
    job = job_of(recipe=recipe(lr=1e30, dp=False))
    with pytest.raises(TrainingError, match=r"first 4 models all diverged \(model 0.*recipe.optimizer.lr") as caught:
        train_models(job, range(6), executor=INLINE)
    assert caught.value.models == (0, 1, 2, 3)
    assert list((job.folder / "models").iterdir()) == []
    # where others are good, every model is tried, also on resume when only diverging ones are missing
    mixed = replaced(job, recipes=(recipe(), recipe(lr=1e30, dp=False)), variant=np.array([0, 1, 1, 1, 1, 1]))
    for _ in range(2):
        assert collect(ShadowCollector(), mixed, DESIGN, executor=INLINE) == [1, 2, 3, 4, 5]
    assert [path.name for path in (job.folder / "models").iterdir()] == ["00000.safetensors"]


def test_outputs_that_are_not_finite_count_as_diverged(job_of, train_file):
    job = job_of(train="own.py:huge")
    assert train_models(job, [0, 1], executor=INLINE) == []
    request = Query(models=[0, 1], signals=frozenset({"correct"}))
    assert query_models(job, request, executor=INLINE) == [0, 1]
    outcome = query_one(job, ("correct",), 0)
    assert outcome.diverged
    assert "outputs are not finite" in outcome.error
    assert not AuditFolder(job.folder).signal("correct", 0).exists()
    assert train_one(job_of("b", train="own.py:infinite"), 0) == Outcome(0, "its weights are not finite", diverged=True)


def test_a_file_changed_during_the_run_is_refused(job_of, train_file):
    job = job_of(train="own.py:good")
    assert train_one(job, 0).error == ""
    train_file.write_text(TRAIN_FILE + "\n# edited\n")
    assert "own.py:good: the file changed while the audit runs" in train_one(job, 1).error
    assert "the file changed" in query_one(job, ("correct",), 0).error


def test_a_relative_base_is_that_of_the_caller(dataset, tmp_path, monkeypatch, user_file):
    monkeypatch.chdir(tmp_path)
    job = make_job(dataset, DESIGN, spec=ModelSpec(build="mine.py:build"), recipes=(), device="cpu", folder=Path("out"))
    assert job.spec.base == tmp_path.resolve()
    assert job.folder == tmp_path.resolve() / "out"


def test_damaged_weights_name_the_file(job_of):
    job = job_of()
    train_models(job, [0], executor=INLINE)
    path = AuditFolder(job.folder).model(0)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(TrainingError, match=r"querying failed for model 0: .*00000.safetensors.*Delete this file"):
        query_models(job, Query(models=[0], signals=frozenset({"correct"})), executor=INLINE)


def test_a_store_that_cannot_be_written(job_of):
    job = job_of()
    (job.folder / "models").rmdir()
    with pytest.raises(TrainingError, match="cannot write"):
        train_models(job, [0], executor=INLINE)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ModelSpec(build="mine.py:broken"), r"mine.py, line \d+: KeyError: .*first line"),
        (ModelSpec(build="mine.py:quits"), "SystemExit"),
        (ModelSpec(build="mine.py:bild"), "Did you mean build"),
        (ModelSpec(build="mpl"), "model.build must be one of linear, mlp.*Did you mean mlp"),
        (ModelSpec(build="mlp", params={"hiden": [3]}), "model.params do not fit mlp.*hiden"),
        (ModelSpec(build="mlp", params={"hidden": 5}), "mlp cannot build a model with model.params.*TypeError"),
        (ModelSpec(build="mlp", params={"hidden": [-1]}), "mlp cannot build a model with model.params.*RuntimeError"),
        (ModelSpec(build="mlp", params={"hidden": ["a"]}), "mlp cannot build a model with model.params.*TypeError"),
    ],
)
def test_models_that_cannot_be_built(dataset, user_file, spec, words, replaced):
    with pytest.raises(ConfigError, match=words) as caught:
        check_network(replaced(spec, base=user_file.parent), dataset, is_private=True)
    assert "\n" not in str(caught.value)


def _slow(models, folder):
    (model,) = models
    (folder / f"started-{model}").touch()
    time.sleep(0 if model == 0 else 30)
    return [Outcome(model)]


def test_an_interrupt_ends_the_workers_at_once(tmp_path):
    def interrupt(step):
        if step.done:
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_outcomes(
            partial(_slow, folder=tmp_path),
            [(model,) for model in range(4)],
            range(4),
            name=str,
            executor=ProcessExecutor(workers=2),
            progress=interrupt,
            stage="training",
            n_total=4,
        )
    assert time.monotonic() - start < 20
