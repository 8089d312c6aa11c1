"""Runs the pages in docs/learn and docs/worked: their indented `>>>` lines are doctests."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"


def run_page(name: str, folder: str = "worked") -> dict[str, Any]:
    """Run a page: every line must print what the page says. Return the names that the page leaves."""
    path = DOCS / folder / f"{name}.md"
    page = doctest.DocTestParser().get_doctest(path.read_text(encoding="utf-8"), {}, name, str(path), 0)
    assert page.examples, f"{path} has no code to run"
    failures: list[str] = []
    doctest.DocTestRunner(verbose=False).run(page, out=failures.append, clear_globs=False)
    assert not failures, "".join(failures)
    return page.globs
