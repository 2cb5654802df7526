"""The design of a distribution audit comes back as it was stored, and damage is told in a line."""

import json
from dataclasses import replace

import numpy as np
import pytest

from privaudit.errors import CorruptStoreError, StoreError
from privaudit.store.tensors import array_to_text, load_arrays, save_arrays, text_to_array
from privaudit.store.world_file import (
    StoredGraphs,
    StoredWorlds,
    check_draws,
    draws_digest,
    read_worlds,
    write_worlds,
)
from privaudit.types import WorldDesign
from privaudit.types.worlds import Poison


def stored(**changes):
    content = {
        "names": ("50 %", "20 %", "50 % (control)"),
        "ratios": (0.5, 0.2, 0.5),
        "world": np.array([0, 0, 1, 1, 2, 2]),
        "role": np.array(["shadow", "target"] * 3),
        "members": tuple(np.arange(n) for n in (3, 4, 3, 5, 3, 3)),
        "member_labels": None,
        "query_records": np.array([5, 6, 7]),
        "query_world": np.array([0, 1, 2]),
        "control": 2,
        "seed": 2**62 + 1,
        **changes,
    }
    return StoredWorlds(design=WorldDesign(**content), labels=np.arange(8) % 2, has_property=np.arange(8) > 4)


@pytest.mark.parametrize(
    "changes",
    [{}, {"ratios": None, "control": None}, {"member_labels": tuple(np.arange(n) % 3 for n in (3, 4, 3, 5, 3, 3))}],
)
def test_a_design_comes_back(tmp_path, changes):
    wanted = stored(**changes)
    write_worlds(tmp_path / "worlds.safetensors", wanted)
    found = read_worlds(tmp_path / "worlds.safetensors")
    one, other = wanted.design, found.design
    assert (one.names, one.ratios, one.control, one.seed) == (other.names, other.ratios, other.control, other.seed)
    for name in ("world", "role", "query_records", "query_world"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for mine, theirs in ((one.members, other.members), (one.member_labels or (), other.member_labels or ())):
        assert len(mine) == len(theirs)
        for rows, again in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(rows, again)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_array_equal(found.has_property, wanted.has_property)


def graphs_of(property="degree"):
    draws = np.array([3, 1, 4]) if property == "degree" else np.array([0.5, 0.0])
    return StoredGraphs(
        protocol="independent",
        property=property,
        draws=(draws, draws[:2], draws[1:]),
        n_nodes=np.arange(6) + 10,
        n_edges=np.arange(6) + 20,
    )


@pytest.mark.parametrize("property", ["degree", "clustering"])
def test_what_is_known_of_graphs_comes_back(tmp_path, property):
    wanted = replace(stored(ratios=None), graphs=graphs_of(property))
    write_worlds(tmp_path / "worlds.safetensors", wanted)
    found = read_worlds(tmp_path / "worlds.safetensors").graphs
    assert (found.protocol, found.property) == ("independent", property)
    for mine, theirs in zip(wanted.graphs.draws, found.draws, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype
    np.testing.assert_array_equal(found.n_nodes, wanted.graphs.n_nodes)
    np.testing.assert_array_equal(found.n_edges, wanted.graphs.n_edges)


def test_graphs_without_their_draws_are_damaged(tmp_path):
    path = tmp_path / "worlds.safetensors"
    write_worlds(path, replace(stored(ratios=None), graphs=graphs_of()))
    arrays = load_arrays(path)
    del arrays["draws_2"]
    save_arrays(path, arrays)
    with pytest.raises(CorruptStoreError, match="holds no worlds"):
        read_worlds(path)


def test_poison_comes_back_and_counts_where_there_is_some(tmp_path):
    path, poison = tmp_path / "worlds.safetensors", Poison(share=0.02, true_class=1, planted_class=0)
    labels = tuple(np.arange(n) % 2 for n in (3, 4, 3, 5, 3, 3))
    plain = stored(member_labels=labels)
    write_worlds(path, plain)
    assert b"poison" not in path.read_bytes()  # the file of a version that knew nothing of it
    assert read_worlds(path).design.poison is None
    write_worlds(path, stored(member_labels=labels, poison=poison))
    found = read_worlds(path)
    assert found.design.poison == poison
    digests = {draws_digest(each.design) for each in (plain, found, stored(member_labels=labels, poison=poison))}
    assert len(digests) == 2
    with pytest.raises(CorruptStoreError, match="not what"):
        check_draws(path, found, draws_digest(plain.design))


@pytest.mark.parametrize("poison", [{"share": 2.0, "true_class": 0, "planted_class": 1}, {"share": 0.1}, "much"])
def test_damaged_poison_is_told(tmp_path, poison):
    path = tmp_path / "worlds.safetensors"
    write_worlds(path, stored())
    arrays = load_arrays(path)
    words = json.loads(array_to_text(arrays["words"]))
    save_arrays(path, {**arrays, "words": text_to_array(json.dumps({**words, "poison": poison}))})
    with pytest.raises(CorruptStoreError, match="holds no worlds"):
        read_worlds(path)


def test_a_missing_and_a_damaged_file_are_told_apart(tmp_path):
    path = tmp_path / "worlds.safetensors"
    with pytest.raises(StoreError, match=r"worlds\.safetensors"):
        read_worlds(path)
    write_worlds(path, stored())
    arrays = load_arrays(path)
    del arrays["sizes"]
    save_arrays(path, arrays)
    with pytest.raises(CorruptStoreError, match="holds no worlds"):
        read_worlds(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CorruptStoreError):
        read_worlds(path)
