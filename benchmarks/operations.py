"""Time the three products in float64, ours beside others, on the convolution layers of five networks.

    python benchmarks/operations.py --json after.json --plot docs/pictures/speed/networks.svg --write docs/speed.md

The others are torch, TensorFlow, JAX, onnx's ReferenceEvaluator, plain im2col in NumPy, and BLAS: the matrix product of
the same size, which is a limit for ours. A package that is not installed is left out, and so is a call that a package
refuses. Both are listed.

All contenders have the same number of threads. They take turns, each round in another order, and rest between calls.
A number is our time over another's, both medians of the rounds. For many layers it is the geometric mean, in which each
layer counts as often as the network has it.

`--before FILE` takes the `--json` of an older commit, and adds a table of both.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

# Threads of a library wait for more work in a loop, on the processors of the contender that is next. These limits, of
# about a millisecond, are read when the libraries are loaded.
os.environ |= {"OPENBLAS_THREAD_TIMEOUT": "18", "GOMP_SPINCOUNT": "60000"}

import typer
from contenders import BESIDE, PACKAGES, PRODUCTS, load, ours
from measure import ENOUGH, SHORT, medians, scratch
from networks import NETWORKS, TRANSPOSED
from rich.console import Console
from rich.progress import track
from speed_tables import before_and_after, draw, markdown, of_layers, of_means, write

from reference_impl.cases.case import Case

SMALL = "n1_h8w8c4_k3x3o4_float64"
MANY_WINDOWS = "n16_h224w224c64_k3x3o64_SAME"


def main(
    network: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(NETWORKS)}. Default: all.")] = None,
    beside: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(BESIDE)}. Default: all.")] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    repeats: Annotated[int, typer.Option(min=1)] = 5,
    batch: Annotated[list[int] | None, typer.Option(min=1, help="Default: 1 and 4.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Show each layer.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all times to this file.")] = None,
    before: Annotated[Path | None, typer.Option(help="The --json of an older commit, to compare with.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the means to this file, .svg or .png.")] = None,
    page: Annotated[Path | None, typer.Option("--write", help="Put the tables into this page.")] = None,
) -> None:
    """Time the three products, ours beside others."""
    asked = _one_of(beside or BESIDE, BESIDE)
    names = load(asked, threads)
    found: dict[str, Any] = {
        "machine": _machine(names, threads, repeats),
        "contenders": names,
        "rows": [],
        "left out": {},
    }
    for name in sorted(set(asked) - set(names)):
        found["left out"][name] = "not installed"
    for name in _one_of(network or NETWORKS, NETWORKS):
        for images in batch or (1, 4):
            for (kind, spec), times in track(
                NETWORKS[name]().items(), f"{name}, batch {images}", console=Console(stderr=True)
            ):
                where = {"batch": images, "network": name, "kind": kind, "layer": spec, "times": times}
                for product, seconds in _times(spec, kind, images, names, repeats, threads, found["left out"]):
                    found["rows"].append(where | {"product": product, "seconds": seconds})
    found["small call"], found["scratch"] = _small_call(names), _scratch()
    old = json.loads(before.read_text()) if before else None
    console = Console(width=150)
    if layers:
        console.print(of_layers(found))
    console.print(*of_means(found), *before_and_after(old, found), sep="\n")
    for key in ("machine", "left out", "small call", "scratch"):
        console.print(key, found[key])
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1))
    if plot is not None:
        draw(found, plot)
    if page is not None:
        write(page, "operations.py", markdown(found, old, plot and os.path.relpath(plot, page.parent)))


def _one_of(asked: Any, known: Any) -> list[str]:
    for name in asked:
        if name not in known:
            raise typer.BadParameter(f"must be one of {', '.join(known)}; not {name!r}")
    return list(asked)


def _machine(names: list[str], threads: int, repeats: int) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    cpu = next((line for line in lines if line.startswith("model name")), f":{platform.processor()}")
    packages = [name for name in ("numpy", *PACKAGES) if name in ("numpy", *names)]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    clock = "processor" if threads == 1 else "wall"
    return (
        f"{cpu.partition(':')[2].strip()}, {threads} threads of each; Python {platform.python_version()}, {versions}; "
        f"float64; {clock} time, medians of {repeats} rounds, fewer where these take over {ENOUGH} s, "
        f"{3 * repeats} rounds of calls below {SHORT * 1e3:.0f} ms"
    )


def _times(
    spec: str, kind: str, batch: int, names: list[str], repeats: int, threads: int, left_out: dict[str, str]
) -> list[tuple[str, dict[str, float]]]:
    """Return the seconds of each contender, for each product. Refusals go to `left_out`."""
    case = replace(Case.parse(spec), batch=batch)
    calls = {name: make(case) for name, make in {"ours": ours, **{name: BESIDE[name] for name in names}}.items()}
    # The input gradient of a transposed layer is the layer's own forward pass.
    products = PRODUCTS if kind != TRANSPOSED else ("conv2d_backprop_input",)
    rows = []
    for product in products:
        offered = {}
        for name, made in calls.items():
            if product not in made:
                left_out.setdefault(f"{name} {product} of {kind} layers", "not offered")
                continue
            try:
                made[product]()
                offered[name] = made[product]
            except Exception as error:
                left_out[f"{name} {product} of {kind} layers"] = str(error).splitlines()[0][:120]
        rows.append((product, medians(offered, repeats, threads)))
    return rows


def _small_call(names: list[str]) -> dict[str, dict[str, float]]:
    """Return the microseconds of a call on an 8x8 image with 4 channels and a 3x3 kernel."""
    case = Case.parse(SMALL)
    made = {"ours": ours(case), **{name: BESIDE[name](case) for name in names}}
    found: dict[str, dict[str, float]] = {product: {} for product in PRODUCTS}
    for product in PRODUCTS:
        for name, calls in made.items():
            if product in calls:
                times = []
                for _ in range(300):
                    start = time.perf_counter()
                    calls[product]()
                    times.append(time.perf_counter() - start)
                found[product][name] = round(statistics.median(times) * 1e6, 1)
    return found


def _scratch() -> dict[str, float]:
    """Return the peak of memory, in MiB, beyond the arguments and the result, on the layer with the most windows."""
    return {product: round(scratch(call) / 2**20, 1) for product, call in ours(Case.parse(MANY_WINDOWS)).items()}


if __name__ == "__main__":
    typer.run(main)
