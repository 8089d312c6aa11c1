"""Diagnosis: the mistakes that explain a failure, its conditions, and the lines to print."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..bugs import Bug
from ..cases.case import Case
from ..mistakes import Mistake


@dataclass
class Diagnosis:
    """Mistakes that do what the backend does, the likeliest first, and the lines to print.

    `bugs` are the conditions under which it fails, where they were looked for, and `smallest` is the smallest case.
    """

    mistakes: list[Mistake] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    bugs: list[Bug] = field(default_factory=list)
    smallest: Case | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
