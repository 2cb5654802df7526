import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from privaudit.report.plain import CUT, plain_text


@given(st.text(), st.integers(10, 60))
def test_one_line_of_printable_letters(text, longest):
    line = plain_text(text, longest)
    assert line.isprintable() and line == line.strip() and len(line) <= longest
    assert len(line.splitlines()) <= 1
    line.encode("utf-8")
    etree.fromstring(etree.tostring(_element(line)))


def _element(text):
    element = etree.Element("a")
    element.text = text
    return element


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=60))
def test_printable_letters_stay(text):
    assert plain_text(text, 100) == text


@pytest.mark.parametrize("text", ["a" * 10_000, " " * 10_000 + "b", "a\n" * 10_000, "\0" * 10_000])
def test_what_is_cut_says_so(text):
    line = plain_text(text, 100)
    assert line.endswith(CUT.strip()) and len(line) <= 100


def test_other_values_become_text():
    assert plain_text(None) == "None" and plain_text(1.5) == "1.5"
