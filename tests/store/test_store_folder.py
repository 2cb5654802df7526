import dataclasses
import json
import os
import stat

import numpy as np
import pytest

from privaudit.errors import CorruptStoreError, StoreError, StoreVersionError
from privaudit.store.folder import AuditFolder
from privaudit.store.manifest import (
    Manifest,
    check_same,
    digest,
    library_versions,
    read_manifest,
    write_manifest,
)
from privaudit.store.tensors import save_arrays
from privaudit.types.design import FIRST_CONTROL

MANIFEST = Manifest(
    data={"digest": "a" * 64, "name": "toy", "n_records": 40},
    recipe={"model": {"build": "mlp", "params": {"hidden": [128]}}, "variants": [{"optimizer": {"lr": 0.25}}]},
    design={"n_models": 6, "seed": 0},
    versions={"torch": "2.5", "opacus": "1.5"},
    config={"seed": 0},
    looks=({"targets": [0], "n_models": 6}, {"targets": [0], "n_models": 8}),
    is_reported=True,
)


@pytest.fixture
def folder(tmp_path):
    return AuditFolder(tmp_path / "out" / "deep")


# The folder


def test_the_folder_is_private_and_ignored_by_git(folder):
    umask = os.umask(0o077)
    os.umask(0o000)
    try:
        folder.create()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert (folder.path / ".gitignore").read_text() == "*\n"
    os.chmod(folder.path, 0o755)
    (folder.path / ".gitignore").write_text("*\n# mine\n")
    folder.create()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert (folder.path / ".gitignore").read_text() == "*\n# mine\n"


def test_a_folder_of_the_users_is_not_taken_over(tmp_path):
    (tmp_path / "thesis.tex").touch()
    os.chmod(tmp_path, 0o755)
    with pytest.raises(StoreError, match=r"not empty and holds no audit .first: thesis.tex.*choose another --out"):
        AuditFolder(tmp_path).create()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_models_without_a_manifest_are_not_reused(folder):
    folder.create()
    folder.create()  # nothing was trained: harmless
    folder.model(0).touch()
    with pytest.raises(StoreError, match=r"no manifest.json that says of what"):
        folder.create()
    write_manifest(folder.manifest, MANIFEST)
    folder.create()
    folder.model(0).unlink()
    folder.manifest.unlink()
    folder.write_signal("correct", 0, np.zeros((2, 1)), np.arange(2))
    with pytest.raises(StoreError, match=r"no manifest.json"):
        folder.create()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(StoreError, match=r"cannot make the folder .*out: .*--out"):
        AuditFolder(tmp_path / "out").create()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "models").touch()
    with pytest.raises(StoreError, match="cannot make the folder"):
        AuditFolder(tmp_path / "other").create()
    (tmp_path / "other" / "signals").touch()
    with pytest.raises(StoreError, match="cannot make the folder"):
        AuditFolder(tmp_path / "other").write_signal("correct", 0, np.zeros((2, 1)), np.arange(2))


def test_what_is_missing(folder):
    folder.create()
    folder.model(1).touch()
    folder.path.joinpath("models", ".00002.safetensors.17.tmp").touch()  # left by a killed run
    assert folder.missing_models(range(3)) == [0, 2]
    folder.write_signal("a", 1, np.zeros((2, 1)), np.arange(2))
    folder.write_signal("b", 1, np.zeros((2, 1)), np.arange(2))
    folder.write_signal("a", 2, np.zeros((2, 1)), np.arange(2))
    assert folder.missing_signals(["a", "b"], range(3)) == [0, 2]
    folder.forget_signals(1)
    assert folder.missing_signals(["a"], range(3)) == [0, 1]


def test_controls_have_files_of_their_own(folder):
    """Their numbers, seeds and files stay when targets and shadows are added."""
    folder.create()
    first, third = FIRST_CONTROL, FIRST_CONTROL + 3
    assert folder.model(17) == folder.path / "models" / "00017.safetensors"
    assert folder.model(third) == folder.path / "models" / "control-00003.safetensors"
    assert folder.signal("x", third) == folder.path / "signals" / "x" / "control-00003.safetensors"
    folder.model(third).touch()
    assert folder.missing_models([3, first, third]) == [3, first]
    for number in (3, third):
        folder.write_signal("x", number, np.full((2, 1), float(number)), np.arange(2))
    table = folder.read_signal("x", {3: 3, 7: third})
    assert table.model_index.tolist() == [3, 7]
    assert table.values[:, 0, 0].tolist() == [3.0, float(third)]
    folder.forget_signals(third)
    assert folder.missing_signals(["x"], [3, third]) == [third]


# Signals


def test_signals_round_trip(folder):
    for model in (0, 3):
        folder.write_signal("x", model, np.array([[1.0], [2.0]]) + model, np.array([5, 7]))
    table = folder.read_signal("x", {3: 3, 0: 0})
    assert table.model_index.tolist() == [3, 0]
    assert table.record_index.tolist() == [5, 7]
    assert table.values[:, :, 0].tolist() == [[4.0, 5.0], [1.0, 2.0]]


@pytest.mark.parametrize("other", [([1.0, 2.0], [5, 8]), ([1.0, 2.0, 3.0], [5, 7, 8])])
def test_signals_of_different_records_are_refused(folder, other):
    folder.write_signal("x", 0, np.array([[1.0], [2.0]]), np.array([5, 7]))
    folder.write_signal("x", 1, np.array(other[0])[:, None], np.array(other[1]))
    with pytest.raises(StoreError, match=r"measured on different records of x. Delete signals/x"):
        folder.read_signal("x", {0: 0, 1: 1})


def test_signals_that_are_missing_or_none(folder):
    folder.create()
    with pytest.raises(StoreError, match=r"00004.safetensors: no such file. Run the audit again"):
        folder.read_signal("x", {4: 4})
    with pytest.raises(StoreError, match="no model was measured"):
        folder.read_signal("x", {})


def test_files_that_hold_no_signal(folder):
    folder.write_signal("x", 0, np.zeros((2, 1)), np.arange(2))
    for arrays in ({"other": np.zeros(2)}, {"values": np.zeros((3, 1)), "record_index": np.arange(2)}):
        save_arrays(folder.signal("x", 0), arrays)
        with pytest.raises(CorruptStoreError, match=r"00000.safetensors holds no signal. Delete this file"):
            folder.read_signal("x", {0: 0})


def test_queries_that_differ_in_number(folder):
    folder.write_signal("x", 0, np.zeros((2, 1)), np.arange(2))
    folder.write_signal("x", 1, np.zeros((2, 3)), np.arange(2))
    with pytest.raises(StoreError, match="Delete signals/x"):
        folder.read_signal("x", {0: 0, 1: 1})


# The manifest


def test_a_manifest_round_trips(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    assert read_manifest(path) == MANIFEST
    content = json.loads(path.read_text())
    assert content["schema_version"] == 2
    assert content["digests"]["recipe"] == digest(MANIFEST.recipe)
    check_same(read_manifest(path), MANIFEST, tmp_path)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("data", {**MANIFEST.data, "digest": "b" * 64}, "data.digest: aaaaaaaaaaaa -> bbbbbbbbbbbb"),
        ("data", {**MANIFEST.data, "n_records": 41}, "data.n_records: 40 -> 41"),
        (
            "recipe",
            {**MANIFEST.recipe, "variants": [{"optimizer": {"lr": 0.5}}]},
            "recipe.variants.0.optimizer.lr: 0.25 -> 0.5",
        ),
        (
            "recipe",
            {**MANIFEST.recipe, "model": {"build": "mlp", "params": {"hidden": [64]}}},
            r"recipe.model.params.hidden: \[128\] -> \[64\]",
        ),
        ("design", {"n_models": 6, "seed": 1}, "design.seed: 0 -> 1"),
        ("design", {"n_models": 6}, "design.seed: 0 -> null"),
        ("versions", {"torch": "2.6", "opacus": "1.5"}, 'versions.torch: "2.5" -> "2.6".*--accept-versions'),
    ],
)
def test_changes_are_refused_with_key_old_and_new(tmp_path, part, value, words):
    wanted = dataclasses.replace(MANIFEST, **{part: value})
    with pytest.raises(StoreVersionError, match=words) as caught:
        check_same(MANIFEST, wanted, tmp_path)
    assert "\n" not in str(caught.value)
    if part == "versions":
        check_same(MANIFEST, wanted, tmp_path, accept_versions=True)
    else:
        assert "--accept-versions" not in str(caught.value)
        with pytest.raises(StoreVersionError, match=words):
            check_same(MANIFEST, wanted, tmp_path, accept_versions=True)


def test_many_changes_are_cut_and_config_is_no_change(tmp_path):
    wanted = dataclasses.replace(MANIFEST, design={str(n): n for n in range(9)})
    with pytest.raises(StoreVersionError, match=r"; \.\.\.\. Old models"):
        check_same(MANIFEST, wanted, tmp_path)
    check_same(MANIFEST, dataclasses.replace(MANIFEST, config={"seed": 5}), tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "{}", '{"schema_version": 2}', '{"schema_version": 2, "data": null}', "\udcff"],
)
def test_a_damaged_manifest(tmp_path, text):
    path = tmp_path / "manifest.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CorruptStoreError, match=r"manifest.json is damaged.*--out") as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)


def test_an_edited_manifest_is_damaged(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    path.write_text(path.read_text().replace("0.25", "0.35"))
    with pytest.raises(CorruptStoreError, match="recipe changed after it was written"):
        read_manifest(path)


def test_a_manifest_that_is_missing_a_folder_or_of_another_schema(tmp_path):
    path = tmp_path / "manifest.json"
    with pytest.raises(StoreError, match="holds no audit"):
        read_manifest(path)
    path.write_text('{"schema_version": 1}')
    with pytest.raises(StoreVersionError, match=r"schema version 1; this release reads 2.*another --out"):
        read_manifest(path)
    with pytest.raises(StoreError, match="cannot be read"):
        read_manifest(tmp_path)


def test_versions_name_what_training_depends_on():
    versions = library_versions()
    assert set(versions) == {"privaudit", "numpy", "opacus", "torch"}
    assert all(versions.values())
