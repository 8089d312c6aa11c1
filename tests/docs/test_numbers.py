"""Numbers on the pages that the code decides: each page must say the number that the code has.

tests/claims.py has them, and those that take longer to measure (`tox run -e claims`).
"""

from __future__ import annotations

import re
from pathlib import Path

import claims
import pytest
from claims import CLAIMS, Claim, of_page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("claim", CLAIMS, ids=of_page)
def test_page_says_the_number_that_the_code_has(claim):
    claim.check(ROOT.joinpath(claim.page).read_text("utf-8"))


@pytest.mark.parametrize("claim", CLAIMS, ids=of_page)
def test_number_that_is_off_by_one_fails(claim):
    text = ROOT.joinpath(claim.page).read_text("utf-8")
    found = re.search(claim.says, text)
    off = f"{int(float(found[1].replace(',', ''))) + 1}"
    with pytest.raises(AssertionError, match=re.escape(f"{claim.page} says")):
        claim.check(text[: found.start(1)] + off + text[found.end(1) :])


@pytest.mark.parametrize("text", ["", "1 of 9, and 1 of 9"])
def test_number_that_a_page_lacks_or_says_twice_fails(text):
    with pytest.raises(AssertionError, match="must say"):
        Claim("page.md", r"(\d) of 9", lambda: (1,)).check(text)


@pytest.mark.parametrize(
    ("said", "measured", "factor", "holds"),
    [(4, 4, 1, True), (4, 4.1, 1, False), (4, 1.1, 4, True), (4, 0.9, 4, False), (4, 15, 4, True), (4, 17, 4, False)],
)
def test_timing_holds_within_its_factor_alone(said, measured, factor, holds):
    assert claims.near(said, measured, factor) is holds


def test_row_with_one_other_digit_is_missing():
    lines = [["exact", "0 %", "2.3 %"], ["rounded", "1 %", "2 %"]]
    assert claims.missing(["exact | 0 % | 2.3 %"], lines) == []
    assert claims.missing(["exact | 0 % | 2.4 %"], lines) == ["exact | 0 % | 2.4 %"]


def test_readme_shows_what_its_kernel_gets(capsys):
    readme = ROOT.joinpath("README.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", readme, re.DOTALL))
    exec(compile(code, "README.md", "exec"), {"__name__": "page"})
    (report,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    shown = capsys.readouterr().out
    assert [line for line in report.splitlines() if line.removesuffix("...") not in shown] == [], shown


def test_readme_fits_on_few_screens():
    lines = ROOT.joinpath("README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 130
