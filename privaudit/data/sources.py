"""Load the data of an audit by the name of its source."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from privaudit.data.bundled import BUNDLED, BundledSource
from privaudit.data.dataset import Dataset, dataset_from_arrays
from privaudit.data.files import load_csv, load_npz
from privaudit.data.user_code import describe_exception, load_function, split_spec
from privaudit.errors import ConfigError, PrivauditError, UnknownNameError, UnsupportedError
from privaudit.validate import nearest


def load_dataset(
    source: str,
    *,
    label: str | None = None,
    record_id: str | None = None,
    groups: Sequence[str] = (),
    drop: Sequence[str] = (),
    base: Path | None = None,
) -> Dataset:
    """Load a data set.

    Args:
        source: a bundled name, ``*.csv``, ``*.npz`` or ``file.py:function``.
        label: name of the label column or array.
        record_id: name of the id column (CSV only).
        groups: names of the groups to keep.
        drop: columns to leave out of the features.
        base: folder that relative files are in; the working folder if ``None``.

    Returns:
        The data set, with the groups asked for.

    Raises:
        ConfigError: if the source does not exist.
        DataError: if a name does not fit the data, or the data cannot be audited.
        UnsupportedError: if the source does not serve one of the options.
    """
    check_source(source, label=label, record_id=record_id, drop=drop)
    path = (base or Path()) / source
    if source in BUNDLED:
        return keep_groups(BUNDLED[source].load(tuple(drop)), groups)
    if source.endswith(".csv"):
        return load_csv(path, label=str(label), record_id=record_id, groups=groups, drop=drop)
    if source.endswith(".npz"):
        return keep_groups(load_npz(path, label=label), groups)
    return keep_groups(call_user_source(source, base), groups)


def check_source(source: str, *, label: str | None, record_id: str | None, drop: Sequence[str]) -> None:
    """Refuse what can be known to be wrong before anything is loaded.

    Args:
        source: as `load_dataset` takes it.
        label: name of the label column or array.
        record_id: name of the id column.
        drop: columns to leave out.

    Raises:
        ConfigError: if there is no such kind of source, or a csv comes without a label.
        UnknownNameError: if a bundled data set has another label.
        UnsupportedError: if the source does not serve one of the options.
    """
    if source in BUNDLED:
        _refuse(source, record_id=record_id, drop=() if BUNDLED[source].columns else drop)
        _check_label(source, BUNDLED[source], label)
    elif source.endswith(".csv"):
        if label is None:
            raise ConfigError(f"{source} needs data.label: the name of the column to predict.", key="data.label")
    elif source.endswith(".npz"):
        _refuse(source, record_id=record_id, drop=drop)
    elif ":" in source:
        _refuse(source, record_id=record_id, drop=drop, label=label)
    else:
        raise ConfigError(
            f"data.source must be one of {', '.join(BUNDLED)}, a .csv or .npz file, or file.py:function; got {source!r}."
            f"{nearest(source, BUNDLED)}",
            key="data.source",
        )


def keep_groups(dataset: Dataset, groups: Sequence[str]) -> Dataset:
    """Return the data set with only the groups asked for.

    Raises:
        DataError: if a group does not exist.
    """
    for name in groups:
        if name not in dataset.groups:
            known = ", ".join(dataset.groups) or "none"
            raise UnknownNameError(
                f"{dataset.name} has no group {name!r}; its groups: {known}.{nearest(name, dataset.groups)}",
                key="data.groups",
            )
    return Dataset(
        name=dataset.name,
        features=dataset.features,
        labels=dataset.labels,
        record_ids=dataset.record_ids,
        groups={name: dataset.groups[name] for name in groups},
        class_names=dataset.class_names,
        row=dataset.row,
    )


def call_user_source(source: str, base: Path | None) -> Dataset:
    """Load a data set by calling the user's ``file.py:function``.

    Args:
        source: the file and the function; it takes no arguments and returns a Dataset or (features, labels).
        base: folder that a relative file is in.

    Raises:
        ConfigError: if the function raises or returns something else than a data set.
    """
    function = load_function(source, base)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
            content = function()
    except PrivauditError:
        raise
    except (Exception, SystemExit) as error:
        path = split_spec(source, base)[0]
        raise ConfigError(f"{describe_exception(error, path)}. Mend {source}.", key="data.source") from error
    return _as_dataset(content, source)


def _as_dataset(content: Any, source: str) -> Dataset:
    if isinstance(content, Dataset):
        return content
    if isinstance(content, tuple) and len(content) == 2:
        return dataset_from_arrays(content[0], content[1], name=source.rpartition(":")[2])
    raise ConfigError(
        f"{source} must return a privaudit Dataset or (features, labels); got {type(content).__name__}.",
        key="data.source",
    )


def _check_label(name: str, bundled: BundledSource, label: str | None) -> None:
    if label not in (None, bundled.label):
        raise UnknownNameError(
            f"{name} has the label {bundled.label!r}; got {label!r}. Set data.label to it, or leave it out.",
            key="data.label",
        )


def _refuse(source: str, *, record_id: str | None, drop: Sequence[str], label: str | None = None) -> None:
    given = [name for name, value in (("id", record_id), ("drop", drop), ("label", label)) if value]
    if given:
        raise UnsupportedError(
            f"{source} does not serve {' and '.join(f'data.{name}' for name in given)}. Leave it out."
        )
