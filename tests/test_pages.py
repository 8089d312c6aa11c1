"""The code on the pages runs; what the site is made of is all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# Reproducers of crashes and wrong answers are run by hand, each in a process of its own.
RUN = [page for page in PAGES if "```python" in page.read_text() and page.parent.name != "findings"]
FRAMEWORKS = ("tensorflow", "torch", "keras", "jax", "onnx", "onnxruntime")


def named(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


def needs(page):
    """Marks for the frameworks that a page's code imports."""
    imported = re.findall(r"^(?:import|from) (\w+)", page.read_text(), re.M)
    return [pytest.mark.framework(name) for name in FRAMEWORKS if name in imported]


@named(PAGES)
def test_page_links_to_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name, marks=needs(page)) for page in RUN])
def test_code_of_page_runs(page):
    examples = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    exec(compile("\n".join(examples), page.name, "exec"), {"__name__": "page"})


@named([page for page in PAGES if page.parent.name == "docs"])
def test_page_is_in_the_site(page):
    assert page.stem == "index" or re.search(rf"^(\S*/)?{page.stem}$", (ROOT / "docs" / "index.md").read_text(), re.M)
