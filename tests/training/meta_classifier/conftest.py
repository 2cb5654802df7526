"""One torch thread, as in audits."""

import pytest

from privaudit.training.randomness import one_thread


@pytest.fixture(autouse=True)
def one_torch_thread():
    with one_thread():
        yield
