"""Explain a case: its sizes, and the same convolution as code for five frameworks, none of which is imported."""

from __future__ import annotations

from dataclasses import replace

from ..cases.case import Case
from . import jax_calls, keras_calls, onnx_calls, tensorflow_calls, torch_calls
from .snippet import Snippet

# Each module has `snippets(case)`, and `lack(case)`: the reason why the framework cannot do the case at all, or "".
FRAMEWORKS = {
    "tensorflow": tensorflow_calls,
    "torch": torch_calls,
    "jax": jax_calls,
    "onnx": onnx_calls,
    "keras": keras_calls,
}
SNIPPET_DTYPES = ("float16", "float32", "float64")
"""The floating-point types that NumPy itself has: snippets take NumPy arrays."""


def snippets(framework: str, case: Case) -> list[Snippet]:
    """Return the case as code for one of `FRAMEWORKS`; an empty list for a dtype that is not in `SNIPPET_DTYPES`."""
    if case.dtype not in SNIPPET_DTYPES:
        return []
    calls = FRAMEWORKS[framework]
    lack = calls.lack(case)
    return [replace(snippet, lack=lack or snippet.lack) for snippet in calls.snippets(case)]
