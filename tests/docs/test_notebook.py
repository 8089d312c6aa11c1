"""The notebook that a teacher can hand out: it runs, and finds what it promises to find."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "learn" / "notebook.ipynb"


def cells():
    """Return the source of each code cell."""
    written = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in written["cells"] if cell["cell_type"] == "code"]


def cell_with(text):
    (found,) = [source for source in cells() if text in source]
    return found


def test_notebook_is_kept_without_outputs():
    written = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    kept = [(cell["outputs"], cell["execution_count"]) for cell in written["cells"] if cell["cell_type"] == "code"]
    assert kept == [([], None)] * len(cells())


def test_its_four_operations_are_those_of_minimal():
    minimal = (ROOT / "reference_impl" / "minimal.py").read_text(encoding="utf-8")
    assert cells()[0].strip() == minimal.split('"""\n\n', 1)[1].strip()


@pytest.mark.framework("matplotlib")
@pytest.mark.framework("ipykernel")
@pytest.mark.framework("nbclient")
def test_notebook_runs_and_names_the_broken_gradient(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "matches *kernel-not-flipped-in-input-gradient*" in printed
    assert "MyKernel unversioned: RIGHT" in printed
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(sh, sw), (dh, dw) = strides, dilations", "(sw, sh), (dh, dw) = strides, dilations"),
        ("(sh, sw), (dh, dw) = strides, dilations", "(sh, sw), (dh, dw) = strides, (1, 1)"),
    ],
    ids=["strides-exchanged", "dilations-forgotten"],
)
def test_students_kernel_that_is_wrong_does_not_pass(right, wrong):
    source = cell_with("class MyKernel")
    assert right in source
    names: dict[str, object] = {"case": "n1_h6w6c1_k3x3o1_s2"}
    for code in (cells()[0], cell_with("class Broken"), source.replace(right, wrong).replace("assert report", "# ")):
        exec(code, names)
    assert not names["report"].passed
