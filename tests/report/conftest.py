import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def builder():
    """The module that builds sample reports; test folders are no packages."""
    spec = importlib.util.spec_from_file_location("sample_report", Path(__file__).with_name("sample_report.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
