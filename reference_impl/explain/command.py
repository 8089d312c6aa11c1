"""`python -m reference_impl explain`: a case's sizes, and the case as code for frameworks."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ..cases.case import Case
from ..console import PlainConsole
from ..files import check_writable, write_file
from ..operations import OPERATIONS
from ..options import BadUsage, one_of
from . import FRAMEWORKS, layers, screen, sizes, snippets
from .snippet import Snippet


def explain(
    spec: Annotated[
        str | None, typer.Argument(metavar="SPEC", help="A case, for example n1_h8w9c3_k3x2o4_s2_SAME.")
    ] = None,
    torch: Annotated[
        str | None, typer.Option(metavar="LAYER", help='A torch layer instead of SPEC: "Conv2d(3, 64, 7, stride=2)".')
    ] = None,
    keras: Annotated[
        str | None,
        typer.Option(metavar="LAYER", help="A Keras layer instead of SPEC: \"Conv2D(64, 7, padding='same')\"."),
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(metavar="HxW[xC]", help="The size of the layer's input: 224x224, or with its channels 224x224x3."),
    ] = None,
    operation: Annotated[
        list[str] | None, typer.Option(help="Show the code of this operation only. May be repeated.")
    ] = None,
    framework: Annotated[
        list[str] | None, typer.Option(help=f"Show code for {', '.join(FRAMEWORKS)}. Default: all. May be repeated.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the numbers and the code to this file.")] = None,
) -> None:
    """Show how the sizes of a case are computed, and the convolution and its gradients as code for five frameworks.

    Exit status: 0, or 2 for bad usage.
    """
    operations = one_of(operation, OPERATIONS, "--operation") or OPERATIONS
    frameworks = one_of(framework, list(FRAMEWORKS), "--framework") or FRAMEWORKS
    try:
        if json is not None:
            check_writable(json)
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--json") from error
    layer = _layer(spec, torch, keras, input)
    found = {
        name: [one for one in snippets(name, layer.case) if set(one.operations) & set(operations)]
        for name in frameworks
    }
    if json is not None:
        _write(json, _record(layer.case, found))
    console = PlainConsole()
    if spec is None:
        screen.print_under_same(console, layer)
    screen.print_sizes(console, layer.case)
    for name, calls in found.items():
        screen.print_snippets(console, layer.case, name, calls)
    raise typer.Exit(console.exit_status())


def _write(path: Path, record: dict[str, Any]) -> None:
    try:
        write_file(path, (json_format.dumps(record, indent=2) + "\n").encode())
    except OSError as error:
        raise BadUsage(f"the numbers could not be written: {error}", "--json") from error


def _layer(spec: str | None, torch: str | None, keras: str | None, image: str | None) -> layers.Layer:
    if [spec, torch, keras].count(None) != 2:
        raise typer.BadParameter("give exactly one of SPEC, --torch and --keras")
    if (image is None) != (spec is not None):
        raise typer.BadParameter("must be given with --torch or --keras, and not with SPEC", param_hint="--input")
    try:
        if spec is not None:
            return layers.Layer(Case.parse(spec))
        size = layers.parse_image(image or "")
        return layers.from_torch(torch, size) if torch is not None else layers.from_keras(keras or "", size)
    except (TypeError, ValueError) as error:
        raise BadUsage(error) from error


def _record(case: Case, found: dict[str, list[Snippet]]) -> dict[str, Any]:
    return {
        "spec": str(case),
        "input_sizes": case.input_sizes,
        "filter_sizes": case.filter_sizes,
        "output_shape": case.output_shape,
        "padding": [asdict(derivation) for derivation in sizes.derivations(case)],
        "transposed": [
            asdict(picked) | {"onnx": sizes.onnx_picks(axis)}
            for axis, picked in zip(case.convolution.axes, sizes.transposed(case), strict=True)
        ],
        "terms": {operation: case.convolution.terms(operation) for operation in OPERATIONS},
        "multiply_adds": case.multiply_adds,
        "calls": {
            name: [asdict(replace(one, code="" if one.lack else one.code)) for one in calls]
            for name, calls in found.items()
        },
    }
