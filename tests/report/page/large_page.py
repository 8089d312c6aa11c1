"""A page of 200,000 records opens in two seconds. `tox run -e browser` runs this."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from reference_impl.report.page.calls import packed
from reference_impl.report.page.page import as_html
from reference_impl.run.outcome import FAIL, PASS, Record

pytestmark = [pytest.mark.framework(name) for name in ("playwright", "chromium", "jinja2", "matplotlib")]
SECONDS = 2.0


@pytest.fixture(scope="module")
def large(failing_page):
    records = [
        Record(
            f"backend{number % 20}",
            "1",
            ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter", "conv2d_transpose")[number % 4],
            f"n1_h{3 + number // 80 % 50}w{3 + number // 4000}c1_k1x1o1",
            f"check{number // 20_000}",
            FAIL if number % 50 == 0 else PASS,
            ratio=number * 0.37,
            message=f"{number} elements are wrong" if number % 50 == 0 else None,
        )
        for number in range(200_000)
    ]
    return as_html(replace(failing_page, calls=packed(records, [f"backend{number}" for number in range(20)])))


def test_large_page_opens_in_two_seconds(browser, large, tmp_path):
    file = tmp_path / "index.html"
    file.write_text(large, "utf-8")
    tab = browser.new_page()
    begun = time.monotonic()
    tab.goto(file.as_uri())
    opened = time.monotonic() - begun
    tab.select_option("#call-filter [name=outcome]", "fail")
    tab.locator("#call-list .call").first.wait_for()
    in_all = time.monotonic() - begun
    print(f"{len(large):,} bytes: open after {opened:.2f} s, first calls listed after {in_all:.2f} s")
    assert in_all < SECONDS
