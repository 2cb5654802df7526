"""Models added to an audit: only the new ones are trained, and all are those of an audit that began with as many."""

import json
from pathlib import Path

import pytest

from privaudit.config import AuditConfig, parse
from privaudit.data.design import make_design
from privaudit.errors import StoreError, StoreVersionError
from privaudit.pipeline import members, run, run_audit, train_shadows
from privaudit.pipeline.analyse import analyse
from privaudit.pipeline.top_up import check_stored, design_settings
from privaudit.report import report_to_json
from privaudit.store.design_file import read_design
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import Manifest, read_manifest

AUDIT = {
    "data": {"source": "breast_cancer", "n_records": 200},
    "model": {"build": "linear"},
    "recipe": {"steps": 4, "sample_rate": 0.2, "dp": {"noise_multiplier": 1.0}},
    "design": {"n_models": 6},
    "control": {"n_models": 4},
    "engine": {"kind": "inline", "trainer": "loop"},  # one model at a time: a group is never trained again
    "report": {"formats": ["md"]},
}


@pytest.fixture
def audit(tmp_path):
    """The config of an audit in a folder of this test's own."""

    def _audit(name="out", *, controls=4, seed=0, **design):
        changes = {"design": {**AUDIT["design"], **design}, "control": {"n_models": controls}, "seed": seed}
        return parse(AuditConfig, {**AUDIT, **changes, "out": str(tmp_path / name)}, where="test")

    return _audit


def models(folder):
    """Contents of all weights and signals by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*/*.safetensors") if path.is_file()
    }


def mia(report):
    """The findings, as they are written down."""
    (section,) = (section for section in json.loads(report_to_json(report))["sections"] if section["kind"] == "mia")
    return section["findings"]


def test_only_new_models_are_trained_and_they_are_those_of_a_fresh_audit(audit):
    out = train_shadows(audit())
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*/*.safetensors")}
    assert len(list(out.glob("models/control-*"))) == 4
    assert train_shadows(audit(n_models=10)) == out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    fresh = train_shadows(audit("fresh", n_models=10))
    assert models(out) == models(fresh)
    assert len(list(out.glob("models/*"))) == 14
    assert read_manifest(out / "manifest.json") == read_manifest(fresh / "manifest.json")
    assert report_to_json(analyse(out)) == report_to_json(analyse(fresh))


def test_controls_are_added_to_an_audit_without_any(audit):
    out = train_shadows(audit(controls=0))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*/*.safetensors")}
    train_shadows(audit(controls=4, n_models=8))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert models(out) == models(train_shadows(audit("fresh", n_models=8)))


def test_a_control_after_a_report_leaves_the_bounds_valid(audit):
    """Nobody has seen its coins at work, and the target's bound is the one that was reported."""
    first = run_audit(audit(controls=0))
    second = run_audit(audit(controls=4))
    assert not first.controls and second.controls
    assert mia(second) == mia(first)
    assert not second.provenance["analysis_changed_after_a_report"]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            {"n_models": 8},
            {},
            r"design.n_models: 8 -> 6.* none can be taken away; .*another seed.*Choose another --out",
        ),
        ({}, {"controls": 6}, r"design.n_controls: 4 -> 6.* can be added to an audit that has none"),
        ({}, {"controls": 0}, r"design.n_controls: 4 -> 0.* can be added to an audit that has none"),
        ({}, {"n_models": 8, "seed": 1}, r"design.seed: 0 -> 1.*Old models are never reused"),
    ],
    ids=["fewer", "more controls", "no controls", "another seed"],
)
def test_what_cannot_be_added_to_is_refused_and_kept(audit, before, after, words):
    out = train_shadows(audit(**before))
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(StoreVersionError, match=words) as caught:
        train_shadows(audit(**after))
    assert "\n" not in str(caught.value)
    assert files == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_balanced_design_cannot_be_added_to(tmp_path):
    """Today's estimators refuse balanced designs before this; the folder must not depend on that."""
    manifests, designs = [], []
    for kind, n_models in (("balanced", 6), ("balanced", 8), ("paired", 8)):
        design = make_design(
            kind=kind, n_models=n_models, n_records=40, targets=[0], population=0.2, seed=0, record_codes=range(40)
        )
        settings = design_settings(design, population=0.2)
        manifests.append(Manifest(data={}, recipe={"variants": [{}]}, design=settings, versions={}))
        designs.append(design)
    check_stored(manifests[0], manifests[0], designs[0], tmp_path)
    with pytest.raises(
        StoreVersionError, match=r"design.n_models: 6 -> 8. A balanced.*change all coins. Choose another"
    ):
        check_stored(manifests[0], manifests[1], designs[1], tmp_path)
    with pytest.raises(StoreVersionError, match=r'design.kind: "balanced" -> "paired"'):
        check_stored(manifests[0], manifests[2], designs[2], tmp_path)


@pytest.mark.parametrize("write", ["write_design", "write_manifest"])
def test_a_crash_while_the_folder_is_laid_out_is_mended_by_the_same_command(audit, monkeypatch, write):
    """The folder is still the smaller audit, or unfinished; never a report of one audit's coins as another's."""

    def crash(*args):
        raise KeyboardInterrupt

    def top_up_and_crash():
        with monkeypatch.context() as patch:
            patch.setattr(members, write, crash)
            with pytest.raises(KeyboardInterrupt):
                train_shadows(audit(n_models=10))

    first = run_audit(audit())
    folder = AuditFolder(Path(audit().out))
    top_up_and_crash()
    if write == "write_design":
        assert report_to_json(analyse(folder.path)) == report_to_json(first)
    else:
        with pytest.raises(StoreError, match="signals of 4 of 10 models are missing"):
            analyse(folder.path)
    assert report_to_json(run_audit(audit())) == report_to_json(first)  # the command of before still knows its folder
    assert read_design(folder.design)[0].n_models == 6 + 4
    top_up_and_crash()
    assert run_audit(audit(n_models=10)).provenance["models"]["trained"] == 10 + 4
    assert models(folder.path) == models(train_shadows(audit("fresh", n_models=10)))


def test_a_folder_that_lacks_added_models_gives_no_report(audit, monkeypatch):
    out = train_shadows(audit())
    monkeypatch.setattr(run, "collect_signals", lambda plan, progress: None)
    train_shadows(audit(n_models=10))
    with pytest.raises(StoreError, match="signals of 4 of 10 models are missing"):
        analyse(out)
    assert not read_manifest(out / "manifest.json").is_reported


def test_a_folder_of_worlds_is_none_of_members(tmp_path):
    design = make_design(
        kind="paired", n_models=8, n_records=40, targets=[0], population=0.2, seed=0, record_codes=range(40)
    )
    wanted = Manifest(data={}, recipe={"variants": [{}]}, design=design_settings(design, population=0.2), versions={})
    worlds = Manifest(data={}, recipe={"variants": [{}]}, design={"kind": "distribution", "seed": 0}, versions={})
    with pytest.raises(
        StoreVersionError, match=r'another audit: design.kind: "distribution" -> "paired";.* choose another'
    ):
        check_stored(worlds, wanted, design, tmp_path)
