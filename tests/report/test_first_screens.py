"""The first screens that docs/report.md shows are those that `verify` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reference_impl.cli import app

FILE = Path(__file__).with_name("screens.py")
PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
SCREENS = re.findall(r"\*\*[^*]*\*\* \(status (\d)\):\n\n```text\n(.*?)\n```", PAGE, re.DOTALL)
KERNELS = {
    "Right": [],
    "Wrong": [],
    "Fragile": [],
    "OneShape": [],
    "Unsteady": ["--require", "deterministic"],
    "Dies": ["--processes", "1"],
}
# The conditions, and the counts of the calls that tried them, depend on how fast the machine is.
STEADY = re.compile(r"\S(?!\. )|        (check:|matches|the process|required|run it)")


def steady(text):
    return [line.rstrip().replace("tests/report/", "") for line in text.splitlines() if STEADY.match(line)]


def test_cases_in_dtypes_that_the_kernel_does_not_offer_are_not_counted(monkeypatch):
    monkeypatch.chdir(FILE.parent)
    words = ["--backend", "screens.py:Right", "--cases", "smoke", "--processes", "0"]
    result = CliRunner().invoke(app, ["verify", *words])
    assert "40 cases, 1 backend, seed 0, 40 of 40 calls judged: nothing failed unexpectedly." in result.stdout


@pytest.mark.parametrize(("kernel", "screen"), list(zip(KERNELS, SCREENS, strict=True)), ids=list(KERNELS))
def test_first_screen_of_the_page_is_what_is_printed(monkeypatch, kernel, screen):
    monkeypatch.chdir(FILE.parent)
    monkeypatch.setenv("COLUMNS", "80")
    status, shown = screen
    words = KERNELS[kernel] if "--processes" in KERNELS[kernel] else ["--processes", "0", *KERNELS[kernel]]
    result = CliRunner().invoke(app, ["verify", "--backend", f"screens.py:{kernel}", "--cases", "smoke", *words])
    printed = steady(result.stdout)
    assert str(result.exit_code) == status
    assert printed[0] == printed[-1] == steady(shown)[0]
    assert [line for line in steady(shown) if line not in printed] == []


def test_change_of_the_case_is_not_said_to_cure_what_depends_on_the_layout(monkeypatch):
    """Each case is given other layouts: one that is not read-only passes by chance."""
    monkeypatch.chdir(FILE.parent)
    words = ["--backend", "screens.py:Fragile", "--cases", "smoke", "--processes", "0", "--check", "any_memory_layout"]
    result = CliRunner().invoke(app, ["verify", *words])
    assert "needs-writable-arrays" in result.stdout
    assert "cures it" not in result.stdout
