"""Saved scores in NumPy archives."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privaudit.data.files import DAMAGE
from privaudit.data.score_layout import Layout, ScoreFile, WantedColumns, as_membership, check_named, named_columns
from privaudit.errors import ConfigError, DataError, ShapeError

FEATURES = "features"


def read_archive(path: Path, wanted: WantedColumns, digest: str) -> ScoreFile:
    """Read an archive with ``score`` or ``loss``, ``member`` and optionally ``features``.

    Args:
        path: the file.
        wanted: the arrays the user named.
        digest: sha256 of the file.

    Returns:
        Layout ``records`` for arrays ``(n_records,)``, ``models`` for ``(n_models, n_records)``, ``trainings`` for
        ``(n_models, 1)``.

    Raises:
        ConfigError: if a named array is not there.
        DataError: if the archive is damaged, holds objects, or its arrays do not fit.
    """
    arrays = _arrays(path)
    names = named_columns(path, wanted, list(arrays))
    values, given = _numbers(path, names.value, arrays), arrays[names.member]
    if values.shape != given.shape or values.ndim not in (1, 2) or not values.size:
        raise ShapeError(
            f"{path}: {names.value} and {names.member} must have one shape, (n_records,) or (n_models, n_records); got "
            f"{values.shape} and {given.shape}."
        )
    member = np.atleast_2d(as_membership(path, names.member, given))
    layout: Layout = "records" if len(member) == 1 else "trainings" if member.shape[1] == 1 else "models"
    chosen = _features_name(path, wanted, arrays) if layout != "trainings" else None
    features = None if chosen is None else _features(path, chosen, arrays)
    return ScoreFile(
        name=path.stem,
        digest=digest,
        layout=layout,
        quantity=names.quantity,
        columns={names.quantity: names.value, "member": names.member, "features": [chosen] if chosen else []},
        values=np.atleast_2d(values),
        member=member,
        model_names=tuple(map(str, range(len(member)))),
        features=features,
    )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        # Opened here: np.load leaves the file open when it fails.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored.items())
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        if "pickle" in reason:  # NumPy's advice is to load such files nevertheless
            reason = "it holds objects, or something else than arrays"
        raise DataError(
            f"{path}: no readable .npz archive ({reason}). Write it with numpy.savez, numbers only, no objects."
        ) from None


def _numbers(path: Path, name: str, arrays: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    if arrays[name].dtype.kind not in "biuf":
        raise DataError(f"{path}: {name} must hold numbers; got {arrays[name].dtype}. Convert it first.")
    return arrays[name].astype(np.float64)


def _features_name(path: Path, wanted: WantedColumns, arrays: dict[str, NDArray[Any]]) -> str | None:
    if not wanted.features:
        return FEATURES if FEATURES in arrays else None
    if len(wanted.features) > 1:
        raise ConfigError(
            f"{path}: --features names one (n_records, d) array of an archive; got {len(wanted.features)}.",
            key=FEATURES,
        )
    check_named(path, FEATURES, wanted.features, list(arrays))
    return wanted.features[0]


def _features(path: Path, name: str, arrays: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    values = _numbers(path, name, arrays)
    return values[:, None] if values.ndim == 1 else values
