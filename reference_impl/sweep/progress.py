"""The progress of a sweep on stderr: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ..console import PlainConsole
from ..words import counted

# Seconds between two lines, at first. A long sweep has fewer lines.
_BETWEEN = 10.0


class SweepProgress:
    """Shows how many configurations are done, the rate, the time left, and the distinct bugs so far.

    Parameters
    ----------
    done, total : int
        Configurations that are done already, and all of them. None: there is no end.
    seconds_left : float, optional
        The sweep ends then at the latest.
    """

    def __init__(self, done: int, total: int | None, seconds_left: float | None = None) -> None:
        self._console = PlainConsole(stderr=True)
        self._done, self._total = done, total
        self._begun, self._new = time.monotonic(), 0
        self._until = None if seconds_left is None else self._begun + seconds_left
        self._next = self._begun + _BETWEEN
        columns = BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}")
        self._bar = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal, refresh_per_second=2
        )
        self._task = self._bar.add_task("", total=total, completed=done)

    def __enter__(self) -> SweepProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def add(self, configurations: int, bugs: int) -> None:
        """Show that so many more are done, and how many distinct bugs there are now."""
        self._new += configurations
        now = time.monotonic()
        said = self._said(now, bugs)
        self._bar.update(self._task, advance=configurations, description=said)
        if not self._console.is_terminal and now >= self._next:
            self._next = now + max(_BETWEEN, (now - self._begun) / 20)
            all_of_them = "" if self._total is None else f" of {self._total:,}"
            self._console.print(f"{self._done + self._new:,}{all_of_them} configurations, {said}", soft_wrap=True)

    def _said(self, now: float, bugs: int) -> str:
        rate = self._new / max(now - self._begun, 1e-3)
        lefts = [] if self._until is None else [max(self._until - now, 0.0)]
        if self._total is not None:
            lefts.append((self._total - self._done - self._new) / max(rate, 1e-3))
        left = f", {duration(min(lefts))} left" if lefts else ""
        return f"{rate:,.0f} a second{left}, {counted(bugs, 'distinct bug')}"


def duration(seconds: float) -> str:
    """Say a time in words: "40 seconds", "3 hours"."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 1.5 * size:
            return counted(round(seconds / size), unit)
    return counted(round(seconds), "second")
