"""The command `compare`: judge a program's results for golden vectors, or a model by the layer that it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import PlainConsole
from .conversion.command import load_layer, load_model, say
from .explain.layers import parse_image
from .options import BadUsage, one_of
from .vectors.command import judge_results


def compare(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR", help="The folder that `export` filled.", show_default=False)
    ] = None,
    results: Annotated[
        Path | None,
        typer.Argument(metavar="RESULTS]", help="The folder with your program's results.", show_default=False),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead of DIR and RESULTS: an exported model, .onnx or .tflite."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:LAYER",
            help="The layer that it came from: a Conv2d or ConvTranspose2d of torch; a Conv2D, DepthwiseConv2D or "
            "Conv2DTranspose of Keras; or a function that makes one. Or package.module:LAYER.",
        ),
    ] = None,
    case: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Or the case of the layer, with --filters and perhaps --bias.")
    ] = None,
    filters: Annotated[Path | None, typer.Option(help="A .npy file: the filters of --case, HWIO.")] = None,
    bias: Annotated[Path | None, typer.Option(help="A .npy file: the bias of --case.")] = None,
    operation: Annotated[
        str, typer.Option(help="The operation of --case: conv2d or conv2d_transpose.", show_default=True)
    ] = "conv2d",
    input: Annotated[
        str | None, typer.Option(metavar="HxW", help="The size of the images, where the model leaves it open.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="The layout of the model's images, NCHW or NHWC, where it is not clear.")
    ] = None,
    node: Annotated[
        str | None, typer.Option(metavar="NAME", help="One convolution of an ONNX model that has several.")
    ] = None,
    runtime: Annotated[
        bool, typer.Option("--runtime", help="Run an ONNX model in ONNX Runtime, not as ONNX defines it.")
    ] = False,
) -> None:
    """Judge your program's results for golden vectors (DIR RESULTS), or an exported model (--model) by its layer.

    Exit status: 0 if every result is right, or the model is the layer; 1 if not; 2 for bad usage or damaged files.
    """
    of_model = (layer, case, filters, bias, input, layout, node)
    if model is None:
        if folder is None or results is None or runtime or any(one is not None for one in of_model):
            raise BadUsage("give DIR and RESULTS; or --model with the layer that it came from")
        judge_results(folder, results)
        return
    if folder is not None:
        raise BadUsage("give DIR and RESULTS, or --model; not both")
    one_of([operation], ("conv2d", "conv2d_transpose"), "--operation")
    one_of(None if layout is None else [layout], ("NCHW", "NHWC"), "--layout")
    console = PlainConsole()
    try:
        size = None if input is None else parse_image(input)[:2]
        found = load_layer(layer, case, filters, bias, operation)
        status = say(console, found, load_model(model, node, runtime=runtime), size, layout)  # type: ignore[arg-type]
    except (ImportError, OSError, TypeError, ValueError) as error:
        raise BadUsage(error) from error
    raise typer.Exit(console.exit_status(status))
