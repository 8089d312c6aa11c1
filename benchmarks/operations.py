"""Speed of the three products beside others, in float64, on the convolution layers of five networks.

    python benchmarks/operations.py [--network ResNet-50] [--beside torch] [--threads 2] [--repeats 5] [--batch 4]

Ours stands beside torch, TensorFlow and JAX (each in its own memory layout, so that no conversion is timed), plain
im2col in NumPy, onnx's ReferenceEvaluator (forward alone), and the matrix product of the same size, which is as fast as
NumPy's BLAS can be. All have the same number of threads. They run in turns, each round in another order. Printed are
geometric means of our time over theirs, medians of the rounds: for each network, kind of layer and product. `--layers`
shows each layer too; `--json` writes all times.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from networks import NETWORKS, TRANSPOSED
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

PRODUCTS = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")
BESIDE = ("torch", "tensorflow", "jax", "im2col", "onnx", "BLAS")
DEFAULT = ("torch", "tensorflow", "im2col", "BLAS")

Calls = dict[str, Callable[[], Any]]


def main(
    network: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(NETWORKS)}. Default: all.")] = None,
    beside: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(BESIDE)}. Default: {', '.join(DEFAULT)}.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    repeats: Annotated[int, typer.Option(min=1)] = 5,
    batch: Annotated[int, typer.Option(min=1)] = 4,
    layers: Annotated[bool, typer.Option("--layers", help="Show each layer.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all times to this file.")] = None,
) -> None:
    """Print our time over that of others, for the three products."""
    makers = {name: _MAKERS[name](threads) for name in _one_of(beside or DEFAULT, BESIDE)}
    threadpool_limits(threads)  # NumPy's BLAS, and whatever else was loaded by now
    rows = []
    for name in _one_of(network or NETWORKS, NETWORKS):
        for (kind, spec), times in track(NETWORKS[name]().items(), name, console=Console(stderr=True)):
            taken = _times(spec, kind, batch, makers, repeats)
            rows += [{"network": name, "kind": kind, "layer": spec, "times": times} | row for row in taken]
    console = Console(width=150)
    console.print(_machine(threads, batch, repeats))
    if layers:
        console.print(_table_of_layers(rows, list(makers)))
    console.print(_table_of_means(rows, list(makers)))
    _small_call(console)
    _scratch(console)
    if json_file is not None:
        json_file.write_text(json.dumps({"machine": _machine(threads, batch, repeats), "rows": rows}, indent=1))


def _one_of(asked: Any, known: Any) -> list[str]:
    for name in asked:
        if name not in known:
            raise typer.BadParameter(f"must be one of {', '.join(known)}; not {name!r}")
    return list(asked)


def _machine(threads: int, batch: int, repeats: int) -> str:
    cpu = next((line for line in _cpu_lines() if line.startswith("model name")), platform.processor())
    packages = [name for name in ("torch", "tensorflow", "jax", "onnx") if importlib.util.find_spec(name)]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", *packages))
    return (
        f"{cpu.partition(':')[2].strip() or cpu}, {threads} threads; {versions}; "
        f"float64, batch {batch}, medians of {repeats}"
    )


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _times(spec: str, kind: str, batch: int, makers: dict[str, Callable[[Any], Calls]], repeats: int) -> list[dict]:
    """Return a row for each product: the seconds of each contender."""
    from reference_impl.cases.case import Case

    case = replace(Case.parse(spec), batch=batch)
    calls = {"ours": _ours(case), **{name: make(case) for name, make in makers.items()}}
    # Of a transposed layer, the input gradient is the layer's own forward pass.
    products = PRODUCTS if kind != TRANSPOSED else ("conv2d_backprop_input",)
    rows = []
    for product in products:
        offered = {name: made[product] for name, made in calls.items() if product in made}
        rows.append({"product": product, "seconds": medians(offered, repeats)})
    return rows


def _table_of_layers(rows: list[dict], others: list[str]) -> Table:
    table = Table(
        "layer", "times", "kind", "product", "ours ms", *(f"/ {name}" for name in others), box=box.SIMPLE_HEAD
    )
    for row in rows:
        seconds = row["seconds"]
        ratios = [f"{seconds['ours'] / seconds[name]:.2f}" if name in seconds else "" for name in others]
        named = row["layer"], str(row["times"]), row["kind"], row["product"]
        table.add_row(*named, f"{seconds['ours'] * 1e3:.2f}", *ratios)
    return table


def _table_of_means(rows: list[dict], others: list[str]) -> Table:
    """Our time over theirs: geometric means over the layers, each as often as it occurs."""
    table = Table("network", "layers", "product", *(f"/ {name}" for name in others), box=box.SIMPLE_HEAD)
    for network in dict.fromkeys(row["network"] for row in rows):
        of_network = [row for row in rows if row["network"] == network]
        for kind in ("all", *dict.fromkeys(row["kind"] for row in of_network)):
            of_kind = [row for row in of_network if kind in ("all", row["kind"])]
            for product in ("all", *dict.fromkeys(row["product"] for row in of_kind)):
                chosen = [row for row in of_kind if product in ("all", row["product"])]
                means = [_mean([row for row in chosen if name in row["seconds"]], name) for name in others]
                table.add_row(network, kind, product, *means)
    return table


def _mean(rows: list[dict], name: str) -> str:
    if not rows:
        return ""
    logs = [np.log(row["seconds"]["ours"] / row["seconds"][name]) for row in rows]
    return f"{np.exp(np.average(logs, weights=[row['times'] for row in rows])):.2f}"


def _torch_maker(threads: int) -> Callable[[Any], Calls]:
    import torch

    torch.set_num_threads(threads)
    return _torch


def _tensorflow_maker(threads: int) -> Callable[[Any], Calls]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return _tensorflow


def _jax_maker(threads: int) -> Callable[[Any], Calls]:
    # XLA takes its number of threads from the processors that the process may use.
    os.environ["JAX_ENABLE_X64"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))
    return _jax


def _arrays(case: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return tuple(random.standard_normal(shape) for shape in (case.input_sizes, case.filter_sizes, case.output_shape))


def _ours(case: Any) -> Calls:
    import reference_impl

    input, filters, out_backprop = _arrays(case)
    return {
        "conv2d": lambda: reference_impl.conv2d(input, filters, **case.options),
        "conv2d_backprop_input": lambda: reference_impl.conv2d_backprop_input(
            input.shape, filters, out_backprop, **case.options
        ),
        "conv2d_backprop_filter": lambda: reference_impl.conv2d_backprop_filter(
            input, filters.shape, out_backprop, **case.options
        ),
    }


def _torch(case: Any) -> Calls:
    import torch

    input, filters, out_backprop = (
        torch.from_numpy(np.ascontiguousarray(array.transpose(axes)))
        for array, axes in zip(_arrays(case), ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)))
    )
    pads = tuple(before for before, _ in case.convolution.padding)
    options = {"stride": case.strides, "padding": pads, "groups": case.groups}
    return {
        "conv2d": lambda: torch.nn.functional.conv2d(input, filters, **options),
        "conv2d_backprop_input": lambda: torch.nn.grad.conv2d_input(input.shape, filters, out_backprop, **options),
        "conv2d_backprop_filter": lambda: torch.nn.grad.conv2d_weight(input, filters.shape, out_backprop, **options),
    }


def _tensorflow(case: Any) -> Calls:
    import tensorflow as tf

    input, filters, out_backprop = map(tf.constant, _arrays(case))
    pads = [0, 0, *case.convolution.padding[0], *case.convolution.padding[1], 0, 0]
    options = {"strides": [1, *case.strides, 1], "padding": "EXPLICIT", "explicit_paddings": pads}
    raw = tf.raw_ops
    return {
        "conv2d": lambda: raw.Conv2D(input=input, filter=filters, **options).numpy(),
        "conv2d_backprop_input": lambda: raw.Conv2DBackpropInput(
            input_sizes=input.shape, filter=filters, out_backprop=out_backprop, **options
        ).numpy(),
        "conv2d_backprop_filter": lambda: raw.Conv2DBackpropFilter(
            input=input, filter_sizes=filters.shape, out_backprop=out_backprop, **options
        ).numpy(),
    }


def _jax(case: Any) -> Calls:
    import jax

    input, filters, out_backprop = map(jax.numpy.asarray, _arrays(case))

    def forward(input: Any, filters: Any) -> Any:
        return jax.lax.conv_general_dilated(
            input,
            filters,
            case.strides,
            case.convolution.padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=case.groups,
        )

    def gradient(number: int) -> Callable[[], Any]:
        compiled = jax.jit(lambda: jax.vjp(forward, input, filters)[1](out_backprop)[number])
        return lambda: compiled().block_until_ready()

    compiled = jax.jit(forward)
    return {
        "conv2d": lambda: compiled(input, filters).block_until_ready(),
        "conv2d_backprop_input": gradient(0),
        "conv2d_backprop_filter": gradient(1),
    }


def _im2col(case: Any) -> Calls:
    """Return im2col as it is written by hand: a padded copy, a view of all windows, one matrix product a group."""
    from numpy.lib.stride_tricks import sliding_window_view

    input, filters, out_backprop = _arrays(case)
    (sh, sw), groups, (kh, kw) = case.strides, case.groups, case.kernel_size
    pads = ((0, 0), *case.convolution.padding, (0, 0))
    per_group, outputs = case.filter_sizes[2], case.output_shape[3] // groups
    rows, columns = case.output_shape[1:3]

    def windows(group: int) -> np.ndarray:
        padded = np.pad(input[..., group * per_group : (group + 1) * per_group], pads)
        view = sliding_window_view(padded, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
        return view.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * per_group)

    def of(array: np.ndarray, group: int) -> np.ndarray:
        part = array[..., group * outputs : (group + 1) * outputs]
        return part.reshape(-1, outputs)

    def forward() -> np.ndarray:
        parts = [windows(group) @ of(filters, group) for group in range(groups)]
        return np.concatenate(parts, axis=1).reshape(case.output_shape)

    def filter_gradient() -> np.ndarray:
        parts = [windows(group).T @ of(out_backprop, group) for group in range(groups)]
        return np.concatenate(parts, axis=1).reshape(case.filter_sizes)

    def input_gradient() -> np.ndarray:
        found = np.zeros([size + sum(pad) for size, pad in zip(case.input_sizes, pads)])
        for group in range(groups):
            product = (of(out_backprop, group) @ of(filters, group).T).reshape(-1, rows, columns, kh, kw, per_group)
            channels = slice(group * per_group, (group + 1) * per_group)
            for p in range(kh):
                for q in range(kw):
                    place = found[:, p : p + rows * sh : sh, q : q + columns * sw : sw, channels]
                    place[:, :rows, :columns] += product[:, :, :, p, q]
        return found[tuple(slice(before, before + size) for (before, _), size in zip(pads, case.input_sizes))]

    return dict(zip(PRODUCTS, (forward, input_gradient, filter_gradient)))


def _onnx(case: Any) -> Calls:
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    input, filters, _ = _arrays(case)
    (top, bottom), (left, right) = case.convolution.padding
    options = {"strides": case.strides, "pads": [top, left, bottom, right], "group": case.groups}
    node = helper.make_node("Conv", ["x", "w"], ["y"], **options)
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in "xwy"]
    session = ReferenceEvaluator(helper.make_model(helper.make_graph([node], "conv", values[:2], values[2:])))
    feeds = {"x": input.transpose(0, 3, 1, 2).copy(), "w": filters.transpose(3, 2, 0, 1).copy()}
    return {"conv2d": lambda: session.run(None, feeds)}


def _blas(case: Any) -> Calls:
    """Return the matrix products alone: windows that are there already, for all groups at once."""
    random, groups = np.random.default_rng(0), case.groups
    positions, window = int(np.prod(case.output_shape[:3])), int(np.prod(case.filter_sizes[:3]))
    windows = random.standard_normal((groups, positions, window))
    filters = random.standard_normal((groups, window, case.output_shape[3] // groups))
    output = random.standard_normal((groups, positions, case.output_shape[3] // groups))
    return {
        "conv2d": lambda: windows @ filters,
        "conv2d_backprop_input": lambda: output @ filters.transpose(0, 2, 1),
        "conv2d_backprop_filter": lambda: windows.transpose(0, 2, 1) @ output,
    }


_MAKERS: dict[str, Callable[[int], Callable[[Any], Calls]]] = {
    "torch": _torch_maker,
    "tensorflow": _tensorflow_maker,
    "jax": _jax_maker,
    "im2col": lambda threads: _im2col,
    "onnx": lambda threads: _onnx,
    "BLAS": lambda threads: _blas,
}


def medians(calls: Calls, repeats: int) -> dict[str, float]:
    """Seconds that each call takes: in turns, each round in another order."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats):
        names = list(calls)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.perf_counter()
            calls[name]()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def _small_call(console: Console) -> None:
    from reference_impl.cases.case import Case

    for product, call in _ours(Case.parse("n1_h8w8c4_k3x3o4_float64")).items():
        median = medians({"ours": call}, 500)["ours"]
        console.print(f"small call (8x8, 3x3, 4 channels) {product}: {median * 1e6:.0f} us")


def _scratch(console: Console) -> None:
    """Peak memory beyond the arguments and the result, on the layer with the most windows."""
    from reference_impl.cases.case import Case

    case = Case.parse("n16_h224w224c64_k3x3o64_SAME")
    for product, call in _ours(case).items():
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        result = call()
        scratch = tracemalloc.get_traced_memory()[1] - before - result.nbytes
        tracemalloc.stop()
        console.print(f"scratch on {case} {product}: {scratch / 2**20:.1f} MiB")


if __name__ == "__main__":
    typer.run(main)
