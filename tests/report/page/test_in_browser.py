"""The page in a browser: it loads, filters, lists, copies, and works by keyboard, on a phone and in print."""

from __future__ import annotations

import pytest

from reference_impl.report.page.page import as_html

pytestmark = [pytest.mark.framework(name) for name in ("playwright", "chromium", "jinja2", "matplotlib")]


@pytest.fixture
def shown(browser, tmp_path):
    """Open a page. Whatever goes wrong in it, or is asked of the network, fails the test."""
    wrong = []

    def show(page, width=1280, scheme="light"):
        file = tmp_path / "index.html"
        file.write_text(as_html(page), "utf-8")
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("dialog", lambda dialog: wrong.append("a dialog"))
        tab.on(
            "request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or wrong.append(request.url)
        )
        tab.goto(file.as_uri())
        return tab

    yield show
    assert wrong == []
    for context in browser.contexts:
        context.close()


def listed(tab):
    return tab.locator("#call-list .call")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["passing_page", "failing_page"])
def test_page_loads(shown, request, name, scheme):
    tab = shown(request.getfixturevalue(name), scheme=scheme)
    assert tab.locator("h1").inner_text() == "Verdict"
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
    tab.click("#theme")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != paper


def test_matrix_is_filtered(shown, failing_page):
    tab = shown(failing_page)
    rows = tab.locator(".matrix tbody tr:visible")
    assert rows.count() == 2
    tab.check("#matrix-filter [name=bad]")
    assert rows.count() == 1
    assert "planted" in rows.inner_text()
    tab.uncheck("#matrix-filter [name=bad]")
    tab.fill("#matrix-filter [name=name]", "GOOD")
    assert rows.count() == 1
    assert "good" in rows.inner_text()


def test_cell_lists_its_calls_and_a_call_its_checks(shown, failing_page):
    tab = shown(failing_page)
    tab.click("button.cell[data-backend='1'][data-operation=conv2d]")
    first = listed(tab).first
    first.locator("summary").click()
    assert "fail" in first.inner_text()
    assert "fail planted conv2d n2_h7w9c3_k3x2o4" in " ".join(first.locator("summary").inner_text().split())
    assert "elements are wrong" in first.inner_text()
    assert "check_backend(your_backend, seed=3, cases=['n2_h7w9c3_k3x2o4'])" in first.locator("code").inner_text()
    assert {"planted conv2d" in text.replace("\n", " ") for text in listed(tab).all_inner_texts()} == {True}


def test_calls_are_filtered(shown, failing_page):
    tab = shown(failing_page)
    tab.select_option("#call-filter [name=outcome]", "fail")
    listed(tab).first.wait_for()
    assert tab.locator("#call-list .badge").all_inner_texts() == ["fail"] * listed(tab).count()
    tab.fill("#call-filter [name=text]", "nothing has this text")
    tab.locator("#call-status", has_text="0 calls").wait_for()
    tab.fill("#call-filter [name=text]", "k2x3o3_same")
    tab.locator("#call-status", has_text="3 calls").wait_for()


def test_command_is_copied(shown, failing_page):
    tab = shown(failing_page)
    button = tab.locator(".bug .copy").first
    command = tab.locator(".bug .copied code").first.inner_text()
    button.click()
    tab.locator(".bug .copy", has_text="Copied").wait_for()
    tab.click("#matrix-filter [name=name]")
    tab.keyboard.press("Control+V")
    assert tab.input_value("#matrix-filter [name=name]") == command


def test_page_works_by_keyboard(shown, failing_page):
    tab = shown(failing_page)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "verdict"
    for _ in range(10):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.className") == "cell":
            break
    tab.keyboard.press("Enter")
    listed(tab).first.wait_for()
    assert tab.evaluate("document.activeElement.id") == "calls"
    for _ in range(10):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    tab.keyboard.press("Enter")
    listed(tab).locator(".checks").first.wait_for()


@pytest.mark.parametrize("name", ["failing_page", "hostile_page"])
def test_page_fits_a_phone(shown, request, name):
    tab = shown(request.getfixturevalue(name), width=360)
    tab.locator("button.cell").first.click()
    listed(tab).first.locator("summary").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_cells_of_tables_fit_a_phone_and_have_their_headings(shown, failing_page):
    tab = shown(failing_page, width=360)
    cells = tab.locator("#covered td:visible")
    boxes = [cell.bounding_box() for cell in cells.all()]
    assert max(box["x"] + box["width"] for box in boxes) <= 360
    second = "document.querySelectorAll('#covered td')[1]"
    assert tab.evaluate(f"getComputedStyle({second}, '::before').content") == '"VALID"'


def test_hostile_text_does_nothing(shown, hostile_page):
    tab = shown(hostile_page)
    tab.select_option("#call-filter [name=operation]", "conv2d_transpose")
    listed(tab).first.locator("summary").click()
    assert '</script><img src=x onerror="window.hacked=1">' in listed(tab).first.inner_text()
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("img:not([src^='data:'])").count() == 0


def test_policy_stops_a_script_that_is_put_in(shown, hostile_page, tmp_path, browser):
    html = as_html(hostile_page).replace(
        "<h1>", "<script>window.hacked = 3</script><img src=x onerror='window.hacked=4'><h1>"
    )
    (tmp_path / "spoilt.html").write_text(html, "utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "spoilt.html").as_uri())
    assert tab.evaluate("window.hacked") is None


def test_print_opens_each_bug(shown, failing_page):
    tab = shown(failing_page)
    tab.locator("details.bug > summary").first.click()
    assert tab.locator("details.bug:not([open])").count() == 1
    pdf = tab.pdf()
    assert pdf.startswith(b"%PDF")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("details.plots:not([open]), details.bug:not([open])").count() == 0
