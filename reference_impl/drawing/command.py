"""`python -m reference_impl draw`: a picture of one operation on one case."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ..cases.case import Case
from ..console import PlainConsole
from ..operations import OPERATIONS
from ..options import BadUsage, one_of
from . import figure_files, figures


def draw(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A case, for example n1_h5w7c1_k3x2o1_SAME.")],
    operation: Annotated[str, typer.Option(help=f"One of {', '.join(OPERATIONS)}.")] = "conv2d",
    position: Annotated[
        str | None,
        typer.Option(
            metavar="ROW,COLUMN",
            help="The element of the result; for conv2d_backprop_filter, of the kernel. Default: one near the middle, "
            "with padding in its sum if there is any.",
        ),
    ] = None,
    image: Annotated[int, typer.Option(help="The image of the batch.")] = 0,
    input_channel: Annotated[
        int | None,
        typer.Option(help="A channel of the forward input. Default: the first of the output channel's group."),
    ] = None,
    output_channel: Annotated[
        int | None,
        typer.Option(help="A channel of the forward output. Default: the first of the input channel's group."),
    ] = None,
    as_convolution: Annotated[
        bool,
        typer.Option(
            "--as-convolution",
            help="Draw a gradient, or conv2d_transpose, as the conv2d that gives the same numbers: with spread errors.",
        ),
    ] = False,
    as_matrices: Annotated[
        bool,
        typer.Option("--as-matrices", help="Draw the matrix product: windows are rows, filters are columns."),
    ] = False,
    all_channels: Annotated[
        bool, typer.Option("--all-channels", help="Draw all channels of the group, not one.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the numbers.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write, replaced if it exists: .svg or .png, or .gif, which shows all positions in turn. "
            "Default: a new file OPERATION_SPEC.svg here.",
        ),
    ] = None,
) -> None:
    """Draw how one element of an operation's result is computed: which cells are multiplied (needs the extra draw).

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
            "as_convolution": as_convolution,
            "as_matrices": as_matrices,
            "all_channels": all_channels,
        }
        if path.suffix != ".gif":
            drawn = iter([figures.draw(case, operation, position=_pair(position), **shown)])
        elif position is None:
            drawn = figures.animate(case, operation, **shown)
        else:
            raise ValueError(f"a .gif shows all positions; to draw --position {position}, write a .svg or .png")
        figure_files.save(drawn, path)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        raise BadUsage(error) from error
    console = PlainConsole()
    console.print(f"{operation} on {case} drawn to {path}", soft_wrap=True)
    raise typer.Exit(console.exit_status())


def _pair(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+),(\d+)", text)
    if match is None:
        raise ValueError(f"--position must be ROW,COLUMN, for example 0,2; not {text!r}")
    return int(match[1]), int(match[2])
