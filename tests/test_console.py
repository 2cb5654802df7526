import itertools

import pytest

from privaudit.cli import console
from privaudit.interfaces import Progress


@pytest.fixture
def lines(monkeypatch, capsys):
    """What the view for logs writes, where six seconds pass between two steps."""
    clock = itertools.count(0.0, 6.0)
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: False, raising=False)

    def _lines(*steps, quiet=False):
        with console.progress_view(quiet=quiet) as view:
            for step in steps:
                view(step)
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()

    return _lines


def steps(*done, total=80):
    return [Progress(stage="training", done=number, total=total) for number in done]


def test_a_line_at_both_ends_and_every_ten_seconds_with_the_time_left(lines):
    assert lines(*steps(0, 8, 16, 24, 80)) == [
        "training: 0 of 80 models",
        "training: 16 of 80 models, about 48 s left",  # 12 s for 16 models
        "training: 80 of 80 models, 24 s",
    ]


def test_nothing_to_do(lines):
    assert lines(*steps(80)) == ["training: 80 of 80 models, all on disk already"]


def test_a_note_is_shown_and_quiet_is_quiet(lines):
    note = Progress(stage="training", done=0, total=8, note="one model at a time, since BatchNorm.")
    assert lines(note) == ["training: one model at a time, since BatchNorm."]
    assert lines(note, quiet=True) == []
