"""Explain a case: its sizes, and the same convolution as calls of frameworks, none of which is imported."""

from __future__ import annotations

from dataclasses import replace

from ..cases.case import Case
from . import jax_calls, keras_calls, onnx_calls, tensorflow_calls, torch_calls
from .snippet import Snippet

FRAMEWORKS = {
    "tensorflow": tensorflow_calls,
    "torch": torch_calls,
    "jax": jax_calls,
    "onnx": onnx_calls,
    "keras": keras_calls,
}
DTYPES = ("float16", "float32", "float64")
"""Of the arrays that snippets take: the floating-point types of NumPy itself."""


def snippets(framework: str, case: Case) -> list[Snippet]:
    """The case as code of one of `FRAMEWORKS`; none for other dtypes than `DTYPES`."""
    if case.dtype not in DTYPES:
        return []
    calls = FRAMEWORKS[framework]
    lack = calls.lack(case)
    return [replace(snippet, lack=lack or snippet.lack) for snippet in calls.snippets(case)]
