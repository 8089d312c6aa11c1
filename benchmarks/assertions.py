"""Measure the assertions of `reference_impl.testing`: CPU seconds, beside those of the convolution that is judged.

    python benchmarks/assertions.py [--repeat 3]

Each layer is convolved by NumPy alone (the oracle, in float64) and by torch, if that is installed. Shown is the best of
all repetitions. CPU seconds of all threads are counted: they depend less on what else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

import reference_impl as ref
from reference_impl.cases.case import Case
from reference_impl.testing import assert_conv2d

LAYERS = {
    "small": "n2_h16w16c8_k3x3o8_SAME",
    "the largest that is computed exactly": "n1_h28w28c32_k3x3o22_SAME",
    "ResNet-50, 1x1": "n1_h56w56c64_k1x1o256",
    "ResNet-50, 3x3": "n1_h28w28c128_k3x3o128_SAME",
    "ResNet-50, 3x3, batch 8": "n8_h28w28c128_k3x3o128_SAME",
}


def _cost(call: Callable[[], Any], repeat: int) -> float:
    costs = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        costs.append(time.process_time() - start)
    return min(costs)


def _in_torch(input: np.ndarray, filters: np.ndarray, case: Case) -> Callable[[], Any] | None:
    try:
        import torch
        import torch.nn.functional as F
    except ImportError:
        return None
    x, w = torch.from_numpy(input).permute(0, 3, 1, 2), torch.from_numpy(filters).permute(3, 2, 0, 1)
    x, w = x.contiguous(), w.contiguous()
    (top, _), (left, _) = case.convolution.padding
    return lambda: F.conv2d(x, w, stride=case.strides, padding=(top, left))


def main(repeat: Annotated[int, typer.Option(min=1)] = 3) -> None:
    """Print the table."""
    table = Table("layer", "dtype", "data", "torch", "oracle", "assertion", "times the oracle", box=box.SIMPLE_HEAD)
    random = np.random.default_rng(0)
    for name, spec in LAYERS.items():
        for dtype in ("float32", "float64"):
            case = Case.parse(spec).with_dtype(dtype)
            for data in ("integers", "real"):
                draw = random.standard_normal if data == "real" else lambda shape: random.integers(-4, 5, shape)
                input, filters = draw(case.input_sizes).astype(dtype), draw(case.filter_sizes).astype(dtype)
                answer = ref.conv2d(input, filters, **case.options).astype(dtype)
                torch = _in_torch(input, filters, case)
                times = [
                    None if torch is None else _cost(torch, repeat),
                    _cost(lambda: ref.conv2d(input, filters, **case.options), repeat),  # noqa: B023
                    _cost(lambda: assert_conv2d(answer, input, filters, **case.options), repeat),  # noqa: B023
                ]
                shown = ["-" if cost is None else f"{1000 * cost:.1f} ms" for cost in times]
                table.add_row(f"{name}: {spec}", dtype, data, *shown, f"{times[2] / times[1]:.1f}")
    Console(width=150).print(table)


if __name__ == "__main__":
    typer.run(main)
