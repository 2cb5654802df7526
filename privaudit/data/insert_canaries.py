"""Canaries put into the user's own file, for training that runs elsewhere.

Three files come of it: the data with those canaries whose coin fell on 1, the canaries all together for scoring, and the
coins. In the first neither a column nor the place of a row tells a canary; only the second has their keys.
"""

import hashlib
import io
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.canary_coins import CanaryCoins, draw_canary_coins
from privaudit.data.canary_files import write_coins, write_whole
from privaudit.data.canary_score_files import KEY
from privaudit.data.raw_files import check_there, read_arrays, read_text_table
from privaudit.data.record_canaries import make_record_canaries
from privaudit.data.score_layout import check_named
from privaudit.data.seeds import stream_generator
from privaudit.data.table_canaries import MAX_CLASSES, check_no_quantity, make_table_canaries
from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError

Arrays = Mapping[str, NDArray[Any]]
EXACT = 2**24  # whole numbers up to here are float32 numbers
FEATURES, LABELS = "X", "y"
LEAST = 20  # canaries: a fifth of them is guessed, and two right guesses of fewer happen to a coin, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """What was written.

    Attributes:
        kind: of the canaries.
        n_canaries: how many were made, each with a coin of its own.
        data: the file to train on.
        canaries: the file to score, with all canaries.
        coins: the file of the coins.
    """

    kind: str
    n_canaries: int
    data: Path
    canaries: Path
    coins: Path


def insert_into_file(
    source: Path,
    *,
    kind: str,
    n_canaries: int,
    label: str | None,
    data: Path,
    canaries: Path,
    coins: Path,
    seed: int | None = None,
) -> Insertion:
    """Make canaries, toss their coins and write what training, scoring and evaluation need.

    Args:
        source: csv with a header line, or npz with the arrays ``X`` and ``y``.
        kind: of the canaries; in a csv ``mislabelled`` or ``random``, in an npz all of `make_record_canaries`.
        n_canaries: how many, at least 20.
        label: column of classes in a csv, array of classes in an npz (``y`` if ``None``).
        data: file for training: the records and the canaries that are in, shuffled; nothing marks a canary.
        canaries: file for scoring: all canaries, in or out, in the order of their keys, which stand in ``canary``.
        coins: file for the coins.
        seed: of canaries, coins and order; ``None`` draws it from the system's entropy.

    Raises:
        ConfigError: if an option does not fit, there are too few canaries, or a file to be written exists.
        DataError: if the records cannot be read or used.
        UnsupportedError: if records of this kind cannot hold such canaries.
        StoreError: if a file cannot be written.
    """
    _check_enough(n_canaries)
    _check_paths(source, data, canaries, coins)
    root = secrets.randbits(127) if seed is None else seed
    records, made = (
        _table(source, kind, n_canaries, label, root)
        if source.suffix.lower() == ".csv"
        else _archive(source, kind, n_canaries, label, root)
    )
    keys = _keys(source, kind, n_canaries, label, root)
    tossed = draw_canary_coins(keys, seed=root)
    write = _write_table if source.suffix.lower() == ".csv" else _write_archive
    write_coins(coins, tossed)  # first: data with canaries whose coins are lost are of no use
    write(canaries, {**made, KEY: keys})
    write(data, _mixed(records, made, tossed, stream_generator(root, "canaries", 1)))
    return Insertion(kind=kind, n_canaries=n_canaries, data=data, canaries=canaries, coins=coins)


def _check_enough(n: int) -> None:
    if n < LEAST:
        raise ConfigError(
            f"--n must be at least {LEAST}; got {n}. With fewer canaries even a model that gives every coin away shows "
            "nothing; at 95 % confidence it takes 30, and more show more.",
            key="n",
        )


def _keys(source: Path, kind: str, n: int, label: str | None, root: int) -> NDArray[np.str_]:
    """Name canaries as no other insertion does, so that scores of one never join the coins of another."""
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    drawn = stream_generator(root, "canaries", 2).bytes(16).hex()
    told = json.dumps([drawn, digest, kind, n, label])
    token = hashlib.sha256(told.encode("utf-8")).hexdigest()[:8]
    return np.array([f"canary-{token}-{number:05d}" for number in range(n)])


def _check_paths(source: Path, data: Path, canaries: Path, coins: Path) -> None:
    kind = source.suffix.lower()
    if kind not in (".csv", ".npz"):
        raise ConfigError(
            f"{source}: canaries go into .csv or .npz files; got {source.suffix or 'no ending'}.", key="data"
        )
    if not source.is_file():
        raise ConfigError(f"{source}: no such file.", key="data")
    for option, path in (("--out", data), ("--canaries-out", canaries)):
        if path.suffix.lower() != kind:
            raise ConfigError(f"{option} must end in {kind}, as {source.name} does; got {path}.", key=option)
    written = [data, canaries, coins]
    if len({path.resolve() for path in written}) < len(written):
        raise ConfigError(f"--out, --canaries-out and --coins must be three files; got {', '.join(map(str, written))}.")
    for path in written:
        if path.exists():
            raise ConfigError(f"{path} exists and would be lost. Name another file, or delete it.")
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: no such folder. Make it first, or name another one.")


def _table(source: Path, kind: str, n: int, label: str | None, root: int) -> tuple[Arrays, Arrays]:
    table = read_text_table(source)
    if label is None:
        raise ConfigError("--label must name the column of classes in a csv.", key="label")
    check_named(source, "label", (label,), list(table))
    _check_no_key(source, table)
    return table, make_table_canaries(kind, table=table, label=label, n_canaries=n, seed=root)


def _archive(source: Path, kind: str, n: int, label: str | None, root: int) -> tuple[Arrays, Arrays]:
    arrays, name = read_arrays(source), label or LABELS
    if label is not None:
        check_named(source, "label", (label,), list(arrays))
    check_there(source, (FEATURES, name), arrays)
    _check_no_key(source, arrays)
    others = sorted(set(arrays) - {FEATURES, name})
    if others:
        raise UnsupportedError(
            f"{source}: canaries have no {', '.join(others)}. Write an archive of {FEATURES} and {name} alone."
        )
    features, labels = arrays[FEATURES], arrays[name]
    _check_features(source, features, kind)
    classes, codes = _classes(source, name, labels, len(features))
    made = make_record_canaries(kind, n_canaries=n, features=features, labels=codes, n_classes=len(classes), seed=root)
    return arrays, {FEATURES: made.features.astype(features.dtype), name: classes[made.labels]}


def _check_no_key(source: Path, known: Arrays) -> None:
    if KEY in known:
        raise DataError(f"{source}: {KEY!r} is there already. Insert into records without canaries, or rename it.")


def _check_features(source: Path, features: NDArray[Any], kind: str) -> None:
    if features.dtype.kind not in "biuf" or features.ndim < 2 or not features.size:
        raise ShapeError(
            f"{source}: {FEATURES} must be (n_records, ...) numbers; got {features.dtype} of shape {features.shape}."
        )
    if features.dtype.kind == "f":
        return
    if kind in ("random", "clipbkd"):
        raise UnsupportedError(
            f"{source}: canaries of kind {kind} have fractions; {FEATURES} holds {features.dtype}. Convert it to float32 first."
        )
    if max(abs(int(features.min())), abs(int(features.max()))) > EXACT:
        raise UnsupportedError(f"{source}: {FEATURES} holds whole numbers beyond {EXACT}. Convert it to float32 first.")


def _classes(source: Path, name: str, labels: NDArray[Any], n: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if labels.shape != (n,):
        raise ShapeError(f"{source}: {name} must be ({n},), one class per record; got {labels.shape}.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise DataError(f"{source}: {name} must be classes; it holds NaN or infinity. Drop those records.")
    classes, codes = np.unique(labels, return_inverse=True)
    check_no_quantity(f"{source}: {name}", classes)
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise DataError(f"{source}: {name} must hold 2 to {MAX_CLASSES} classes; got {len(classes)}.")
    return classes, codes.astype(np.int64)


def _mixed(records: Arrays, made: Arrays, coins: CanaryCoins, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Append the canaries that are in, and shuffle all rows."""
    inside = np.flatnonzero(coins.is_in)
    n_records = len(next(iter(records.values())))
    order = rng.permutation(n_records + len(inside))
    return {name: np.concatenate([values, made[name][inside]])[order] for name, values in records.items()}


def _write_table(path: Path, columns: Arrays) -> None:
    import pandas as pd

    text = pd.DataFrame(dict(columns)).to_csv(index=False, lineterminator="\n")
    write_whole(path, text.encode("utf-8"))


def _write_archive(path: Path, arrays: Arrays) -> None:
    named: dict[str, Any] = dict(arrays)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **named)
    write_whole(path, buffer.getvalue())
