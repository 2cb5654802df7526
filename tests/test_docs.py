"""The pages under docs/ and the README: their links, commands and methods, and that Sphinx builds them without a warning.

Their blocks are run by `tests/e2e/test_demo.py`.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from privaudit.cli.main import privaudit as command_group
from privaudit.registry import list_methods
from privaudit.report.first_screen import QUESTIONS
from privaudit.report.methods import METHODS
from privaudit.report.page_sections import TITLES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
TERM = re.compile(r"^(\S.*)\n: ", re.MULTILINE)
# where a page may not point: machines, and whatever the project was made with
PLACE = re.compile(r"(?<![\w.])(?:/(?:home|root|work|tmp|mnt|opt|Users)/|~/|\.\./shared|file://|localhost)")
IN_DEFENSES = "defenses.md"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page):
    """What a page says outside its blocks."""
    return BLOCK.sub("", page.read_text())


def slug(title):
    """The anchor that GitHub and MyST give a heading."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def anchors(page):
    return {slug(title) for title in HEADING.findall(prose(page))}


def broken_links(page):
    for target in LINK.findall(prose(page)):
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or not there.is_relative_to(ROOT):
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(there):
            yield f"{target}: no such heading"


def test_broken_links_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# A `thing`, or two\n[a](#a-thing-or-two) [b](#b) [c](gone.md) [d](page.md#b) [e](https://e.org)\n"
    )
    assert [line.partition(":")[0] for line in broken_links(page)] == ["#b", "gone.md", "page.md#b"]


@each_page
def test_links_and_anchors_resolve(page):
    assert list(broken_links(page)) == []


def console_lines(page):
    """What stands after a prompt, or bare in a block without a language."""
    for block in BLOCK.findall(page.read_text()):
        language, _, body = block.removeprefix("```").partition("\n")
        lines = body.removesuffix("```").splitlines()
        for line in lines:
            if language == "console" or (not language and line.startswith("privaudit ")):
                yield line.removeprefix("$ ").partition(" ||")[0].partition(" #")[0]


def commands_of(page):
    """Every command line that a page names, in a block or within a sentence."""
    spans = re.findall(r"`([^`\n]+)`", prose(page))
    return [*console_lines(page), *(span for span in spans if span.startswith("privaudit "))]


def flags_of(command):
    return {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}


def mistakes(line):
    """What a command line names that the command does not have."""
    words = [word for word in shlex.split(line.replace("…", ""))[1:] if word not in ("...", "|")]
    command = command_group
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            return [f"{line}: no command {words[0]}"]
        command, words = inner, words[1:]
    flags = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    wrong = [f"{line}: no option {flag}" for flag in flags if flag not in flags_of(command)]
    for one in command.params:
        if isinstance(one, click.Argument) and isinstance(one.type, click.Choice) and words:
            name = words[0]
            if not name.isupper() and not name.startswith("-") and name not in one.type.choices:
                wrong.append(f"{line}: no {one.name} {name}")
    return wrong


def test_mistakes_in_command_lines_are_found():
    assert mistakes("privaudit run audit.yaml --out folder") == []
    assert mistakes("privaudit canaries insert data.csv --label y") == []
    assert mistakes("privaudit study zoo --quick") == []
    assert mistakes("privaudit walk") == ["privaudit walk: no command walk"]
    assert mistakes("privaudit run --fast") == ["privaudit run --fast: no option --fast"]
    assert mistakes("privaudit study zoos") == ["privaudit study zoos: no name zoos"]


@each_page
def test_commands_and_their_options_exist(page):
    assert [wrong for line in commands_of(page) for wrong in mistakes(line)] == []


@each_page
def test_options_named_alone_exist(page):
    known = {"--constraint"}  # pip's
    known |= {flag for command in every_command(command_group) for flag in flags_of(command)}
    spans = re.findall(r"`(--[a-z][a-z-]*)[^`\n]*`", prose(page))
    assert sorted(set(spans) - known) == []


def every_command(group):
    yield group
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield from every_command(command) if isinstance(command, click.Group) else [command]


@each_page
def test_no_page_names_a_place(page):
    assert PLACE.findall(page.read_text()) == []


def sections():
    """Name of a heading or a defined term -> the text under it, over all pages; backticks do not count."""
    found = {}
    for page in DOCS.glob("*.md"):
        text = prose(page)
        titles = [*HEADING.finditer(text), *TERM.finditer(text)]
        ends = sorted([title.start() for title in titles] + [len(text)])
        for title in titles:
            end = next(place for place in ends if place > title.start())
            found.setdefault(title[1].strip("` "), text[title.end() : end])
    return found


def names(kind):
    return [method.name for method in list_methods(kind)]


@pytest.mark.parametrize("kind", ["attack", "distribution_attack", "estimator"])
def test_every_method_has_a_section_with_source_and_figures(kind):
    found = sections()
    assert [name for name in names(kind) if name not in found] == []
    bare = [name for name in names(kind) if "Measured" not in found[name]]
    assert bare == []
    # whose idea it is: a paper's, or the project's own
    unclaimed = [name for name in names(kind) if not re.search(r"Source|this project|This project", found[name])]
    assert unclaimed == []


def test_every_defense_has_a_section():
    if not (DOCS / IN_DEFENSES).exists():
        pytest.skip(f"docs/{IN_DEFENSES} is not there yet")
    found = sections()
    assert [name for name in names("defense") if name not in found] == []


def test_every_method_that_a_report_explains_has_a_section():
    found = sections()
    defenses = set() if (DOCS / IN_DEFENSES).exists() else set(names("defense"))
    assert [name for name in METHODS if name not in found and name not in defenses] == []


def test_every_section_of_a_report_is_explained():
    page = DOCS / "reading-a-report.md"
    assert [title for _, title, _ in TITLES if title not in HEADING.findall(prose(page))] == []
    assert [question for question, _ in QUESTIONS if question not in page.read_text()] == []


@pytest.mark.slow
def test_sphinx_builds_the_pages_without_a_warning(tmp_path):
    for module in ("sphinx", "furo", "myst_parser", "sphinx_copybutton"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed; it comes with the extra privaudit[docs]")
    target = tmp_path / "html"
    arguments = ["-W", "--keep-going", "-q", "-b", "html", "-d", str(tmp_path / "trees"), str(DOCS), str(target)]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    for page in DOCS.glob("*.md"):
        assert (target / f"{page.stem}.html").exists()
    html = "".join(page.read_text() for page in target.glob("*.html"))
    assert "<math" in html
    # a page that is read without a network: nothing is loaded from elsewhere
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]+\"", html) == []
    # what an example copies are commands, not prompts
    assert re.search(r"copybutton", html)
