"""Audits whose models answer through a filter: the same files with any executor, and what no filter stands before is refused."""

import contextlib
import dataclasses

import numpy as np
import pytest

from privaudit.attacks import AveragedLira, Lira
from privaudit.collect.averaged import AveragedCollector
from privaudit.collect.chameleon import ChameleonCollector
from privaudit.collect.label_queries import LabelQueryCollector
from privaudit.collect.loss_trace import LossTraceCollector
from privaudit.collect.run import collect, collect_all
from privaudit.collect.shadow import ShadowCollector
from privaudit.collect.stages import CollectContext
from privaudit.data.design import make_design
from privaudit.defenses.output_noise import OutputNoise
from privaudit.defenses.rounding import Rounding
from privaudit.defenses.temperature import Temperature
from privaudit.defenses.top_k import TopK
from privaudit.errors import UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.scoring.signals import ALWAYS, AVERAGED_MARGIN
from privaudit.store.folder import AuditFolder
from privaudit.training.executors import InlineExecutor
from privaudit.training.process_executor import ProcessExecutor

COLLECTORS = (ShadowCollector(), AveragedCollector(), LabelQueryCollector())
WANTED = ALWAYS | {AVERAGED_MARGIN, "augmented_correct"}
INLINE = InlineExecutor()
DESIGN = make_design(
    kind="paired", n_models=6, n_records=40, targets=[0], population=0.1, seed=0, record_codes=range(40)
)


@pytest.fixture
def filtered_job(job_of, recipe):
    def _job(name, release, **options):
        return dataclasses.replace(job_of(name, recipe=recipe(dp=False, lr=2.0, steps=40), **options), release=release)

    return _job


def run(job, executor=INLINE, collectors=COLLECTORS):
    return collect_all(collectors, job, DESIGN, executor=executor, wanted=WANTED)


def inputs_of(job):
    folder, numbers = AuditFolder(job.folder), {row: row for row in range(6)}
    signals = {name: folder.read_signal(name, numbers) for name in WANTED}
    return AuditInputs(design=DESIGN, labels=job.labels, signals=signals, usable=np.arange(6))


@pytest.mark.parametrize("fresh", [False, True])
def test_files_are_the_same_with_any_executor_and_after_a_break(filtered_job, contents, tmp_path, fresh):
    one, other = (filtered_job(name, OutputNoise(scale=1.0, fresh=fresh)) for name in ("one", "other"))
    run(one)
    with contextlib.closing(ProcessExecutor(2, tmp_path / "logs")) as executor:
        run(other, executor)
    first = contents(one)
    assert first == contents(other) and len(first) == 6 * (1 + len(WANTED))
    folder = AuditFolder(one.folder)
    for name, number in ((AVERAGED_MARGIN, 1), ("logit_margin", 1), ("augmented_correct", 4), ("correct", 5)):
        folder.signal(name, number).unlink()
    run(one)
    assert contents(one) == first


def test_a_filter_changes_answers_and_no_model(filtered_job, contents):
    plain, masked = (filtered_job(name, release) for name, release in (("plain", None), ("masked", TopK(k=1))))
    run(plain)
    run(masked)
    before, after = contents(plain), contents(masked)
    models = {name for name in before if name.startswith("models")}
    assert {name for name in before if before[name] == after[name]} >= models and len(models) == 6
    assert np.array_equal(
        inputs_of(plain).dense_queries("augmented_correct"), inputs_of(masked).dense_queries("augmented_correct")
    )


def test_behind_a_temperature_the_attack_ranks_two_classes_as_before(filtered_job):
    plain, masked = (filtered_job(name, release) for name, release in (("plain", None), ("t", Temperature(value=5.0))))
    run(plain)
    run(masked)
    attack = Lira(variance="pooled")
    before, after = (attack.run(inputs_of(job), targets=[0])[0].scores for job in (plain, masked))
    assert after == pytest.approx(before, rel=1e-6, abs=1e-6)
    assert np.array_equal(np.argsort(before), np.argsort(after))


@pytest.mark.parametrize("release", [Rounding(decimals=1), TopK(k=1), OutputNoise(scale=3.0), None])
def test_attacks_run_on_what_is_let_out(filtered_job, release):
    job = filtered_job("out", release)
    run(job)
    for attack in (Lira(), AveragedLira(), AveragedLira(mode="offline", variance="pooled")):
        (result,) = attack.run(inputs_of(job), targets=[0])
        assert np.isfinite(result.scores).all() and len(result.scores) == 36


def test_without_a_filter_the_averaged_attack_ranks_as_the_plain_one_does(filtered_job):
    job = filtered_job("out", None)
    run(job)
    plain, averaged = (one.run(inputs_of(job), targets=[0])[0].scores for one in (Lira(), AveragedLira()))
    assert np.corrcoef(np.argsort(np.argsort(plain)), np.argsort(np.argsort(averaged)))[0, 1] > 0.95


def context(**changes):
    return CollectContext(design=DESIGN, record_shape=(5,), has_own_training=False, n_trace_points=3, **changes)


@pytest.mark.parametrize(
    ("collector", "signal"), [(LossTraceCollector(), "negative_loss_trace"), (ChameleonCollector(), "kept_neighbour")]
)
def test_what_is_read_past_the_filter_is_refused_before_training(collector, signal):
    with pytest.raises(UnsupportedError, match=f"signal {signal} is read while models are trained") as caught:
        collector.check(context(is_filtered=True))
    assert "\n" not in str(caught.value)


def test_a_trace_is_refused_by_the_job_itself(filtered_job, contents):
    job = filtered_job("out", TopK(k=1))
    with pytest.raises(UnsupportedError, match="negative_loss_trace"):
        collect(LossTraceCollector(), job, DESIGN, executor=INLINE)
    assert contents(job) == {}


def test_collectors_that_query_serve_a_filter():
    for collector in COLLECTORS:
        collector.check(context(is_filtered=True))
