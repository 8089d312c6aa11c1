"""The command line: `conv2d-reference`, or `python -m reference_impl`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import __version__
from .compare_command import compare
from .drawing.command import draw
from .explain.command import explain
from .passport.command import passport
from .scoring.command import mistakes
from .sweep.command import sweep
from .vectors.command import export
from .verify_command import verify

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its panels break the lines of our messages
    help="Hold conv2d, its gradients and conv2d_transpose of any framework to an exact NumPy oracle.",
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"conv2d-reference-impl {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Hold conv2d, its gradients and conv2d_transpose of any framework to an exact NumPy oracle."""


app.command()(verify)
app.command()(mistakes)
app.command()(export)
app.command()(compare)
app.command()(draw)
app.command()(explain)
app.command()(sweep)
app.command()(passport)
