"""Subject: a backend that is being judged, with defaults for what it does not declare."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..backends import environments, registry
from ..backends.protocol import WRAP_A_FUNCTION, Capabilities
from ..operations import OPERATIONS
from . import outcome
from .outcome import Record
from .place import told
from .processes import numpy_threads
from .processes.asking import BackendProcess
from .processes.remote import RemoteBackend
from .processes.worker import Died, Raised
from .speed import Speed

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
    remake: Callable[[], Any] | None = field(default=None, compare=False)
    """Makes the backend anew, if `argument` cannot load it again."""
    speed: Speed = field(default_factory=Speed, compare=False, repr=False)

    def fresh(self) -> Subject | None:
        """The same backend made anew in this process, without what it remembers of calls. None if that cannot be."""
        if self.argument:
            return replace(self, backend=registry.load(self.argument))
        return replace(self, backend=self.remake()) if self.remake else None

    @property
    def is_apart(self) -> bool:
        """True if the backend is in a process of its own."""
        return isinstance(self.backend, RemoteBackend)

    @cached_property
    def apart(self) -> Subject:
        """The same backend in a process of its own. Raises NotLoaded or Died."""
        return self if self.is_apart else Subject.load(self.argument or self.name)

    @property
    def not_here(self) -> str | None:
        """Why this machine cannot run the backend, as it says itself. None if it can."""
        reason = getattr(self.backend, "not_here", None)
        return str(reason) if reason else None

    def ask(self, job: str, *arguments: Any, **options: Any) -> Any:
        """Return the answer of the backend's own process to a job of `processes/backend_process.py`. Raises Died."""
        remote = self.apart.backend
        return remote.process.ask(job, remote.argument, *arguments, **options)

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
            environment=self.environment,
        )

    @property
    def adapter(self) -> str | None:
        """The adapter of ours that it was loaded from. None for a backend of others, whatever its name is."""
        return registry.adapter_of(self.argument or "")

    @property
    def environment(self) -> str | None:
        """The environment that it is asked in, as after the @ of its argument. None if none was named."""
        return environments.split(self.argument or "")[1] or None

    @property
    def route(self) -> str:
        """Its name without the environment: "torch:autograd"."""
        return self.name.removesuffix(f"@{self.environment}") if self.environment else self.name

    @property
    def is_route(self) -> bool:
        """True for a further way through a framework, and for our own backends: costly checks go to plain ones."""
        return self.adapter is not None and (":" in self.route or self.route in OURS)

    @classmethod
    def of(cls, backend: Any, argument: str | None = None, remake: Callable[[], Any] | None = None) -> Subject:
        """Make a subject of any object or module with at least one of the four operations.

        Undeclared capabilities are: the operations that it has, float32 and float64, everything else. `argument` is the
        name by which `load` finds it again. `remake` makes another one.
        """
        offered = tuple(name for name in OPERATIONS if callable(getattr(backend, name, None)))
        if not offered:
            said = f"a backend must offer at least one of {', '.join(OPERATIONS)}; {backend!r} has none"
            raise ValueError(f"{said}; {WRAP_A_FUNCTION}" if callable(backend) else said)
        declared = getattr(backend, "capabilities", None)
        capabilities = Capabilities(operations=offered) if declared is None else declared
        if not isinstance(capabilities, Capabilities):
            raise ValueError(f"capabilities of a backend must be made by Capabilities(...); not {declared!r}")
        missing = set(capabilities.operations) - set(offered)
        if missing:
            raise ValueError(f"{backend!r} declares {', '.join(sorted(missing))}, which it does not have")
        name = str(getattr(backend, "name", None) or getattr(backend, "__name__", type(backend).__name__))
        version = str(getattr(backend, "version", "unversioned"))
        return cls(backend, name, version, capabilities, dict(getattr(backend, "facts", {})), argument, remake)

    @classmethod
    def here(cls, argument: str) -> Subject:
        """Load the backend of this name in this process. If a package declares it, it keeps the declared name."""
        subject = cls.of(registry.load(argument), argument)
        backend, environment = environments.split(argument)
        name = backend if _is_declared(backend) else subject.name
        return replace(subject, name=environments.join(name, environment))

    @classmethod
    def load(cls, argument: str, process: BackendProcess | None = None) -> Subject:
        """Load the backend of this name in a process of its own, or in one of its framework that is given.

        Raises NotLoaded if it cannot be loaded, and Died if its process dies or hangs.
        """
        reason = environments.not_here(argument)
        if reason is not None:
            raise NotLoaded(f"{argument} cannot run here: {reason}", "ValueError")
        process = process or process_for(argument)
        try:
            described = process.ask("describe", argument)
        except Raised as error:
            raise NotLoaded(error.said, error.kind) from error
        backend = RemoteBackend(process, argument, described)
        return cls(backend, backend.name, backend.version, backend.capabilities, dict(backend.facts), argument)


class NotLoaded(ImportError):
    """A backend cannot be loaded. `kind` is the type of the error that it raised, `said` the error's message."""

    def __init__(self, said: str, kind: str) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind, self.said = kind, said

    @property
    def lacks_a_package(self) -> bool:
        """True if something that it needs is not installed."""
        return self.kind in ("ImportError", "ModuleNotFoundError")

    @property
    def is_misuse(self) -> bool:
        """True if the name is wrong, or names what is no backend."""
        return self.kind == "ValueError" or self.lacks_a_package


def _is_declared(backend: str) -> bool:
    return backend not in registry.ADAPTERS and ":" not in backend


def process_of(argument: str) -> str:
    """The name of the process that a backend shares.

    All routes of a framework have one for each environment. All other backends have their own.
    """
    adapter = registry.adapter_of(argument)
    return argument if adapter is None else environments.join(adapter, environments.split(argument)[1])


def process_for(argument: str, *names: str, **options: Any) -> BackendProcess:
    """Make the process of a backend, in its environment. It loads the backends of `names` when it starts."""
    variables = {**environments.variables_of(argument), **options.pop("environment", {})}
    return BackendProcess(*(names or [argument]), environment=variables, **options)


@dataclass(frozen=True)
class Loaded:
    """The backends that could be loaded, and the error of each that could not."""

    subjects: list[Subject]
    errors: dict[str, NotLoaded | Died]
    unusable: dict[str, NotLoaded] = field(default_factory=dict)
    """The errors of adapters of ours that nobody named, and that lack something else than their framework."""
    not_here: dict[str, str] = field(default_factory=dict)
    """Why this machine cannot run a backend, or an environment, by its name: "torch@avx512_core_fp16"."""


def load(words: Iterable[str] = (), *, here: bool = False, threads: str | None = None) -> Loaded:
    """Load the backends that `words` name (see `registry.expand`); without any, every one that is installed.

    Each framework is loaded in a process of its own or, if `here`, in this one. So is each environment. Raises
    ImportError if a framework that is named is not installed, and ValueError if an environment is unknown.
    `threads` are those of matrix products in kernels in NumPy; they are NumPy's usual ones if that is None.
    """
    words = list(words)
    registry.require(words)
    if here:
        return _load_here(registry.expand(words))
    processes: dict[str, BackendProcess] = {}

    def process(name: str) -> BackendProcess:
        key = process_of(name)
        if key not in processes:
            # By its name it is imported before the child is made that answers, and not again after each death.
            environment = {**environments.variables_of(name), **numpy_threads.for_kernel(name, threads)}
            processes[key] = BackendProcess(key, environment=environment)
        return processes[key]

    adapters = [name for name in registry.expand(words, lambda name: [name]) if registry.adapter_of(name)]
    _import_at_once(process(name) for name in adapters if environments.not_here(name) is None)
    found: list[Subject] = []
    errors: dict[str, NotLoaded | Died] = {}

    def routes(name: str) -> list[str]:
        try:
            return process(name).ask("routes", name) if registry.adapter_of(name) else [name]
        except Died as died:
            errors[name] = died
        except Raised as error:
            errors[name] = NotLoaded(error.said, error.kind)
        return []

    not_here: dict[str, str] = {}
    for name in registry.expand(words, routes):
        reason = environments.not_here(name)
        if reason is not None:
            not_here[process_of(name)] = reason
            continue
        try:
            found.append(Subject.load(name, process(name)))
        except (NotLoaded, Died) as error:
            errors[name] = error
    not_here |= _not_here(found)
    found = _told_apart([subject for subject in found if not subject.not_here])
    if words:
        return Loaded(found, errors, not_here=not_here)
    unusable = {
        name: error
        for name, error in errors.items()
        if name in registry.ADAPTERS and isinstance(error, NotLoaded) and error.lacks_a_package
    }
    errors = {name: error for name, error in errors.items() if name not in unusable}
    return Loaded(found, errors, unusable, not_here)


def _import_at_once(processes: Iterable[BackendProcess]) -> None:
    """Begin to import frameworks, as many at once as there are processors. Errors come when one is asked again."""
    waiting = deque(dict.fromkeys(processes))

    def work() -> None:
        with contextlib.suppress(IndexError):  # none is left
            while process := waiting.popleft():
                with contextlib.suppress(Died, Raised):
                    process.ask("describe", process.names[0])

    for _ in range(min(os.cpu_count() or 1, len(waiting))):
        threading.Thread(target=work, daemon=True).start()  # whoever asks one of them waits for it alone


def _load_here(names: Iterable[str]) -> Loaded:
    found: list[Subject] = []
    errors: dict[str, NotLoaded | Died] = {}
    for name in names:
        try:
            found.append(Subject.here(name))
        except (Exception, SystemExit) as error:  # a module of a user's may raise anything
            kind, said, _ = told(error)
            errors[name] = NotLoaded(said, kind)
    there = [subject for subject in found if not subject.not_here]
    return Loaded(_told_apart(there), errors, not_here=_not_here(found))


def _not_here(found: Iterable[Subject]) -> dict[str, str]:
    return {subject.name: subject.not_here for subject in found if subject.not_here}


def _told_apart(found: Sequence[Subject]) -> list[Subject]:
    """Give each backend a name that no other has. Adapters of ours keep theirs, with all their routes."""
    names = Counter(subject.name for subject in found)
    return [
        replace(subject, name=f"{subject.name} ({subject.argument})")
        if subject.adapter is None and (names[subject.name] > 1 or registry.adapter_of(subject.name))
        else subject
        for subject in found
    ]


def not_here(loaded: Loaded) -> list[str]:
    """Write a line on each backend and environment that this machine cannot run."""
    return [f"Not here: {name}: {reason}" for name, reason in loaded.not_here.items()]


def missing(loaded: Loaded) -> list[str]:
    """Write a line on each backend that could be meant and is not installed, or cannot be used."""
    lines = not_here(loaded) + [
        f"Not installed, so not checked: {name} (pip install 'conv2d-reference-impl[{name}]')"
        for name, there in registry.installed().items()
        if not there
    ]
    lines += [f"Not checked: {name}: {error.said}" for name, error in loaded.unusable.items()]
    return lines + [f"Not checked: {why}" for why in registry.refused().values()]
