import hashlib
import sys

import pytest

from privaudit.data.user_code import load_function, user_code_digest
from privaudit.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def _write(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_function_is_loaded_and_leaves_no_trace_on_the_path(write, tmp_path):
    write("def build(n):\n    return n + 1\n")
    before = list(sys.path)
    function = load_function("mine.py:build", tmp_path)
    assert function(1) == 2
    assert sys.path == before
    assert "mine" not in sys.modules
    assert function.__module__.startswith("privaudit_user_mine_")
    assert load_function("mine.py:build", tmp_path) is function
    assert not (tmp_path / "__pycache__").exists()


def test_files_of_one_name_stay_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.py").write_text(f"def name():\n    return {folder!r}\n")
    assert [load_function("model.py:name", tmp_path / folder)() for folder in ("a", "b")] == ["a", "b"]


def test_changed_file_is_imported_again(write, tmp_path):
    write("def f():\n    return 1\n")
    assert load_function("mine.py:f", tmp_path)() == 1
    write("def f():\n    return 2\n")
    assert load_function("mine.py:f", tmp_path)() == 2


def test_dataclasses_in_user_files_work(write, tmp_path):
    write(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Net:\n    width: int = 3\n"
    )
    assert load_function("mine.py:Net", tmp_path)().width == 3


def test_relative_file_without_base_is_looked_up_in_the_working_folder(write, tmp_path, monkeypatch):
    write("def f():\n    return 1\n")
    monkeypatch.chdir(tmp_path)
    assert load_function("mine.py:f", None)() == 1


@pytest.mark.parametrize("spec", ["mine", "mine.py", "mine.py:", "mine.txt:f", ":f", "mine.py:a.b", "mine.py:f()", ""])
def test_malformed_spec(spec, tmp_path):
    with pytest.raises(ConfigError, match=r"expected file\.py:function"):
        load_function(spec, tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n\nraise KeyError('no\\nluck')\n", r"mine\.py, line 3: KeyError: .*luck"),
        ("def f(:\n", r"mine\.py, line 1: SyntaxError"),
        ("import sys\nsys.exit('bye')\n", r"line 2: SystemExit: bye"),
        ("import no_such_module_at_all\n", r"line 1: ModuleNotFoundError"),
        ("def g():\n    return 1 / 0\n\n\ng()\n", r"line 2: ZeroDivisionError"),
        ("x = 1\n", "function build does not exist.*no functions"),
        ("def biuld():\n    pass\n", "Did you mean biuld"),
        ("build = 3\n", "is not callable"),
        ("\0", "mine.py"),
    ],
)
def test_faulty_files_are_refused_in_one_line(text, words, write, tmp_path):
    write(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_function("mine.py:build", tmp_path)
    assert "\n" not in str(caught.value)


def test_faulty_file_leaves_no_module(write, tmp_path):
    write("raise RuntimeError\n", "faulty.py")
    with pytest.raises(ConfigError, match="RuntimeError"):
        load_function("faulty.py:f", tmp_path)
    assert not [name for name in sys.modules if name.startswith("privaudit_user_faulty")]


def test_missing_file(tmp_path):
    for call in (load_function, user_code_digest):
        with pytest.raises(ConfigError, match="cannot be read"):
            call("absent.py:f", tmp_path)


def test_digest_is_of_the_bytes(write, tmp_path):
    path = write("def f():\n    pass\n")
    assert user_code_digest("mine.py:f", tmp_path) == hashlib.sha256(path.read_bytes()).hexdigest()
