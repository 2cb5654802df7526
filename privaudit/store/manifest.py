"""What the stored models were made from; stale files are refused with the reason."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from privaudit._version import __version__
from privaudit.errors import CorruptStoreError, StoreError, StoreVersionError
from privaudit.store.atomic import write_text

MANIFEST_VERSION = 2
LIBRARIES = ("numpy", "opacus", "torch")  # what the bytes of a trained model depend on
ANALYSIS_LIBRARIES = ("numpy", "scipy")  # what the numbers of a report depend on


def library_versions(libraries: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Versions of privaudit and of the libraries that training depends on, read without importing them."""
    return {"privaudit": __version__, **{name: metadata.version(name) for name in libraries}}


def digest(content: Any) -> str:
    """SHA-256 of a JSON-able value in canonical form.

    >>> digest({"b": 1, "a": [1, 2]}) == digest({"a": [1, 2], "b": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything the trained models are a function of, and the config they were asked for with.

    Attributes:
        data: digest and settings of the data.
        recipe: settings of the model and its training, with the digests of the user's own files.
        design: settings of the design.
        versions: of the libraries.
        config: the audit config, without what enters no digest (out, engine, device names).
        looks: the analyses asked for, in order, each with its targets and number of models; all but the last were
            reported.
        is_reported: the last look was reported, too: somebody has seen outcomes of these models.
        remarks: sentences on the training for the report's readers; they enter no digest.
    """

    data: Mapping[str, Any]
    recipe: Mapping[str, Any]
    design: Mapping[str, Any]
    versions: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)
    looks: tuple[Mapping[str, Any], ...] = ()
    is_reported: bool = False
    remarks: tuple[str, ...] = ()

    def digests(self) -> dict[str, str]:
        """One digest per part."""
        return {part: digest(getattr(self, part)) for part in ("data", "recipe", "design", "versions")}


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all."""
    content = {"schema_version": MANIFEST_VERSION, "digests": manifest.digests(), **asdict(manifest)}
    write_text(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        StoreError: if there is none.
        StoreVersionError: if it was written by another schema version.
        CorruptStoreError: if it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["schema_version"]
        if version == MANIFEST_VERSION:
            return _checked(content)
    except FileNotFoundError:
        raise StoreError(
            f"{path.parent} holds no audit (no manifest.json). Run `privaudit run --out {path.parent}`."
        ) from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error}). Make it readable.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptStoreError(f"{path} is damaged ({error}). Restore it, or choose another --out.") from None
    raise StoreVersionError(
        f"{path}: schema version {version}; this release reads {MANIFEST_VERSION}. Choose another --out."
    )


def _checked(content: Mapping[str, Any]) -> Manifest:
    """Return the manifest that was read, if its parts still have the digests they were written with."""
    manifest = Manifest(
        **{part: dict(content[part]) for part in ("data", "recipe", "design", "versions", "config")},
        looks=tuple(dict(look) for look in content["looks"]),
        is_reported=bool(content["is_reported"]),
        remarks=tuple(str(remark) for remark in content["remarks"]),
    )
    changed = [part for part, value in manifest.digests().items() if content["digests"].get(part) != value]
    if changed:
        raise ValueError(f"{', '.join(changed)} changed after it was written")
    return manifest


def check_same(
    stored: Manifest, wanted: Manifest, folder: Path, *, accept_versions: bool = False, why: str = ""
) -> None:
    """Refuse to use models that were made from something else.

    Args:
        stored: the manifest in the folder.
        wanted: the manifest of the audit asked for.
        folder: for the message.
        accept_versions: use models of other library versions.
        why: a sentence on what the design may change, for the message.

    Raises:
        StoreVersionError: names the settings that differ.
    """
    # another seed draws other records, other worlds of graphs are other graphs, and other records take other coins: the cause
    # comes first
    draws_data = any(stored.design.get(name) != wanted.design.get(name) for name in ("kind", "seed", "graphs"))
    first = ("design", "data") if draws_data else ("data", "design")
    for part in (*first, "recipe", "versions"):
        if part == "versions" and accept_versions:
            continue
        changes = list(differences(getattr(stored, part), getattr(wanted, part), part))
        changes.sort(
            key=lambda change: not change.startswith("design.kind:")
        )  # another kind of audit explains the rest
        if changes:
            shown = "; ".join(changes[:4]) + ("; ..." if len(changes) > 4 else "")
            more = " (or --accept-versions to use them as they are)" if part == "versions" else ""
            rule = f"{why} C" if why and part == "design" else "Old models are never reused: c"
            raise StoreVersionError(
                f"{folder} holds models of another audit: {shown}. {rule}hoose another --out, or delete that folder{more}."
            )


def joint_versions(stored: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of a folder that two sets of libraries worked on, so that a mixture stays visible.

    >>> joint_versions({"torch": "2.12.0"}, {"torch": "2.13.0"})
    {'torch': '2.12.0, 2.13.0'}
    """
    return {
        name: ", ".join(dict.fromkeys([*stored.get(name, version).split(", "), version]))
        for name, version in current.items()
    }


def differences(old: Any, new: Any, key: str) -> Iterator[str]:
    """Yield ``key: old -> new`` for every leaf that differs.

    >>> list(differences({"lr": 0.25}, {"lr": 0.5}, "recipe"))
    ['recipe.lr: 0.25 -> 0.5']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from differences(old.get(name), new.get(name), f"{key}.{name}")
    elif _tables(old) and _tables(new) and len(old) == len(new):
        for row, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{key}.{row}")
    elif json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
        yield f"{key}: {_short(old)} -> {_short(new)}"


def _tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _short(value: Any) -> str:
    text = value[:12] if isinstance(value, str) and len(value) == 64 else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
