"""Each exit code by the installed command in a process of its own.

An interrupt, 130, is the matter of `test_resume.py`; an exception that nobody expected of `tests/test_exit_codes.py`; what else
goes wrong of `test_mistakes.py`.
"""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from privaudit.report.serialise import report_to_json

SCRIPT = Path(sys.executable).parent / "privaudit"
PASS, FAIL, OPEN = {"metric": "auc", "max": 0.9}, {"metric": "auc", "max": 0.4}, {"metric": "claim"}
N_DAMAGED = 60


@pytest.fixture
def folder(command, sample):
    """A folder with a report and a policy for each outcome."""
    (command.folder / "report.json").write_text(report_to_json(sample.sample_report()))
    for name, rule in {"pass": PASS, "fail": FAIL, "open": OPEN, "typo": {**PASS, "mx": 1}}.items():
        (command.folder / f"{name}.yaml").write_text(json.dumps({"rules": [{"id": "r", **rule}]}))
    return command.folder


def damage(path, position):
    """Change one byte of a file, and return what it was."""
    content = path.read_bytes()
    path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
    return content


@pytest.mark.skipif(not SCRIPT.exists(), reason="the command is not installed beside this Python")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("gate", "report.json", "--policy", "pass.yaml"), 0),
        (("gate", "report.json", "--policy", "fail.yaml"), 1),
        (("gate", "report.json", "--policy", "typo.yaml"), 2),
        (("gate", "report.json", "--policy", "open.yaml"), 3),
        (("gate", "damaged.json", "--policy", "pass.yaml"), 4),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_process_ends_with_the_code_of_what_happened(folder, arguments, code):
    whole = (folder / "report.json").read_bytes()
    (folder / "damaged.json").write_bytes(whole)
    damage(folder / "damaged.json", whole.index(b"adult-mlp"))
    done = subprocess.run([SCRIPT, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    if code in (0, 1, 3):
        assert done.stdout.splitlines()[-1].startswith(f"gate: { {0: 'pass', 1: 'fail', 3: 'inconclusive'}[code] }.")
    else:
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("privaudit: ")


def says_the_same(content, other):
    """White space, and digits beyond those that a number keeps, say nothing."""
    with contextlib.suppress(ValueError):
        return json.loads(content) == json.loads(other)
    return False


def test_a_report_with_one_byte_changed_is_refused_in_one_line_wherever_it_is(command, folder):
    path, n_refused = folder / "report.json", 0
    for position in random.Random(0).sample(range(path.stat().st_size), N_DAMAGED):
        whole = damage(path, position)
        if not says_the_same(whole, path.read_bytes()):
            result = command.inside("gate", "report.json", "--policy", "pass.yaml", code=4)
            assert result.stdout == "" and len(result.stderr.splitlines()) == 1, (position, result.stderr)
            n_refused += 1
        path.write_bytes(whole)
    assert n_refused > N_DAMAGED / 2
    damage(path, path.read_bytes().index(b"adult-mlp"))
    for arguments in (("report", "report.json", "--format", "md"), ("gate", ".", "--policy", "pass.yaml")):
        assert "was changed after it was written" in command.inside(*arguments, code=4).stderr
