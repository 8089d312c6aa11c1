"""Subject: a backend that is being judged, with defaults for what it does not declare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..backends import registry
from ..backends.protocol import WRAP_A_FUNCTION, Capabilities
from ..operations import OPERATIONS
from . import outcome
from .outcome import Record
from .processes.worker import Worker

# Our own backends. They run beside the frameworks.
OURS = ("reference", "definition", "minimal")


@dataclass(frozen=True)
class Subject:
    """A backend, with defaults for what it does not declare."""

    backend: Any
    name: str
    version: str
    capabilities: Capabilities
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    argument: str | None = None

    @cached_property
    def worker(self) -> Worker:
        """A process that has loaded this backend too."""
        return Worker(self.argument or self.name)

    def ask(self, job: str, *arguments: Any, **options: Any) -> Any:
        """Return that process's answer to a job of `processes/jobs.py`. Raises Died."""
        return self.worker.ask(job, self.argument or self.name, *arguments, **options)

    def blank(self, operation: str, case: str, seed: int, check: str = "", invalid_call: str | None = None) -> Record:
        """Make a record of this backend that says "pass"."""
        return Record(
            self.name,
            self.version,
            operation,
            case,
            check,
            outcome.PASS,
            seed=seed,
            argument=self.argument,
            invalid_call=invalid_call,
        )

    @property
    def is_route(self) -> bool:
        """True for a further way through a framework, and for our own backends: costly checks go to plain ones."""
        return ":" in self.name or self.name in OURS

    @classmethod
    def of(cls, backend: Any, argument: str | None = None) -> Subject:
        """Make a subject of any object or module with at least one of the four operations.

        Undeclared capabilities are: the operations that it has, float32 and float64, everything else. `argument` is the
        name by which `load` finds it again.
        """
        offered = tuple(name for name in OPERATIONS if callable(getattr(backend, name, None)))
        if not offered:
            said = f"a backend must offer at least one of {', '.join(OPERATIONS)}; {backend!r} has none"
            raise ValueError(f"{said}; {WRAP_A_FUNCTION}" if callable(backend) else said)
        capabilities = getattr(backend, "capabilities", None) or Capabilities(operations=offered)
        missing = set(capabilities.operations) - set(offered)
        if missing:
            raise ValueError(f"{backend!r} declares {', '.join(sorted(missing))}, which it does not have")
        name = str(getattr(backend, "name", None) or getattr(backend, "__name__", type(backend).__name__))
        version = str(getattr(backend, "version", "unversioned"))
        return cls(backend, name, version, capabilities, dict(getattr(backend, "facts", {})), argument)

    @classmethod
    def load(cls, argument: str) -> Subject:
        """Load the backend of this name. A backend that a package declares keeps the name that it declares."""
        subject = cls.of(registry.load(argument), argument)
        declared = argument not in registry.ADAPTERS and ":" not in argument
        return replace(subject, name=argument) if declared else subject


def subjects(words: Iterable[str] = ()) -> list[Subject]:
    """Load the backends that `words` name (see `registry.expand`); without any, all that are `available`.

    Raises ImportError or ValueError if one that is named cannot be loaded.
    """
    words = list(words)
    return [Subject.load(name) for name in registry.expand(words)] if words else available()[0]


def available() -> tuple[list[Subject], list[str]]:
    """Load the backends that can run here. For each that cannot, a line says why."""
    found, lines = [], []
    for name, there in registry.installed().items():
        if not there:
            lines.append(f"Not installed, so not checked: {name} (pip install 'conv2d-reference-impl[{name}]')")
    lines += [f"Not checked: {why}" for why in registry.refused().values()]
    for name in registry.expand():
        try:
            found.append(Subject.load(name))
        except Exception as error:  # a broken package does not keep the others from being judged
            if name not in registry.declared():
                raise
            lines.append(f"Not checked: {name}: {error}")
    return found, lines
