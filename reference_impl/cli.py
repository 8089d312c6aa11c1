"""The command line: `conv2d-reference`, or `python -m reference_impl`."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from . import __version__

# The module of each command, and its help on one line. A module is imported when its command is run.
COMMANDS = {
    "verify": (".verify_command", "Say of each backend if it equals the oracle; name its bugs."),
    "mistakes": (".scoring.command", "Show how well the suite sees the known wrong convolutions."),
    "export": (".vectors.command", "Write golden vectors: calls and their exact answers as files."),
    "compare": (".compare_command", "Judge results for golden vectors, or an exported model."),
    "draw": (".drawing.command", "Draw how one element of an operation's result is computed."),
    "explain": (".explain.command", "Show the sizes of a case, and its code for five frameworks."),
    "sweep": (".sweep.command", "Judge every configuration of a scope; tell the distinct bugs."),
    "passport": (".passport.command", "Tell in what order and precision a backend adds."),
}
_PLAIN: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,  # its panels break the lines of our messages
}


class _Commands(TyperGroup):
    """The commands by name. Each is made when it is asked for, as most imports are those of the others."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        alone = typer.Typer(**_PLAIN)
        alone.command(cmd_name)(getattr(import_module(module, __package__), cmd_name))
        return get_command(alone)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items()])


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    help="Hold conv2d, its gradients and conv2d_transpose of any framework to an exact NumPy oracle.",
    **_PLAIN,
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
