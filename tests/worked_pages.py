"""Runs the pages in docs/worked: their indented `>>>` lines are doctests."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs" / "worked"


def run_page(name: str) -> dict[str, Any]:
    """Every line must print what the page says; gives the names that the page leaves."""
    path = FOLDER / f"{name}.md"
    page = doctest.DocTestParser().get_doctest(path.read_text(encoding="utf-8"), {}, name, str(path), 0)
    assert page.examples, f"{path} has no code to run"
    failures: list[str] = []
    doctest.DocTestRunner(verbose=False).run(page, out=failures.append, clear_globs=False)
    assert not failures, "".join(failures)
    return page.globs
