"""The page: its parts, its policy, its words under every figure, and what becomes of it on paper."""

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from privaudit.report import html, page_script
from privaudit.report.html import render_html
from privaudit.report.page_figures import figures_of
from privaudit.report.page_sections import TITLES
from privaudit.report.roc_table import roc_table


class Page(HTMLParser):
    """Collects elements, anchors, figures and the tables that come after each."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.anchors, self.ids, self.order, self.headings = [], [], [], [], []
        self._in = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self._in = tag
        self.ids += [values["id"]] if "id" in values else []
        self.anchors += [values["href"]] if tag == "a" else []
        if tag in ("figure", "table", "section"):
            self.order.append(tag)

    def handle_data(self, data):
        self.headings += [data] if self._in in ("h1", "h2") and data.strip() else []


@pytest.fixture(scope="module")
def compared(builder):
    return render_html(builder.compared_report(with_claim=True))


def test_every_section_is_named_in_the_list_and_has_a_template(compared):
    page = Page(compared)
    assert len(page.ids) == len(set(page.ids))
    anchors = [anchor.removeprefix("#") for anchor in page.anchors]
    assert anchors == [name for name in page.ids if name in anchors] and len(anchors) >= 8
    folder = files("privaudit.report").joinpath(html.FOLDER)
    assert all(folder.joinpath(f"section_{name}.html").is_file() for name, _, _ in TITLES)


def test_headings_follow_each_other_without_a_gap(compared):
    levels = [int(tag[1]) for tag in Page(compared).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_table_follows_every_figure(compared):
    order = Page(compared).order
    assert order.count("figure") >= 4
    for place, tag in enumerate(order):
        if tag == "figure":
            assert order[place + 1] == "table", order


def test_sections_that_have_nothing_to_say_are_left_out(builder):
    page = Page(render_html(builder.sample_report(with_claim=False)))
    assert not {"games", "defenses", "population", "queries", "who"} & set(page.ids)


def test_the_policy_allows_the_pages_own_script_and_nothing_else(compared):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', compared)[1]
    (script,) = re.findall(r"<script>(.*?)</script>", compared, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy and "unsafe-inline" not in policy.split("script-src")[1]
    assert policy.startswith("default-src 'none'; ") and "http" not in policy
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)[a-z]""", compared.split("<body>")[1].split("<script>")[0])


def test_without_a_script_the_page_has_no_script_element_and_says_the_same(builder, monkeypatch):
    report = builder.sample_report()
    whole = render_html(report)
    monkeypatch.setattr(html, "script_of_page", lambda: ("", ""))
    bare = render_html(report)
    assert "script" not in Page(bare).tags and "script-src" not in bare
    assert bare.split("<body>")[1].split("</main>")[0] == whole.split("<body>")[1].split("</main>")[0]


@pytest.mark.parametrize("text", ["a </script> b", "a </SCRIPT b", "<!-- a"])
def test_a_script_that_would_end_itself_is_refused(text, tmp_path, monkeypatch):
    (tmp_path / "page.js").write_text(text)
    monkeypatch.setattr(page_script, "files", lambda _: tmp_path)
    page_script.script_of_page.cache_clear()
    with pytest.raises(ValueError, match=r"page\.js"):
        page_script.script_of_page()
    page_script.script_of_page.cache_clear()


def test_what_is_folded_is_open_on_paper():
    style = files("privaudit.report").joinpath(html.FOLDER, "style.css").read_text()
    on_paper = style.split("@media print")[1]
    assert "details::details-content { content-visibility: visible;" in on_paper and "color-scheme: light" in on_paper


def test_figures_are_drawn_where_there_is_something_to_draw(builder):
    drawn = {name for name, figure in figures_of(builder.sample_report()).items() if figure}
    assert drawn == {"axis", "roc", "attacks"}
    assert {"defenses"} <= {name for name, figure in figures_of(builder.compared_report()).items() if figure}


def test_the_table_under_the_curves_reads_them_off(builder):
    table = roc_table(builder.sample_report())
    assert table.head[1:] == tuple(f"TPR at {rate} FPR" for rate in ("0.01 %", "0.1 %", "1 %", "10 %", "50 %"))
    assert [row[0] for row in table.rows] == ["loss threshold", "LiRA", "RMIA", "most that the claim allows"]
    assert (
        table.rows[1][1] == "not measurable" and table.rows[1][3] == "1.3 %" and table.rows[-1][1] != "not measurable"
    )
    assert roc_table(builder.sample_report(attacks=())).rows == ()
