"""The page as a person sees it: in headless Chromium, at desktop and phone width, light and dark, and on paper."""

import base64
import dataclasses
import importlib.util
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from privaudit.report.html import render_html

webdriver = pytest.importorskip("selenium.webdriver", reason="needs the extra `browser`")

from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="needs chromium and chromedriver"),
]
PDFTOTEXT, PDFTOPPM = shutil.which("pdftotext"), shutil.which("pdftoppm")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
CHECKS = Path(__file__).with_name("page_checks.js").read_text(encoding="utf-8")
REPORTS = (
    "whole",
    "many_targets",
    "many_attacks",
    "worlds",
    "canaries",
    "defenses",
    "many_defenses",
    "hostile",
    "bare",
)
LONGEST_WORDS = 600  # letters of a hostile text here; longer ones are cut and tested elsewhere


def module(name):
    path = Path(__file__).parents[1] / "report" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def reports():
    """The reports to look at, by name."""
    sample, parts, hostile = module("sample_report"), module("figure_report"), module("hostile_report")
    plain = sample.sample_report()
    bare = dataclasses.replace(sample.sample_report(with_claim=False), controls=(), provenance={})
    attacks = ("loss", "lira", "rmia", "blind", *(f"an attack with a long name {place}" for place in range(9)))
    many_arms = [
        parts.arm(
            f"arm{place}", 0.8 + 0.01 * (place % 4), ("lira", 0.52 + 0.01 * place, 0.02), title=f"defense {place}"
        )
        for place in range(8)
    ]
    evil = " ".join(text[:60] for name, text in hostile.TEXTS.items() if name != "long")[:LONGEST_WORDS]
    evil = f"{evil} {'x' * 200}"
    canary = dataclasses.replace(plain.sections[0], kind="canary", title="Canaries")
    return {
        "whole": parts.with_sections(parts.asked(plain), parts.paired(n_groups=6), parts.three_arms()),
        "many_targets": parts.with_sections(sample.sample_report(targets=range(32)), parts.paired(n_groups=40)),
        "many_attacks": sample.sample_report(attacks=attacks, targets=range(3)),
        "worlds": dataclasses.replace(plain, claim=None, verdicts=(), controls=(), sections=(parts.worlds(),)),
        "canaries": dataclasses.replace(plain, sections=(canary, *plain.sections[1:])),
        "defenses": sample.compared_report(),
        "many_defenses": _defended(sample, parts, many_arms),
        "hostile": parts.with_sections(hostile.hostile_report(sample, evil), parts.paired(name=evil)),
        "bare": bare,
    }


def _defended(sample, parts, arms):
    report = sample.compared_report()
    first, *rest = report.sections
    kept = [section for section in rest if section.kind != "defense"]
    return dataclasses.replace(report, sections=(first, *kept, parts.defended(*arms)))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The address of every page."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, report in reports().items():
        path = folder / f"{name}.html"
        path.write_text(render_html(report), encoding="utf-8")
        found[name] = path
    return found


class Browser:
    """Headless Chromium and what it noticed."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # With the driver's path given, nothing is looked up or fetched.
        service = Service(executable_path=DRIVER, log_output=subprocess.DEVNULL)
        self.driver = webdriver.Chrome(options=options, service=service)

    def call(self, method, **parameters):
        return self.driver.execute_cdp_cmd(method, parameters)

    def open(self, path, *, size="desktop", scheme="light", script=True):
        width, height = SIZES[size]
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.driver.get(path.as_uri())

    def complaints(self):
        return [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self):
        """What was asked for since the last look."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def run(self, script, *values):
        return self.driver.execute_script(script, *values)

    def settle(self):
        """Wait until what was scrolled has been drawn and told."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def pdf(self, path):
        # Wide enough that what is printed is a page of a person's printer.
        data = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)["data"]
        path.write_bytes(base64.b64decode(data))
        return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.driver.quit()


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_overlaps_or_is_cut_and_nothing_is_fetched(browser, pages, name):
    for size in SIZES:
        for scheme in ("light", "dark"):
            browser.requests()
            browser.open(pages[name], size=size, scheme=scheme)
            assert browser.run(CHECKS) == [], (size, scheme)
            assert browser.requests() == [pages[name].as_uri()]
            assert browser.complaints() == []


@pytest.mark.parametrize("name", ["whole", "hostile"])
def test_unfolded_parts_are_whole(browser, pages, name):
    for size in SIZES:
        browser.open(pages[name], size=size)
        browser.run("for (const part of document.querySelectorAll('details')) part.open = true")
        assert browser.run(CHECKS) == [], size


def test_the_page_is_dark_where_that_is_preferred(browser, pages):
    back = "return getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    browser.open(pages["whole"], scheme="light")
    assert min(browser.run(back)) > 240
    browser.open(pages["whole"], scheme="dark")
    assert max(browser.run(back)) < 40


def test_series_are_switched_off_and_on(browser, pages):
    browser.open(pages["whole"])
    bars = browser.find(".toggles")
    assert len(bars) >= 4
    for bar in bars:
        for button in bar.find_elements(By.TAG_NAME, "button"):
            series = button.text
            boxes = (
                "return [...arguments[0].closest('figure').querySelectorAll('svg g.series')]"
                ".filter((g) => g.dataset.series === arguments[1]).map((g) => g.getBoundingClientRect().height > 0 || "
                "g.getBoundingClientRect().width > 0)"
            )
            assert all(browser.run(boxes, bar, series)), series
            browser.run("arguments[0].focus()", button)
            button.send_keys(Keys.SPACE)
            assert button.get_attribute("aria-pressed") == "false"
            assert not any(browser.run(boxes, bar, series))
            button.send_keys(Keys.SPACE)
            assert button.get_attribute("aria-pressed") == "true"
            assert all(browser.run(boxes, bar, series))
    assert browser.complaints() == []


def tip(browser):
    return browser.run(
        "const tip = document.querySelector('.tip'); return tip.classList.contains('shown') ? tip.textContent : ''"
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_pointer_reads_the_nearest_point(browser, pages, size):
    browser.open(pages["whole"], size=size)
    browser.run("document.querySelector('.figure.roc svg').scrollIntoView({block: 'center'})")
    browser.settle()
    place = (
        "const svg = document.querySelector('.figure.roc svg');"
        "const points = JSON.parse(svg.querySelector('#roc-series-lira').dataset.points);"
        "const [x, y, said] = points[Math.floor(points.length / 2)];"
        "const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM()); return [at.x, at.y, said]"
    )
    x, y, said = browser.run(place)
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert said in tip(browser).split("; ")
    assert re.search(r"LiRA: [\d.]+ % of members found at [\d.]+ % false positives", said)
    box = browser.run("return document.querySelector('.tip').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0 and box["right"] <= SIZES[size][0]
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    assert tip(browser) == ""


def test_keys_read_every_point(browser, pages):
    browser.open(pages["whole"])
    for svg in browser.find("figure svg"):
        browser.run("arguments[0].focus()", svg)
        said = []
        for _ in range(3):
            svg.send_keys(Keys.ARROW_RIGHT)
            said.append(tip(browser))
        assert all(said)
        assert len(set(said)) > 1
        svg.send_keys(Keys.ESCAPE)
        assert tip(browser) == ""


def test_every_figure_is_reached_by_the_tab_key(browser, pages):
    browser.open(pages["whole"])
    reached = browser.run("return [...document.querySelectorAll('figure svg')].every((svg) => svg.tabIndex === 0)")
    assert reached
    assert browser.run("return [...document.querySelectorAll('.toggles button')].every((b) => b.type === 'button')")


def test_figures_keep_their_names_when_the_script_takes_titles_away(browser, pages):
    """Titles become descriptions of the same id: a browser would show them over the tip."""
    browser.open(pages["whole"])
    names = browser.run(
        "return [...document.querySelectorAll('figure svg')].map((svg) => svg.getAttribute('aria-labelledby').split(' ')"
        ".map((id) => document.getElementById(id)?.textContent ?? ''))"
    )
    assert names and all(len(texts) == 2 and all(texts) for texts in names)


LAST_WORDS = "It detects damage, not forgery."


def shown_texts(browser):
    """Everything that is laid out, whether or not scripts may run."""
    snapshot = browser.call("DOMSnapshot.captureSnapshot", computedStyles=[])
    strings = snapshot["strings"]
    return " ".join(strings[index] for index in snapshot["documents"][0]["layout"]["text"] if index >= 0)


def test_all_is_readable_without_the_script(browser, pages):
    browser.open(pages["whole"])
    added = {word for button in browser.find(".toggles button") for word in button.text.split()}
    with_script = shown_texts(browser)
    browser.open(pages["whole"], script=False)
    try:
        deadline = time.monotonic() + 30
        without = shown_texts(browser)
        while LAST_WORDS not in without and time.monotonic() < deadline:  # nobody tells when it is loaded
            time.sleep(0.2)
            without = shown_texts(browser)
        assert not browser.find(".toggles")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    for text in ("LiRA", "most that the claim allows", "Provenance", "Epsilon, from below and from above"):
        assert text in with_script and text in without
    # The script adds buttons, and nothing else.
    assert set(with_script.split()) - set(without.split()) <= added


@pytest.mark.skipif(PDFTOTEXT is None, reason="needs pdftotext of poppler-utils")
@pytest.mark.parametrize("name", ["whole", "many_targets", "worlds", "hostile"])
def test_on_paper_everything_is_there(browser, pages, tmp_path, name):
    browser.open(pages[name], scheme="dark")
    folded = "return document.querySelectorAll('details:not([open])').length"
    before = browser.run(folded)
    assert before
    wanted = browser.run(
        "return [...document.querySelectorAll('h2, figcaption, summary, td, dd, .verdict p')].map((e) => e.textContent)"
    )
    path = browser.pdf(tmp_path / "page.pdf")
    assert browser.run(folded) == before
    printed = subprocess.run([PDFTOTEXT, "-raw", str(path), "-"], check=True, capture_output=True).stdout.decode(
        errors="replace"
    )
    letters = squeezed(printed)
    missing = [text for text in wanted if name != "hostile" and squeezed(text)[:40] not in letters]
    assert missing == []
    assert outside(path) == []
    assert browser.complaints() == []


def squeezed(text):
    """Letters and digits alone: lines are broken elsewhere on paper."""
    return re.sub(r"[^0-9A-Za-z]", "", text)


def outside(path):
    """Words that a sheet cuts off."""
    boxes = subprocess.run([PDFTOTEXT, "-bbox", str(path), "-"], check=True, capture_output=True).stdout.decode(
        errors="replace"
    )
    width = float(re.search(r'<page width="([\d.]+)"', boxes).group(1))
    words = re.findall(r'<word xMin="(-?[\d.]+)" yMin="[^"]*" xMax="([\d.]+)" yMax="[^"]*">([^<]*)<', boxes)
    return [word for left, right, word in words if float(left) < 0 or float(right) > width + 1]


@pytest.mark.skipif(PDFTOPPM is None, reason="needs pdftoppm of poppler-utils")
def test_paper_is_white_and_ink_is_black(browser, pages, tmp_path):
    """Also where the reader prefers a dark screen."""
    browser.open(pages["whole"], scheme="dark")
    path = browser.pdf(tmp_path / "page.pdf")
    subprocess.run([PDFTOPPM, "-r", "40", "-gray", str(path), str(tmp_path / "sheet")], check=True)
    for sheet in sorted(tmp_path.glob("sheet*.pgm")):
        data = sheet.read_bytes().split(b"\n", 3)[3]
        assert sum(value > 200 for value in data) > 0.75 * len(data), sheet.name
    first = min(tmp_path.glob("sheet*.pgm")).read_bytes().split(b"\n", 3)[3]
    assert min(first) < 80
