"""The progress of a run, on stderr: a bar on a terminal, plain lines at intervals elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..console import PlainConsole
from .tally import Tally

SECONDS = 10.0


@contextmanager
def progress(cases: int, calls: int, tally: Tally, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Show how many of `calls` were made. Yield the function to call after each of them."""
    console = PlainConsole(stderr=True)
    if console.is_terminal or quiet:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
            task = bar.add_task(f"{cases} cases", total=calls)
            yield lambda: bar.update(task, advance=1, description=f"{cases} cases, {tally.failed} calls failed")
        return
    begun = told = time.monotonic()
    made = 0

    def advance() -> None:
        nonlocal made, told
        made += 1
        now = time.monotonic()
        if now - told >= SECONDS:
            told = now
            said = f"{made:,} of {calls:,} calls after {now - begun:.0f} s, {tally.failed:,} failed"
            console.print(said, soft_wrap=True)

    yield advance
