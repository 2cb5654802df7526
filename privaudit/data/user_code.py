"""Functions in the user's own files, named ``file.py:function``."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from privaudit.errors import ConfigError
from privaudit.validate import nearest

_DIGEST = "__privaudit_digest__"


class _BytesLoader(SourceFileLoader):
    """Runs the very bytes that the digest covers: no second read, no stale ``.pyc``, none written."""

    def __init__(self, name: str, path: Path, source: bytes) -> None:
        super().__init__(name, str(path))
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source, self.path)


def split_spec(spec: str, base: Path | None = None) -> tuple[Path, str]:
    """Return the file and the function that ``file.py:function`` names.

    Args:
        spec: the file and the function.
        base: folder that a relative file is in; the working folder if ``None``.

    Raises:
        ConfigError: if ``spec`` is malformed.

    >>> split_spec("model.py:build", Path("job"))[1]
    'build'
    """
    file, _, function = spec.rpartition(":")  # from the right: a Windows path holds a colon of its own
    if not file.endswith(".py") or not function.isidentifier():
        raise ConfigError(f"expected file.py:function; got {spec!r}. Name a Python file and a function in it.")
    return ((base or Path()) / file).resolve(), function


def load_function(spec: str, base: Path | None) -> Callable[..., Any]:
    """Import a function of the user's from its file.

    The file is imported once per process (again if its bytes change), under a name of its own in ``sys.modules``;
    ``sys.path`` stays as it is, so the file cannot import its neighbours: the digest covers one file.

    Args:
        spec: ``file.py:function``.
        base: folder that a relative file is in; the working folder if ``None``.

    Returns:
        The function (or any callable of that name).

    Raises:
        ConfigError: if the spec is malformed, the file or function is missing, or the file raises.
    """
    path, name = split_spec(spec, base)
    module = _module_of(path, _read(path))
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        state = "is not callable" if hasattr(module, name) else "does not exist"
        raise ConfigError(f"{path}: function {name} {state}.{nearest(name, known)} The file has: {_listing(known)}.")
    loaded: Callable[..., Any] = function
    return loaded


def user_code_digest(spec: str, base: Path | None) -> str:
    """SHA-256 of the bytes of the file that ``file.py:function`` names.

    Raises:
        ConfigError: if the spec is malformed or the file is missing.
    """
    return hashlib.sha256(_read(split_spec(spec, base)[0])).hexdigest()


def describe_exception(error: BaseException, path: Path) -> str:
    """Say in one line what the user's file raised and where.

    Args:
        error: the exception.
        path: the user's file; the innermost of its lines is named.
    """
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) and not frames else next(reversed(frames), None)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(message.split())
    return f"{path}{f', line {line}' if line else ''}: {type(error).__name__}{f': {text}' if text else ''}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). Name a Python file as file.py:function."
        ) from None


def _module_of(path: Path, source: bytes) -> ModuleType:
    name = f"privaudit_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    digest = hashlib.sha256(source).hexdigest()
    cached = sys.modules.get(name)
    if cached is not None and getattr(cached, _DIGEST, None) == digest:
        return cached
    module = _run_file(name, path, source)
    setattr(module, _DIGEST, digest)
    return module


def _run_file(name: str, path: Path, source: bytes) -> ModuleType:
    loader = _BytesLoader(name, path, source)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ConfigError(f"{path}: is no Python file. Name one as file.py:function.")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickle look their module up while it runs
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        _restore(name, before)
        raise ConfigError(f"{describe_exception(error, path)}. Mend the file and try again.") from error
    return module


def _restore(name: str, before: ModuleType | None) -> None:
    if before is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = before


def _listing(names: list[str]) -> str:
    return (", ".join(sorted(names)[:8]) + (", ..." if len(names) > 8 else "")) or "no functions"
