"""The case in JAX: `jax.lax.conv_general_dilated`, its VJP, and `jax.lax.conv_transpose`."""

from __future__ import annotations

from textwrap import indent
from typing import Any

from ..cases.case import Case
from .sizes import keras_picks
from .snippet import GRADIENTS, TRANSPOSE, TRANSPOSE_TITLE, Snippet, call

_LAYOUTS = ("NHWC", "HWIO", "NHWC")
_GROUPS = "jax.lax.conv_transpose takes no groups. This transposes conv2d, which is linear in its input."
_NUMBERS = (
    "The padding is the transposed convolution's own: kernel extent - 1 - conv2d's zeros on each side, and the "
    "leftover after."
)


def lack(case: Case) -> str:
    return ""


def snippets(case: Case) -> list[Snippet]:
    imports = "import jax\n\n"
    if case.dtype == "float64":
        imports += 'jax.config.update("jax_enable_x64", True)  # else JAX computes in float32\n'
    transposed, remark = _transpose(case)
    return [
        Snippet("conv2d", ("conv2d",), imports + _convolution("output = ", case, "input", "filters")),
        Snippet("gradients, by vjp", GRADIENTS, imports + _vjp(case)),
        Snippet(TRANSPOSE_TITLE, TRANSPOSE, imports + transposed, remark),
    ]


def _convolution(head: str, case: Case, images: str, weights: str) -> str:
    named = case.padding in ("VALID", "SAME", "SAME_LOWER")
    return call(
        f"{head}jax.lax.conv_general_dilated",
        images,
        weights,
        window_strides=case.strides,
        padding=case.padding if named else case.convolution.padding,
        rhs_dilation=None if case.dilations == (1, 1) else case.dilations,
        dimension_numbers=_LAYOUTS,
        feature_group_count=case.groups if case.groups > 1 else None,
    )


def _function(case: Case, images: str, weights: str) -> str:
    body = indent(_convolution("return ", case, images, weights), "    ")
    return f"\ndef convolution({', '.join(name for name in (images, weights) if name != 'filters')}):\n{body}\n\n\n"


def _vjp(case: Case) -> str:
    return f"""\
{_function(case, "images", "weights")}output, vjp = jax.vjp(convolution, input, filters)
input_backprop, filters_backprop = vjp(out_backprop)"""


def _transpose(case: Case) -> tuple[str, str]:
    """Return the code, and a remark on it or ""."""
    if case.groups > 1:
        return (
            f"""\
{_function(case, "images", "filters")}images = jax.ShapeDtypeStruct({case.input_sizes}, filters.dtype)
transpose = jax.linear_transpose(convolution, images)
(transposed,) = transpose(out_backprop)
input_backprop = transposed""",
            _GROUPS,
        )
    padding: Any = case.padding if keras_picks(case) else None
    if padding is None:
        padding = tuple(
            (axis.kernel_extent - 1 - axis.pad_before, axis.kernel_extent - 1 - axis.pad_after + axis.leftover)
            for axis in case.convolution.axes
        )
    transposed = call(
        "input_backprop = transposed = jax.lax.conv_transpose",
        "out_backprop",
        "filters",
        strides=case.strides,
        padding=padding,
        rhs_dilation=None if case.dilations == (1, 1) else case.dilations,
        dimension_numbers=_LAYOUTS,
        transpose_kernel=True,
    )
    return transposed, "" if isinstance(padding, str) else _NUMBERS
