"""The folders at the top are the packages they are said to be, and every package reaches the wheel."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ROOMS, PACKAGES = SETUPTOOLS["package-dir"], set(SETUPTOOLS["packages"])
TOP_LEVEL = {"attacks", "cli", "defenses", "docs", "estimators", "privaudit", "tests"}
TOP_FILES = {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml"}
MADE_BY_TOOLS = {"build", "dist", "privaudit.egg-info", "privaudit-out"}


def test_every_package_on_disk_is_declared():
    found = {
        ".".join([name, *init.parent.relative_to(ROOT / folder).parts])
        for name, folder in ROOMS.items()
        for init in (ROOT / folder).rglob("__init__.py")
        if not any(parent.is_symlink() for parent in init.parents)
    }
    assert found == PACKAGES


@pytest.mark.parametrize("name", [name for name in ROOMS if name != "privaudit"])
def test_each_room_is_linked_under_the_import_package(name):
    assert (ROOT / "privaudit" / name.rpartition(".")[2]).resolve() == (ROOT / ROOMS[name]).resolve()


def test_the_root_holds_only_what_the_layout_names():
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - MADE_BY_TOOLS
    assert found - TOP_LEVEL - TOP_FILES == set()


def test_data_files_are_declared():
    declared = SETUPTOOLS["package-data"]
    for package, folder in {**ROOMS, **{p: p.replace(".", "/") for p in PACKAGES if p not in ROOMS}}.items():
        for path in (ROOT / folder).iterdir():
            if path.is_file() and path.suffix != ".py":
                assert any(path.match(pattern) for pattern in declared.get(package, [])), path
