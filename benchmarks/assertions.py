"""Measure the assertions of `reference_impl.testing`: CPU time, beside that of the convolution that is judged.

    python benchmarks/assertions.py [--repeat 5]

Each layer is convolved by NumPy alone (the oracle, in float64) and by torch in float32, if that is installed. Each
number is the best of all repetitions, of CPU time in one thread: that depends little on what else the machine does.
The first call of a process is measured apart, in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import ml_dtypes
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import reference_impl as ref
from reference_impl.cases.case import Case
from reference_impl.testing import assert_conv2d

LAYERS = {
    "tiny": "n1_h8w8c3_k3x3o4_SAME",
    "small": "n1_h14w14c64_k3x3o64_SAME",
    "middle, 3x3": "n1_h28w28c128_k3x3o128_SAME",
    "middle, 1x1": "n1_h56w56c64_k1x1o256",
    "large, batch 8": "n8_h28w28c128_k3x3o128_SAME",
}
# Shorter calls are repeated until they take so long.
_LEAST_SECONDS = 0.02

_FIRST = """
import time
import numpy as np
start = time.process_time()
from reference_impl.testing import assert_conv2d
imported = time.process_time()
random = np.random.default_rng(0)
x, w = random.standard_normal((1, 8, 8, 3), np.float32), random.standard_normal((3, 3, 3, 4), np.float32)
import reference_impl as ref
y = ref.conv2d(x, w, padding="SAME").astype(np.float32)
before = time.process_time()
assert_conv2d(y, x, w, padding="SAME")
print(imported - start, time.process_time() - before)
"""


def _cost(call: Callable[[], Any], repeat: int) -> float:
    """Return the CPU seconds of a call, after one that is not counted."""
    start = time.process_time()
    call()
    count = max(int(_LEAST_SECONDS / max(time.process_time() - start, 1e-6)), 1)
    costs = []
    for _ in range(repeat):
        start = time.process_time()
        for _ in range(count):
            call()
        costs.append((time.process_time() - start) / count)
    return min(costs)


def _in_torch(input: np.ndarray, filters: np.ndarray, case: Case) -> Callable[[], Any] | None:
    try:
        import torch
        import torch.nn.functional as F
    except ImportError:
        return None
    torch.set_num_threads(1)
    x = torch.from_numpy(input.astype(np.float32)).permute(0, 3, 1, 2).contiguous()
    w = torch.from_numpy(filters.astype(np.float32)).permute(3, 2, 0, 1).contiguous()
    (top, _), (left, _) = case.convolution.padding
    return lambda: F.conv2d(x, w, stride=case.strides, padding=(top, left))


def main(repeat: Annotated[int, typer.Option(min=1)] = 5) -> None:
    """Print the table."""
    threadpool_limits(1)
    first = subprocess.run([sys.executable, "-c", _FIRST], capture_output=True, text=True, check=True).stdout.split()
    imports, call = (1000 * float(seconds) for seconds in first)
    table = Table("layer", "data", "torch", "oracle", "assertion", "/ oracle", "/ torch", box=box.SIMPLE_HEAD)
    random = np.random.default_rng(0)
    for name, spec in LAYERS.items():
        case = Case.parse(spec)
        for data in ("integers", "float32", "float16", "bfloat16", "float64"):
            dtype = {"integers": "float32", "bfloat16": ml_dtypes.bfloat16}.get(data, data)
            draw = random.standard_normal if data != "integers" else lambda shape: random.integers(-4, 5, shape)
            input, filters = draw(case.input_sizes).astype(dtype), draw(case.filter_sizes).astype(dtype)
            answer = ref.conv2d(input, filters, **case.options).astype(dtype)
            torch = _in_torch(input, filters, case)
            in_torch = None if torch is None else _cost(torch, repeat)
            oracle = _cost(lambda: ref.conv2d(input, filters, **case.options), repeat)  # noqa: B023
            asserted = _cost(lambda: assert_conv2d(answer, input, filters, **case.options), repeat)  # noqa: B023
            costs = ["-" if cost is None else f"{1000 * cost:.3g} ms" for cost in (in_torch, oracle, asserted)]
            times = [f"{asserted / oracle:.1f}", "-" if in_torch is None else f"{asserted / in_torch:.1f}"]
            table.add_row(f"{name}: {spec}", data, *costs, *times)
    console = Console(width=130)
    console.print(table)
    console.print(f"first call of a process, tiny layer: import {imports:.0f} ms (NumPy apart), call {call:.1f} ms")


if __name__ == "__main__":
    typer.run(main)
