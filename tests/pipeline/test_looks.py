import dataclasses

import pytest

from privaudit.config import AuditConfig, parse
from privaudit.data.design import make_design
from privaudit.pipeline.looks import CHANGED, TOPPED_UP, analysis_of, mark_reported, why_spoilt, with_looks_of
from privaudit.store.manifest import Manifest, read_manifest, write_manifest


def look(n_models=8, targets=(0,), confidence=0.95):
    return {"n_models": n_models, "targets": list(targets), "confidence": confidence}


@pytest.mark.parametrize(
    ("earlier", "asked", "reason"),
    [
        ([], look(), None),
        ([], look(targets=range(8)), None),
        ([look()], look(confidence=0.9), CHANGED),
        ([look()], look(targets=[2]), CHANGED),  # it served as a shadow: its outcomes are in the report
        ([look()], look(12), TOPPED_UP),
        ([look()], look(12, targets=[7, 8]), TOPPED_UP),
        ([look()], look(12, targets=[8]), None),
        ([look()], look(12, targets=[9, 11], confidence=0.9), None),
        ([look(), look(12)], look(16, targets=[8]), TOPPED_UP),
        ([look(), look(12)], look(16, targets=[12, 15]), None),
        ([look(), look(12)], look(12, targets=[8]), CHANGED),
        ([look(), look(12, targets=[8])], look(12, targets=[8], confidence=0.9), CHANGED),
    ],
)
def test_bounds_hold_where_nobody_had_seen_anything_of_their_coins(earlier, asked, reason):
    assert why_spoilt([*earlier, asked], asked) == reason
    # what is reported later changes nothing about what was known then
    assert why_spoilt([*earlier, asked, look(20)], asked) == reason


def test_an_analysis_that_was_not_asked_for_beforehand_is_spoilt():
    assert why_spoilt([look()], look(confidence=0.9)) == CHANGED
    assert why_spoilt([], look()) == CHANGED


def manifest(*looks, is_reported=False):
    return Manifest(data={}, recipe={}, design={}, versions={}, looks=looks, is_reported=is_reported)


@pytest.mark.parametrize(
    ("stored", "asked", "looks", "is_reported"),
    [
        (manifest(look()), look(), [look()], False),
        (manifest(look()), look(12), [look(12)], False),  # nobody saw the first: as if it had never been asked for
        (manifest(look(), is_reported=True), look(), [look()], True),
        (manifest(look(), is_reported=True), look(12), [look(), look(12)], False),
        (manifest(look(), look(12)), look(12, targets=[8]), [look(), look(12, targets=[8])], False),
        (manifest(look(), look(confidence=0.9)), look(), [look()], True),
        (
            manifest(look(), look(confidence=0.9), is_reported=True),
            look(),
            [look(), look(confidence=0.9)],
            True,
        ),
    ],
)
def test_looks_that_were_reported_stay(stored, asked, looks, is_reported):
    kept = with_looks_of(stored, manifest(asked))
    assert list(kept.looks) == looks
    assert kept.is_reported == is_reported


def test_a_report_is_noted_once(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, manifest(look()))
    mark_reported(path, read_manifest(path))
    assert read_manifest(path) == manifest(look(), is_reported=True)
    path.chmod(0o400)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    mark_reported(path, read_manifest(path))
    assert before == (path.stat().st_mtime_ns, path.stat().st_ino)


def test_an_analysis_holds_methods_targets_and_models():
    config = parse(AuditConfig, {"recipe": {"epochs": 1, "batch_size": 4}}, where="test")
    design = make_design(
        kind="paired",
        n_models=6,
        n_records=40,
        targets=[3, 0],
        population=0.0,
        seed=0,
        record_codes=range(40),
        n_control_models=4,
    )
    analysis = analysis_of(config, design)
    assert set(analysis) == {"attacks", "estimators", "primary", "confidence", "targets", "n_models"}
    assert (analysis["targets"], analysis["n_models"]) == ([0, 3], 6)
    other = analysis_of(config.model_copy(update={"confidence": 0.9}), dataclasses.replace(design))
    assert {name for name in analysis if analysis[name] != other[name]} == {"confidence"}
