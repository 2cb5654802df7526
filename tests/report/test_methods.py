"""Every method that can be named is explained in plain words, with a source."""

import pytest

from privaudit.registry import list_methods
from privaudit.report.defense_methods import DEFENSE_METHODS, DEFENSE_NAMES
from privaudit.report.methods import METHODS, method_notes

KINDS = ("attack", "distribution_attack", "estimator", "defense")
COMPUTED = ("pld", "rdp", "gdp_clt", "last_iterate")


@pytest.mark.parametrize("name", [*(m.name for m in list_methods() if m.kind in KINDS), *COMPUTED])
def test_every_method_has_words_and_a_source(name):
    words, source = METHODS[name]
    assert words.endswith(".") and len(words) > 30 and source.endswith(".") and len(source) > 8


def test_a_report_explains_what_it_used_and_nothing_else(builder):
    used = [name for name, _, _ in method_notes(builder.compared_report())]
    assert used == ["LiRA", "one_run", "loss threshold", "gap attack", "DP-SGD", "top-k outputs"]
    assert set(DEFENSE_NAMES) == set(DEFENSE_METHODS)
