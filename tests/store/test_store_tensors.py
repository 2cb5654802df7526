import os

import numpy as np
import pytest

from privaudit.data.design import make_design
from privaudit.errors import CorruptStoreError, StoreError
from privaudit.store.atomic import write_bytes, write_text
from privaudit.store.design_file import AuditRecords, read_design, write_design
from privaudit.store.tensors import array_to_text, check_whole, load_arrays, save_arrays, text_to_array


def one_line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Whole files or none


def test_a_crash_in_the_middle_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")

    def crash(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(StoreError, match=r"cannot write .*file.bin: No space left on device"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.bin"]


def test_an_interrupt_in_the_middle_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.bin"]


def test_a_folder_that_is_missing_or_a_file(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "absent" / "a", tmp_path / "file" / "a"):
        with pytest.raises(StoreError, match=r"cannot write .*Choose a folder") as caught:
            write_bytes(path, b"")
        one_line(caught)
    with pytest.raises(StoreError, match="cannot write"):
        write_bytes(tmp_path, b"")


def test_text_is_utf8_with_unix_line_ends(tmp_path):
    write_text(tmp_path / "a", "é\nb\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\nb\n"


# Arrays


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "00003.safetensors"
    save_arrays(path, {"b": np.arange(3.0), "a": np.array([[1, 2]], dtype=np.int64)[:, ::-1]})
    return path


def test_arrays_round_trip_and_bytes_do_not_depend_on_order(small, tmp_path):
    arrays = load_arrays(small)
    assert arrays["a"].tolist() == [[2, 1]]
    assert arrays["b"].dtype == np.float64
    other = tmp_path / "other"
    save_arrays(other, {"a": np.array([[2, 1]]), "b": np.arange(3.0)})
    assert other.read_bytes() == small.read_bytes()
    check_whole(small)


def test_every_truncation_is_noticed(small):
    whole = small.read_bytes()
    for length in range(len(whole)):
        small.write_bytes(whole[:length])
        for read in (load_arrays, check_whole):
            with pytest.raises(CorruptStoreError, match=r"00003.safetensors is damaged.*Delete this file") as caught:
                read(small)
            one_line(caught)
    small.write_bytes(whole + b"x")
    for read in (load_arrays, check_whole):
        with pytest.raises(CorruptStoreError):
            read(small)


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 64, b"\x08" + b"\0" * 7 + b"not json", b"\x02" + b"\0" * 7 + b"[]", b"{}"]
)
def test_garbage(small, garbage):
    small.write_bytes(garbage)
    for read in (load_arrays, check_whole):
        with pytest.raises(CorruptStoreError, match="Delete this file") as caught:
            read(small)
        one_line(caught)


def test_a_damaged_byte_of_the_header_is_an_error_of_ours_or_harmless(small):
    whole = small.read_bytes()
    for place in range(len(whole) - 40):
        small.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            load_arrays(small)
        except CorruptStoreError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most places raise, some change a name only


def test_files_that_are_missing_or_folders(tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        load_arrays(tmp_path / "absent")
    with pytest.raises(StoreError, match="cannot be read"):
        load_arrays(tmp_path)


@pytest.mark.parametrize("text", ["", "né\n", "雪\U0001f600"])
def test_texts_travel_as_arrays(text):
    assert array_to_text(text_to_array(text)) == text


# The design


@pytest.fixture
def stored(tmp_path):
    design = make_design(
        kind="paired",
        n_models=4,
        n_records=12,
        targets=[1],
        population=0.25,
        seed=2**62 + 1,
        record_codes=range(100, 112),
        n_control_models=4,
    )
    ids = [f"пациент {n} 雪" for n in range(12)]
    records = AuditRecords(
        labels=np.arange(12) % 3,
        groups={"sexe": np.array(["é", "f"] * 6), "none": np.array([""] * 12)},
        record_ids=np.array(ids),
    )
    path = tmp_path / "design.safetensors"
    write_design(path, design, records)
    return path, design, records


def test_a_design_round_trips(stored):
    path, design, records = stored
    again, same = read_design(path)
    for name in ("is_in", "pair", "role", "variant", "is_population", "record_codes"):
        assert np.array_equal(getattr(again, name), getattr(design, name))
        assert getattr(again, name).dtype == getattr(design, name).dtype
    assert (again.kind, again.seed) == ("paired", 2**62 + 1)
    assert same.labels.tolist() == records.labels.tolist()
    assert same.record_ids.tolist() == records.record_ids.tolist()
    assert {name: values.tolist() for name, values in same.groups.items()} == {
        name: values.tolist() for name, values in records.groups.items()
    }
    before = path.read_bytes()
    write_design(path, again, same)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"names": text_to_array("[1]")},
        {"names": text_to_array("{}")},
        {"names": text_to_array('{"kind": "paired", "seed": 0, "role": [], "groups": [], "record_ids": 3}')},
        {"names": np.array([255, 254], dtype=np.uint8)},
        {"labels": np.arange(11)},
        {"is_in": np.ones((8, 12), dtype=np.uint8)},
        {"pair": np.zeros(3, dtype=np.int64)},
        {"is_in": None},
    ],
)
def test_a_damaged_design(stored, change):
    path, _, _ = stored
    arrays = {**load_arrays(path), **change}
    save_arrays(path, {name: values for name, values in arrays.items() if values is not None})
    with pytest.raises(CorruptStoreError, match=r"design.safetensors is damaged.*--out") as caught:
        read_design(path)
    one_line(caught)
