"""The console of all commands. Text of others stays text, and output that cannot be written does not end a run."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from .exit_status import ExitStatus

# A longer line, or name, is cut where it is shown. The JSON file keeps it.
_MOST_LETTERS, _MOST_OF_A_NAME, _MOST_LINES = 2_000, 100, 200
# Tables in a file are not cut at the width of a terminal. Paragraphs have shorter lines than tables.
_WIDTH_OF_A_FILE, _WIDTH_OF_PROSE = 240, 100
# A line of any text at all. It is larger, as a visible control character takes up to 10 letters.
_MOST_PRINTED = 25_000


def plain_text(text: str, most: int = _MOST_LETTERS) -> str:
    """Make text of others fit to be shown: control characters become visible, and long lines are cut."""
    lines = text.split("\n")
    shown = [_visible(shortened(line, most)) for line in lines[:_MOST_LINES]]
    return "\n".join(shown + ([f"... ({len(lines):,} lines)"] if len(lines) > _MOST_LINES else []))


def plain_name(name: str) -> str:
    """Make a name of others fit to be shown, on one line."""
    return _visible(shortened(name, _MOST_OF_A_NAME).replace("\n", "\\n"))


def short_name(name: str, most: int) -> str:
    """Make a name fit into `most` letters: the middle is left out, as names often differ at their ends."""
    name = plain_name(name)
    return name if len(name) <= most else f"{name[: (most - 1) // 2]}…{name[len(name) - most // 2 :]}"


def shortened(text: str, most: int) -> str:
    """Cut a text after `most` letters, and say how many it has."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} letters)"


def _visible(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(
        one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode("ascii") for one in line
    )


class PlainConsole(Console):
    """A console without markup or highlighting, on stdout or stderr.

    If stdout cannot be written to, as a closed pipe or a full disk, what follows is dropped. The verdict then goes to
    stderr.
    """

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        stream = sys.stderr if stderr else sys.stdout
        self._output = _Output(stream) if stream is not None else None
        given = {"markup": False, "highlight": False, "emoji": False, "file": self._output}
        super().__init__(**{**given, **options})
        if not self.width:  # COLUMNS=0, of which Rich would print nothing
            self.width = 80
        elif not (self.is_terminal or "width" in options or "COLUMNS" in os.environ):
            self.width = _WIDTH_OF_A_FILE

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(plain_text(text, _MOST_PRINTED), **options)

    def prose(self, text: str) -> None:
        """Print a paragraph, in lines that can be read."""
        self.print(text, width=min(self.width, _WIDTH_OF_PROSE))

    @property
    def error(self) -> Exception | None:
        """The reason why nothing more is written, or None."""
        return self._output.error if self._output is not None else ValueError("it is closed")

    def verdict(self, text: str) -> None:
        """Print the last words of a command: on stderr if stdout cannot be written to."""
        self.print(text, soft_wrap=True)
        if self.error is not None:
            _print_to_stderr(text)

    def exit_status(self, status: int = 0) -> int:
        """The exit status of a command that would end with `status`. It is NOT_WRITTEN if the report was lost.

        A reader that has closed the pipe has read what it wanted.
        """
        if self.error is None or isinstance(self.error, BrokenPipeError):
            return status
        _print_to_stderr(f"stdout could not be written to: {self.error}")
        return status or ExitStatus.NOT_WRITTEN


def _print_to_stderr(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(plain_text(text), file=sys.stderr, flush=True)


class _Output:
    """A stream that may fail: `error` is then the reason, and what follows is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if self.error is None:
            try:
                self._stream.write(_encodable(text, self._stream.encoding))
            except (OSError, ValueError) as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if self.error is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.error = error
        # Python writes what is left in the buffer when it ends. That must not fail again.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def _encodable(text: str, encoding: str | None) -> str:
    """Replace characters that a terminal of this encoding cannot print."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("✗", "x").replace("…", "~").encode(encoding, "backslashreplace").decode(encoding)
    return text
