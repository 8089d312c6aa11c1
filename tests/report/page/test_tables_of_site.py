"""The site's tables in a browser: they are sorted and filtered, and a row keeps its framework."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.framework(name) for name in ("playwright", "chromium")]
STATIC = Path(__file__).parents[3] / "docs" / "_static"
ROWS = "".join(
    f"<tr><td>{name}</td><td>{number:,}</td><td>{what}</td></tr>"
    for name, number, what in [
        ("A 1.0", 9, "wrong sums"),
        ("", 1000, "refused"),
        ("", 20, "wrong shape"),
        ("B 2.0", 3, "refused"),
        ("", 100, "wrong sums"),
        ("", 8, "refused"),
        ("", 7, "not refused"),
        ("C 3.0", 6, "process dies"),
        ("", 5, "wrong sums"),
    ]
)
PAGE = f"""<!doctype html><article><table class="docutils"><thead><tr><th>framework</th><th><p>calls</p></th>
<th><code><span class="pre">conv2d_transpose</span></code></th></tr></thead><tbody>{ROWS}</tbody></table></article>"""


@pytest.fixture
def tab(browser):
    page = browser.new_page()
    page.set_content(PAGE)
    page.add_style_tag(path=STATIC / "wide.css")
    page.add_script_tag(path=STATIC / "tables.js")
    yield page
    page.close()


def column(tab, number):
    return tab.locator(f"tbody tr:visible td:nth-child({number})").all_inner_texts()


def test_rows_are_sorted_as_numbers_and_back(tab):
    tab.click("th:nth-child(2) button")
    assert column(tab, 2) == ["3", "5", "6", "7", "8", "9", "20", "100", "1,000"]
    tab.click("th:nth-child(2) button")
    assert column(tab, 2)[:3] == ["1,000", "100", "20"]


def test_rows_keep_their_framework_when_they_are_filtered(tab):
    tab.fill(".table-filter input", "Wrong sums")
    assert column(tab, 1) == ["A 1.0", "B 2.0", "C 3.0"]
    assert tab.inner_text(".table-filter output").strip() == "3 of 9 rows"


def test_names_in_headings_may_break(tab):
    heading = tab.locator("th:nth-child(3)")
    assert heading.locator("wbr").count() == 1
    assert heading.inner_text().startswith("conv2d_transpose")
