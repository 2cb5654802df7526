import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.data.canary_coins import CanaryCoins, draw_canary_coins
from privaudit.data.canary_files import read_coins, write_coins
from privaudit.errors import ConfigError, DataError, StoreError


@pytest.fixture
def coins():
    return draw_canary_coins([f"canary-{number:05d}" for number in range(20)], seed=0)


@pytest.fixture
def file(tmp_path, coins):
    path = tmp_path / "coins.json"
    write_coins(path, coins)
    return path


@settings(max_examples=30)
@given(keys=st.lists(st.sampled_from("äb c,\"'\n☃"), min_size=1, unique=True), seed=st.integers(0, 99))
def test_what_is_written_is_read(tmp_path_factory, keys, seed):
    path = tmp_path_factory.mktemp("coins") / "coins.json"
    written = draw_canary_coins(keys, seed=seed)
    write_coins(path, written)
    found = read_coins(path)
    assert found.keys.tolist() == written.keys.tolist()
    assert found.is_in.tolist() == written.is_in.tolist()
    assert found.digest == written.digest


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_its_owner_reads_it(tmp_path, coins, mask):
    path = tmp_path / "coins.json"
    path.write_text("old, and open to all")
    path.chmod(0o644)
    before = os.umask(mask)
    try:
        write_coins(path, coins)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, file, coins, monkeypatch):
    before = file.read_bytes()

    def fail(source, target):
        assert stat.S_IMODE(Path(source).stat().st_mode) == 0o600  # secret from the first byte on
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StoreError, match="No space left"):
        write_coins(file, coins)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["coins.json"]


def test_a_missing_folder_or_file_is_named(tmp_path, coins):
    with pytest.raises(StoreError, match=r"cannot write.*No such file"):
        write_coins(tmp_path / "none" / "coins.json", coins)
    with pytest.raises(ConfigError, match=r"no such file.*canaries insert"):
        read_coins(tmp_path / "none.json")


def test_any_changed_coin_or_key_is_seen(file, coins):
    stored = json.loads(file.read_text())
    for row in range(20):
        for changed in (
            {"is_in": [1 - coin if place == row else coin for place, coin in enumerate(stored["is_in"])]},
            {"keys": [key + "x" if place == row else key for place, key in enumerate(stored["keys"])]},
        ):
            file.write_text(json.dumps({**stored, **changed}))
            with pytest.raises(DataError, match="do not match its digest"):
                read_coins(file)
    swapped = list(coins.keys[::-1])
    file.write_text(json.dumps({**stored, "keys": swapped}))
    with pytest.raises(DataError, match="do not match its digest"):
        read_coins(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "privaudit-canary-coins-2"}, "no coins file of .*format privaudit-canary-coins-1"),
        ({"keys": None}, "missing"),
        ({"keys": []}, "missing"),
        ({"digest": 7}, "missing"),
        ({"keys": [1] * 20}, "keys must be texts"),
        ({"keys": ["x" * 201] * 20}, "keys must be texts of 1 to 200"),
        ({"keys": ["x"] * 20}, "keys of coins must be distinct"),
        ({"is_in": [0] * 19}, "0 or 1 for each key"),
        ({"is_in": [2] * 20}, "0 or 1 for each key"),
        ({"is_in": [True] * 20}, "0 or 1 for each key"),
        ({"is_in": [0.0] * 20}, "0 or 1 for each key"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(file, changes, message):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(DataError, match=message):
        read_coins(file)


@pytest.mark.parametrize(
    "content", [b"[]", b"7", b"\xff\xfe\x00", b"[" * 100_000, b'{"keys": NaN}', b"canary,score\na,1\n", b"PK\x03\x04"]
)
def test_another_file_is_not_called_damaged(file, content):
    file.write_bytes(content)
    with pytest.raises(DataError, match="this is no coins file of `privaudit canaries insert`") as caught:
        read_coins(file)
    assert "damaged" not in str(caught.value)


def test_a_file_that_may_not_be_read_is_not_called_damaged(file, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_coins(file)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_a_data_error(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="damaged"):
        read_coins(file)


def test_same_coins_same_bytes(tmp_path, file):
    again = CanaryCoins(keys=read_coins(file).keys, is_in=read_coins(file).is_in)
    write_coins(tmp_path / "again.json", again)
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()
