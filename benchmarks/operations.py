"""Speed of the three products against torch and TensorFlow, on the convolution layers of ResNet-50.

    python benchmarks/operations.py [--threads 2] [--repeats 5] [--batch 4]

float64, equal threads, each framework in its own memory layout (torch NCHW, TensorFlow NHWC), so that no
conversion is timed. The three run in turns, each round in another order; printed are medians in milliseconds and
our time over theirs, and at the end the geometric means over all 53 layers of the network. Also the time of a
small call, where the overhead of Python shows, and the peak of scratch memory.
"""

from __future__ import annotations

import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

# Layer spec -> how often it occurs. https://arxiv.org/abs/1512.03385, table 1; stride 2 in the 3x3 (version 1.5).
RESNET50 = {
    "n1_h224w224c3_k7x7o64_s2x2_p3,3,3,3": 1,
    "n1_h56w56c64_k1x1o64": 1,
    "n1_h56w56c64_k3x3o64_SAME": 3,
    "n1_h56w56c64_k1x1o256": 4,
    "n1_h56w56c256_k1x1o64": 2,
    "n1_h56w56c256_k1x1o128": 1,
    "n1_h56w56c128_k3x3o128_s2x2_p1,1,1,1": 1,
    "n1_h28w28c128_k1x1o512": 4,
    "n1_h56w56c256_k1x1o512_s2x2": 1,
    "n1_h28w28c512_k1x1o128": 3,
    "n1_h28w28c128_k3x3o128_SAME": 3,
    "n1_h28w28c512_k1x1o256": 1,
    "n1_h28w28c256_k3x3o256_s2x2_p1,1,1,1": 1,
    "n1_h14w14c256_k1x1o1024": 6,
    "n1_h28w28c512_k1x1o1024_s2x2": 1,
    "n1_h14w14c1024_k1x1o256": 5,
    "n1_h14w14c256_k3x3o256_SAME": 5,
    "n1_h14w14c1024_k1x1o512": 1,
    "n1_h14w14c512_k3x3o512_s2x2_p1,1,1,1": 1,
    "n1_h7w7c512_k1x1o2048": 3,
    "n1_h14w14c1024_k1x1o2048_s2x2": 1,
    "n1_h7w7c2048_k1x1o512": 2,
    "n1_h7w7c512_k3x3o512_SAME": 2,
}
PRODUCTS = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")

Calls = dict[str, Callable[[], Any]]


def main(
    threads: Annotated[int, typer.Option(min=1)] = 2,
    repeats: Annotated[int, typer.Option(min=1)] = 5,
    batch: Annotated[int, typer.Option(min=1)] = 4,
) -> None:
    """Print our time over torch's and TensorFlow's, for the three products."""
    frameworks = _frameworks(threads)
    from reference_impl.cases.case import Case

    table = Table("layer", "times", "operation", "ours ms", *(f"/ {name}" for name in frameworks), box=box.SIMPLE_HEAD)
    logs: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for spec, times in track(RESNET50.items(), "layers", console=Console(stderr=True)):
        case = replace(Case.parse(spec), batch=batch)
        calls = {"ours": _ours(case), **{name: make(case) for name, make in frameworks.items()}}
        for product in PRODUCTS:
            taken = medians({name: made[product] for name, made in calls.items()}, repeats)
            ratios = {name: taken["ours"] / taken[name] for name in frameworks}
            for name, ratio in ratios.items():
                logs.setdefault((product, name), []).append((float(np.log(ratio)), times))
            row = (spec, str(times), product, f"{taken['ours'] * 1e3:.1f}")
            table.add_row(*row, *(f"{ratio:.2f}" for ratio in ratios.values()))
    console = Console(width=130)
    console.print(table)
    console.print(f"geometric means of our time / theirs, {threads} threads, batch {batch}, float64:")
    for (product, name), values in logs.items():
        mean = np.exp(np.average([log for log, _ in values], weights=[times for _, times in values]))
        console.print(f"  {product} / {name}: {mean:.2f}")
    _small_call(console)
    _scratch(console)


def _frameworks(threads: int) -> dict[str, Callable[[Any], Calls]]:
    """Both frameworks, and the same number of threads everywhere."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf
    import torch

    torch.set_num_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # NumPy's BLAS, and whatever else was loaded by now.
    threadpool_limits(threads)
    return {f"torch {torch.__version__}": _torch, f"tensorflow {tf.__version__}": _tensorflow}


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
    options = {"stride": case.strides, "padding": tuple(before for before, _ in case.convolution.padding)}
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
