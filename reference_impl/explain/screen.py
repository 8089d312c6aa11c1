"""The tables and the code that `explain` prints. Tables fit the terminal; lines of code stay whole, to be copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from ..cases.case import Case
from ..geometry import Axis, padding_of
from . import SNIPPET_DTYPES, sizes
from .layers import Layer
from .snippet import Snippet

TITLES = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX", "onnx": "ONNX Runtime", "keras": "Keras"}
_PICKS = (
    "TensorFlow takes any of these as output_shape. The others choose one: Keras and JAX for SAME and VALID, torch for "
    "symmetric zeros, ONNX for any zeros (- is none). To get another size, give output_padding, or in JAX the padding "
    "in numbers."
)
_LEFTOVER = "Leftover: positions at the end that no window reaches. Their gradient is zero."


def print_sizes(console: Console, case: Case) -> None:
    """Print all numbers of a case, with the arithmetic."""
    convolution = case.convolution
    groups = f" in {case.groups} groups" if case.groups > 1 else ""
    console.print(str(case), style="bold")
    console.print(
        f"conv2d of input {case.input_sizes} NHWC with filters {case.filter_sizes} HWIO{groups} gives "
        f"{case.output_shape}: a cross-correlation with strides {case.strides} and dilations {case.dilations}."
    )
    height, width = sizes.extents(case)
    console.print(f"kernel extent: height {height}, width {width}")
    console.print(_padding_table(case), _LEFTOVER)
    console.print(_transposed_table(case), _PICKS)
    table = Table("operation", "terms of one element, at most", box=box.SIMPLE_HEAD, pad_edge=False)
    for operation, arithmetic in sizes.terms(case).items():
        table.add_row(operation, arithmetic)
    outputs = " * ".join(map(str, case.output_shape))
    total = f"Multiply-adds, zeros included: {outputs} * {convolution.terms('conv2d')} = {case.multiply_adds:,}"
    console.print(table, f"{total}, in each of the four operations.")


def _padding_table(case: Case) -> Table:
    table = Table("padding", "axis", "zeros before + after, and output", box=box.SIMPLE_HEAD, pad_edge=False)
    for mode, found in groupby(sizes.derivations(case), key=lambda one: one.mode):
        said: dict[str, list[str]] = {}
        for one in found:
            said.setdefault(f"zeros  {one.zeros}\noutput {one.output}", []).append(one.axis)
        names = [f"{mode} *" if mode == case.padding_mode else mode, ""]
        for name, (arithmetic, axes) in zip(names, said.items(), strict=False):
            style = "bold" if mode == case.padding_mode else None
            table.add_row(name, axes[0] if len(axes) == 1 else "both", arithmetic, style=style)
    return table


def _transposed_table(case: Case) -> Table:
    heads = ("conv2d_transpose", "of", "may give", "here", "Keras, JAX", "torch", "ONNX")
    table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
    for axis, found in zip(case.convolution.axes, sizes.transposed(case), strict=True):
        legal = " to ".join(dict.fromkeys(str(size) for size in (*found.legal[:1], *found.legal[-1:]))) or "none"
        picks = [str(pick) if pick is not None else "-" for pick in (found.keras, found.torch, sizes.onnx_picks(axis))]
        table.add_row(axis.name, str(axis.output_size), legal, str(axis.input_size), *picks)
    return table


def print_under_same(console: Console, layer: Layer) -> None:
    """Print the layer as a case, and what would change under TensorFlow's SAME."""
    operation = "conv2d_transpose" if layer.is_transposed else "conv2d"
    console.print(f"Bias and activation aside, this layer is {operation} of {layer.case}.")
    said: dict[str, list[str]] = {}
    for axis in layer.case.convolution.axes:
        said.setdefault(under_same(axis), []).append(axis.name)
    for change, names in said.items():
        console.print(f"Under TensorFlow's SAME, along {' and '.join(names)}: {change}.")
    same = replace(layer.case, padding="SAME")
    console.print(f"To see it with SAME: conv2d-reference explain {same}")
    console.print()


def under_same(axis: Axis) -> str:
    """Return in words what changes along one axis if its padding is TensorFlow's SAME."""
    before, after = padding_of("SAME", axis.input_size, axis.kernel_extent, axis.stride)
    if (before, after) == (axis.pad_before, axis.pad_after):
        return f"the same zeros, {before} + {after}"
    same = replace(axis, pad_before=before, pad_after=after)
    moved = axis.pad_before - before
    begin = f"each window begins {abs(moved)} {'later' if moved > 0 else 'earlier'}, " if moved else ""
    count = "as before" if same.output_size == axis.output_size else f"not {axis.output_size}"
    return (
        f"zeros {before} + {after}, not {axis.pad_before} + {axis.pad_after}; {begin}"
        f"and conv2d of {axis.input_size} gives {same.output_size}, {count}"
    )


def print_snippets(console: Console, case: Case, framework: str, snippets: Sequence[Snippet]) -> None:
    """Print the code of each snippet, on whole lines however long they are."""
    lacks = dict.fromkeys(snippet.lack for snippet in snippets)
    console.print()
    console.rule(TITLES[framework], align="left")
    if case.dtype not in SNIPPET_DTYPES:
        console.print(f"Code is shown for {', '.join(SNIPPET_DTYPES)}; not for {case.dtype}.")
    elif len(lacks) == 1 and (lack := next(iter(lacks))):
        console.print(f"No code. {lack}")
    else:
        said = ""
        for snippet in snippets:
            _print_snippet(console, snippet if snippet.remark != said else replace(snippet, remark=""))
            said = snippet.remark


def _print_snippet(console: Console, snippet: Snippet) -> None:
    console.print(f"\n{snippet.title}", style="bold")
    if snippet.lack:
        console.print(f"No code. {snippet.lack}")
        return
    if snippet.remark:
        console.print(snippet.remark)
    console.print()
    code = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(snippet.code)
    console.print(code, soft_wrap=True, end="")
