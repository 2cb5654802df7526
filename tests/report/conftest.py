import importlib.util
from pathlib import Path

import pytest


def _module(name):
    """A module that builds reports; test folders are no packages."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def builder():
    return _module("sample_report")


@pytest.fixture(scope="session")
def hostile():
    return _module("hostile_report")


@pytest.fixture(scope="session")
def schemas():
    """The folder of the schemas that others publish."""
    return Path(__file__).parents[1] / "reference" / "schemas"
