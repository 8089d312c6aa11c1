"""The page of passports: the answer first, each order with a picture, and nothing from outside."""

from __future__ import annotations

import re

import pytest
from passport.planted_sums import Planted
from report.page.test_page import Seen
from typer.testing import CliRunner

from reference_impl.backends import environments
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.exit_status import ExitStatus
from reference_impl.passport.page import page_of
from reference_impl.passport.telling import passport
from reference_impl.report.page.page import as_html

pytestmark = [pytest.mark.framework("jinja2"), pytest.mark.framework("matplotlib")]
MARK = '</script><img src=x onerror="window.hacked=1">\u202e'
SUMS = {"conv2d": [Case.parse("n1_h2w3c9_k1x1o3")], "conv2d_backprop_input": [Case.parse("n1_h2w3c3_k1x2o5_SAME")]}
LARGE = {operation: [Case.parse("n2_h3w3c12_k1x1o4")] for operation in SUMS}


class ByBatch(Planted):
    """Adds in another order where the batch is large."""

    def conv2d(self, input, filters, **options):
        self.order = "reversed" if len(input) > 4 else "8 lanes"
        return super().conv2d(input, filters, **options)


def of(kernel, name):
    return passport(
        lambda calls: [call.run(kernel) for call in calls],
        SUMS,
        LARGE,
        "float32",
        lambda count: None,
        name=name,
        version="1.0",
        offers=lambda operation, case: False,
    )


@pytest.fixture(scope="module")
def page():
    return page_of([of(ByBatch(), "by batch"), of(Planted(), MARK)], cpu="a CPU", notes=["Not asked: mxnet: missing"])


def test_page_has_the_answer_first_and_each_section(page):
    text = Seen(as_html(page)).text
    words = [
        "Answer 2 passports, 4 of 4 sums told: 1 of 2 break a promise",
        "Not asked: mxnet: missing",
        "by batch 1.0, float32: ",
        "cannot: batch-invariant",
        "Each sum",
        "the same order at all 18 places",
        "16 of 16",
        "Each joint is an addition.",
        "by batch in float32, conv2d is not batch-invariant: other bits",
        "What can be relied on",
        "Measured against expected",
        "CPU that was asked",
    ]
    assert [word for word in words if word not in text] == []
    places = [text.index(word) for word in words]
    assert places == sorted(places)


def test_page_needs_nothing_from_outside_and_text_is_text(page):
    seen = Seen(as_html(page))
    assert [one for one in seen.links if not one.startswith("#")] == []
    assert sum(tag == "script" for tag, _ in seen.tags) == 1
    assert not [name for _, one in seen.tags for name in one if name.startswith("on")]
    assert '</script><img src=x onerror="window.hacked=1">\\u202e' in seen.text


def test_each_order_and_the_errors_are_drawn(page):
    tags = Seen(as_html(page)).tags
    assert sum(tag == "svg" for tag, _ in tags) == len(page.orders) + 1
    assert {"one after another", "8 lanes, added pairwise"} <= {order.name for order in page.orders}


def test_words_of_pictures_have_the_colour_of_the_page(page):
    drawn = [order.svg for order in page.orders]
    assert all("currentColor" in svg and "#0072b2" not in svg and "#010101" not in svg for svg in drawn)
    assert not any(re.search(r"<text(?![^>]*fill: currentColor)", svg) for svg in drawn)


def test_one_passport_that_keeps_its_promises_is_good():
    page = page_of([of(Planted(), "planted")], cpu="a CPU")
    assert page.kind == "good"
    assert page.summary.startswith("planted 1.0, float32: one after another")
    assert "No promise was seen to be broken." in Seen(as_html(page)).text


def command(*words):
    case = "n1_h2w2c5_k1x1o2"
    return CliRunner().invoke(app, ["passport", "--backend", "passport.breaking:Steady", "--case", case, *words])


def test_command_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "declared", lambda name: {})  # three processes fewer
    done = command("--report", str(tmp_path / "new"))
    assert done.exit_code == 0
    assert f"Report page: {tmp_path / 'new' / 'index.html'}" in done.output
    assert "Steady unversioned, float32: one after another" in (tmp_path / "new" / "index.html").read_text("utf-8")


def test_index_of_others_is_refused_before_the_run(tmp_path):
    (tmp_path / "index.html").write_text("<p>my site")
    done = command("--report", str(tmp_path))
    assert done.exit_code == ExitStatus.BAD_USAGE
    assert "is another file" in done.output


@pytest.mark.framework("playwright")
@pytest.mark.framework("chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_in_a_browser(browser, page, tmp_path, width, scheme):
    (tmp_path / "index.html").write_text(as_html(page), "utf-8")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab, wrong = context.new_page(), []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text))
    tab.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
    tab.goto((tmp_path / "index.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("window.hacked") is None
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "verdict"
    tab.locator("#orders summary").first.press("Enter")
    assert tab.locator("#orders details:not([open])").count() > 0
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("#orders details:not([open])").count() == 0
    assert tab.locator("#theme").inner_text() == {"light": "Dark", "dark": "Light"}[scheme]
    assert wrong == []
    context.close()
