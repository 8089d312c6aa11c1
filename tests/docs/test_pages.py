"""The code on the pages runs; what the site is made of is all there."""

from __future__ import annotations

import re
from pathlib import Path

import needed
import pytest
from reproducers import PAGES as FINDINGS
from reproducers import agrees, blocks, needs, packages, seen

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# Reproducers of crashes and wrong answers are run by reproducers.py, each in a process of its own.
RUN = [page for page in PAGES if "```python" in page.read_text() and page.parent.name != "findings"]
FRAMEWORKS = ("tensorflow", "torch", "keras", "jax", "onnx", "onnxruntime", "matplotlib")


def named(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


def code_of(page):
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))


def marks(page):
    """Marks for the packages that a page's code imports."""
    imported = packages(code_of(page))
    drawing = ["matplotlib"] if "import drawing" in page.read_text() else []
    return [pytest.mark.framework(name) for name in FRAMEWORKS if name in imported + drawing]


@named(PAGES)
def test_page_links_to_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name, marks=marks(page)) for page in RUN])
def test_code_of_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    exec(compile(code_of(page), page.name, "exec"), {"__name__": "page"})


@named([page for page in PAGES if page.parent.name == "docs"])
def test_page_is_in_the_site(page):
    assert page.stem == "index" or re.search(rf"^(\S*/)?{page.stem}$", (ROOT / "docs" / "index.md").read_text(), re.M)


@named(FINDINGS)
def test_page_says_what_each_of_its_reproducers_prints(page):
    assert [heading for heading, _, said in blocks(page) if said is None] == []


@named(FINDINGS)
def test_reproducers_name_what_they_need_in_their_first_line(page):
    lines = [line for _, code, _ in blocks(page) for line in code.splitlines() if "needs" in line.lower()]
    names = [name for _, code, _ in blocks(page) for name in needs(code) if name != "clang"]
    assert lines == [f"# Needs {name}." for name in names]
    assert {needed.is_there(name) for name in names} <= {False, True}  # else they are unknown, which is a KeyError


@pytest.mark.parametrize(
    ("code", "imported", "needed_too"),
    [
        ("import numpy as np, torch.nn\nfrom keras import ops", ["keras", "numpy", "torch"], []),
        ('import os\nos.environ["KERAS_BACKEND"] = "jax"\nimport keras', ["jax", "keras", "os"], []),
        ("# Needs a CPU with AVX-512.\nimport torch\n", ["torch"], ["a CPU with AVX-512"]),
        ("import torch\n# Needs a CPU with AVX-512.\n", ["torch"], []),
        ("from tinygrad import Tensor", ["tinygrad"], ["clang"]),
    ],
)
def test_what_a_reproducer_needs_is_read(code, imported, needed_too):
    assert packages(code) == imported
    assert needs(code) == needed_too


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("print(1)", "1\n"),
        ("print(1)\nraise ValueError('two')", "1\nValueError: two\n"),
        ("import os\nprint(1)\nos.abort()", "1\ndies of SIGABRT\n"),
        ("import os\nos._exit(0)", "ends with status 0\n"),
        ("while True:\n    pass", "does not return\n"),
    ],
)
def test_what_a_reproducer_shows_is_seen(code, printed):
    assert seen(code, seconds=1 if "while" in code else 60) == printed


@pytest.mark.parametrize(
    ("said", "printed", "expected"),
    [
        ("[1. ...] in all", "[1. 2.]  in all\n", True),
        ("1... of 9", "17 of 9", True),
        ("1... of 9", "0 of 9", False),
        ("0", "", False),
    ],
)
def test_reproducer_must_print_what_is_said(said, printed, expected):
    assert agrees(said, printed) is expected
