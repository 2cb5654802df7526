"""Whatever goes wrong is one line on stderr and never the exit code of a failed gate."""

import subprocess
import sys

import click
import pytest

from privaudit.cli import list_command
from privaudit.cli.main import FAILED, exit_code
from privaudit.errors import DataError

UNEXPECTED = [ValueError("two\nlines."), KeyError("x"), RuntimeError(""), AssertionError(), MemoryError("8 GiB")]


@pytest.fixture
def break_list(monkeypatch):
    """Makes `privaudit list` raise."""

    def broken(error):
        def fail(**options):
            raise error

        command = click.Command("list", callback=fail, params=list_command.command.params)
        monkeypatch.setattr(list_command, "command", command)

    return broken


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda error: type(error).__name__)
def test_an_unexpected_exception_is_one_line_and_4(break_list, capfd, error):
    break_list(error)
    assert exit_code(["list"]) == FAILED == 4
    shown = capfd.readouterr()
    assert shown.out == "" and shown.err.startswith("privaudit: ") and len(shown.err.splitlines()) == 1
    assert "Traceback" not in shown.err
    if isinstance(error, MemoryError):
        assert "out of memory" in shown.err and "bug" not in shown.err
    else:
        assert f"unexpected {type(error).__name__}" in shown.err and "bug of privaudit; --debug" in shown.err


@pytest.mark.parametrize("error", [ValueError("odd"), DataError("odd"), OSError("odd")])
def test_debug_adds_the_traceback_and_keeps_the_code(break_list, capfd, error):
    break_list(error)
    assert exit_code(["list", "--debug"]) == FAILED
    shown = capfd.readouterr().err
    assert "Traceback" in shown and shown.splitlines()[-1].startswith("privaudit: ")


@pytest.mark.parametrize("flags", [[], ["--debug"]])
def test_a_process_ends_with_4(flags):
    code = (
        "import sys; from privaudit.cli import list_command, main\n"
        "def fail(**options): raise ZeroDivisionError('odd')\n"
        "list_command.command.callback = fail\n"
        f"main.main(['list', *{flags!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 4 and ("Traceback" in done.stderr) == bool(flags)
