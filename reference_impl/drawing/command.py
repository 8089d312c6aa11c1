"""`python -m reference_impl draw`: a picture of one operation on one case."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from ..cases.case import Case
from ..operations import OPERATIONS
from ..options import one_of
from . import figure_files, figures


def draw(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A case, as n1_h5w7c1_k3x2o1_SAME.")],
    operation: Annotated[str, typer.Option(help="One of the four.")] = "conv2d",
    position: Annotated[
        str | None,
        typer.Option(
            metavar="ROW,COLUMN",
            help="Which element of the result (of the kernel, for conv2d_backprop_filter). Default: near the middle, "
            "with padding in view if there is any.",
        ),
    ] = None,
    image: Annotated[int, typer.Option(help="Which image of the batch.")] = 0,
    input_channel: Annotated[
        int | None, typer.Option(help="Of the forward convolution. Default: the first of the output channel's group.")
    ] = None,
    output_channel: Annotated[
        int | None, typer.Option(help="Of the forward convolution. Default: the first of the input channel's group.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the numbers.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .svg or .png file, or a .gif file that goes through all positions; it may exist. "
            "Default: OPERATION_SPEC.svg here, which may not.",
        ),
    ] = None,
) -> None:
    """Draw how one element of an operation's result comes about: what is multiplied with what (needs the extra draw).

    Exit status: 0, or 2 for bad usage.
    """
    one_of([operation], OPERATIONS, "--operation")
    try:
        case = Case.parse(spec)
        path = Path(f"{operation}_{case}.svg") if output is None else output
        if output is None and path.exists():
            raise ValueError(f"{path} exists; -o {path} replaces it")
        figure_files.check_path(path)
        shown: dict[str, Any] = {
            "image": image,
            "input_channel": input_channel,
            "output_channel": output_channel,
            "seed": seed,
        }
        if path.suffix != ".gif":
            drawn = iter([figures.draw(case, operation, position=_pair(position), **shown)])
        elif position is None:
            drawn = figures.animate(case, operation, **shown)
        else:
            raise ValueError(f"a .gif goes through all positions; --position {position} is for a .svg or .png")
        figure_files.save(drawn, path)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    Console().print(f"{operation} on {case} drawn to {escape(str(path))}", soft_wrap=True, highlight=False)


def _pair(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+),(\d+)", text)
    if match is None:
        raise ValueError(f"--position must be ROW,COLUMN, as 0,2; not {text!r}")
    return int(match[1]), int(match[2])
