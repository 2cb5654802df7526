"""Every command and code block of README and docs is run, in the order of the page, in one folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SET_UP = {"make demo", "make test"}  # they make an environment; the project's checks run them

pytestmark = pytest.mark.slow


def run(line, folder):
    if line.startswith("privaudit "):
        line = f"{shlex.quote(sys.executable)} -m {line}"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_block_runs(page, tmp_path):
    for language, body in BLOCK.findall(page.read_text()):
        if language == "sh":
            commands = {line.partition("#")[0].strip() for line in body.splitlines()}
            assert commands <= SET_UP, f"put commands into console blocks: {commands - SET_UP}"
        elif language == "console":
            for line in body.splitlines():
                assert line.startswith("$ "), f"a console block holds commands only: {line}"
                run(line.removeprefix("$ "), tmp_path)
        elif language == "python":
            (tmp_path / "block.py").write_text(body)
            run(f"{shlex.quote(sys.executable)} block.py", tmp_path)
        elif language == "yaml":
            name = re.match(r"# (\S+\.yaml)\n", body)
            assert name, "the first line of a yaml block names its file"
            (tmp_path / name[1]).write_text(body)
        else:
            pytest.fail(f"no rule for {language} blocks")
