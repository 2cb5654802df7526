import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from privaudit.report.inert import inert, inert_within
from privaudit.report.markdown import joined, render_markdown, table_text
from privaudit.report.summary import render_summary
from privaudit.report.tables import Table

GAP = "\u200b"
OUR_TAGS = {"h3", "p", "strong", "code", "table", "thead", "tbody", "tr", "th", "td"}
# What GitHub looks for in the text of what was rendered: mentions, references, addresses, emoji.
LOOKED_FOR = re.compile(
    r"@[\w-]|#\d|(?<![A-Za-z0-9])GH-\d|(?:https?|ftp)://|www\.|(?:mailto|xmpp):\S|:[\w+-]+:", re.IGNORECASE
)


class Page(HTMLParser):
    """Collects elements, attributes and the text outside of code."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.texts, self.in_code = [], [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.in_code = tag == "code"

    def handle_endtag(self, tag):
        self.in_code = False

    def handle_data(self, data):
        if not self.in_code:
            self.texts.append(data)


def page(markdown):
    """Render as GitHub would, raw HTML included."""
    made = Page()
    made.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    made.close()
    return made


def shown(markdown):
    return "".join(page(markdown).texts).strip().replace(GAP, "")


def flat(text):
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


MARKUP = st.text(alphabet=list("\\`*_{}[]()<>|~#!$@&;:-+=.1aB \n\t\"'/?^%"), max_size=40)


@given(st.one_of(MARKUP, st.text(max_size=40)))
@example("* a")
@example("a\n===")
@example("&#60;b>")
@example("[a]: /u")
@example("1) x")
@example("__a__ ~~b~~")
@example("<!-- a")
@example("\\<b>")
@example("_https://a.example _www.a.example WWW.a.example")
def test_any_text_is_shown_as_it_is(text):
    made = page(inert(text))
    assert set(made.tags) <= {"p"}
    assert not LOOKED_FOR.search("".join(made.texts))
    assert shown(inert(text)) == flat(text)


@given(st.one_of(MARKUP, st.text(max_size=40)))
@example("a|b")
@example("\\|")
def test_any_text_fits_a_cell(text):
    made = page(table_text(Table(head=("a", "b"), rows=((text, "second"), (text, text)))))
    assert set(made.tags) == {"table", "thead", "tbody", "tr", "th", "td"}
    assert made.tags.count("td") == 4
    cell = "; ".join(flat(line) for line in re.sub(r"\nat (?=\d)", " at ", text).split("\n") if line.strip())
    assert flat("".join(made.texts).replace(GAP, "")) == flat(f"a b {cell} second {cell} {cell}")


def test_lines_of_a_cell_become_parts_of_one_line():
    text = table_text(Table(head=("a",), rows=(("0.7 (0.6 to 0.8)\nLiRA\n",),)))
    assert text.splitlines()[-1] == "| 0.7 (0.6 to 0.8); LiRA |"
    rate = table_text(Table(head=("a",), rows=(("2 % (1 % to 4 %)\nat 0.96 % FPR",),)))
    assert rate.splitlines()[-1] == "| 2 % (1 % to 4 %) at 0.96 % FPR |"


@given(MARKUP)
def test_any_text_may_stand_in_bold(text):
    made = page(f"before **{inert_within(text)}** after")
    assert set(made.tags) <= {"p", "strong"}


@pytest.mark.parametrize(
    "text",
    [
        "tpr_at_fpr lies in [0.05, 0.08], the limit is 0.03.",
        "epsilon >= 0.31 (delta 1e-5, add/remove); at < 5 %, <= 2",
        "one_run, lira-0: 1,604 in, 1,596 out. Is it so? Yes!",
        "-0.13 (-0.16 to -0.10)",
        "provenance.config.data.source = adult",
        "{a: 1} 100 % # x @ y",
    ],
)
def test_ordinary_words_are_not_escaped(text):
    assert inert(text) == text and inert_within(text) == text


def test_reports_of_every_shape_hold_our_markup_alone(builder, hostile):
    for report in hostile.reports(builder).values():
        for render in (render_markdown, render_summary):
            made = page(render(report, hostile.RESULT))
            assert set(made.tags) <= OUR_TAGS and not made.attributes


def test_hostile_texts_stay_texts(builder, hostile):
    for render in (render_markdown, render_summary):
        plain = page(render(hostile.hostile_report(builder, "x"), hostile.hostile_result("x"))).tags
        for name, text in hostile.TEXTS.items():
            made = page(render(hostile.hostile_report(builder, text), hostile.hostile_result(text)))
            assert set(made.tags) <= OUR_TAGS, name
            assert not made.attributes, name
            assert not LOOKED_FOR.search("".join(made.texts)), name
            if name != "long":
                assert made.tags == plain, name


def test_long_texts_are_cut_with_a_word(builder, hostile):
    text = hostile.TEXTS["long"]
    for render in (render_markdown, render_summary):
        cut = render(hostile.hostile_report(builder, text), hostile.hostile_result(text))
        assert len(cut.encode()) <= 64_000
        assert "Cut here: the full report holds the rest." in cut
        assert cut.startswith("### Privacy gate failed: ")
        assert re.search(r"Digest of this audit: `[0-9a-f]{64}`", cut.splitlines()[-1])


def test_nothing_is_cut_that_fits():
    assert joined(["a", "", "b"], last="c") == "a\n\nb\n\nc\n"
    assert len(joined(["ü" * 40_000], last="c").encode()) <= 64_000
    lines = joined(["\n".join(["line"] * 100)], last="end", most_bytes=200).splitlines()
    assert lines[-1] == "end" and lines[0] == "line" and 10 < len(lines) < 40
