"""The process of a backend: it loads one framework's backends, or one of a user's, and makes the calls it is asked for.

It judges nothing: answers go back to the judge through shared memory. A child makes the calls, so that the next one
need not import the framework again when a call kills it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import numpy as np

from ...backends import registry
from ...backends.protocol import Capabilities, Misdeclared, takes_bias
from ...cases.case import Case
from ...verdicts.integers import integer_call
from ...verdicts.making_calls import answers_of, fill_and_free, repeated
from ..outcome import Record
from ..place import told
from ..subject import Subject
from . import batches, memory, stdout
from .channel import Closed, receive, send
from .descendants import VARIABLE, kill_descendants
from .guarded_arrays import GuardedArrays
from .shared_memory import Place, SharedMemory, aligned

Declared = tuple[str | None, str | None, str | None]
"""Why a call is unsupported, how it is composed, and how the declaration fails; None where it is, or does, not."""

_may_share_memory = np.may_share_memory  # before a backend can replace it
_MOST_QUOTED = 80
# A call that takes less is made again at once, if that is asked for.
_QUICK = 1.0  # seconds
_MOST_VERBOSE = 100_000
# Seconds between two looks at the memory of the child: at first and after each change, and at most.
_SHORTEST, _LONGEST = 0.02, 0.2
# Libraries that hold oneDNN, in the names of their files.
_HOLD_ONEDNN = ("libtorch_cpu", "libtensorflow", "_pywrap_tensorflow", "libopenvino_intel_cpu", "libdnnl", "libonednn")
_JOBS = (
    "describe",
    "routes",
    "declares",
    "call",
    "batch",
    "fetch",
    "growth",
    "diagnosis",
    "picture",
    "renew",
    "has_onednn",
    "verbose",
)


class Backends:
    """The backends of this process by name, loaded when they are first asked for."""

    def __init__(self, shared: SharedMemory | None) -> None:
        self.shared = shared
        self._loaded: dict[str, Subject] = {}
        self._failed: dict[str, Exception] = {}
        """The first error of each: a second attempt may fail otherwise, as where a build left a broken file."""
        self._last: dict[str, Any] = {}
        self._unfit: list[np.ndarray] = []
        """The bytes of answers of the last request that did not fit into the shared memory."""
        self._arrays = GuardedArrays()
        self.start = 0
        """The peak of the memory when the calls begin."""

    def subject(self, name: str) -> Subject:
        if name in self._failed:
            raise self._failed[name]
        if name not in self._loaded:
            try:
                self._loaded[name] = Subject.here(name)
            except Exception as error:
                self._failed[name] = error
                raise
        return self._loaded[name]

    def describe(self, name: str) -> dict[str, Any]:
        """Load a backend. Return what it declares."""
        subject = self.subject(name)
        declared = subject.capabilities
        return {
            "name": subject.name,
            "version": subject.version,
            "facts": _plain(subject.facts),
            "not_here": subject.not_here,
            "takes_bias": takes_bias(subject.backend),
            "declares_by_case": _declares_by_case(declared),
            "sets_threads": getattr(subject.backend, "on_one_thread", None) is not None,
            "capabilities": {
                "operations": list(declared.operations),
                "dtypes": list(declared.dtypes),
                "result_dtypes": dict(declared.result_dtypes),
                "share": declared.share,
                "flushes": list(declared.flushes),
                "factor": declared.factor,
                "planewise": declared.planewise,
                "citation": declared.citation,
                "unclaimed": dict(declared.unclaimed),
                "same_bits_on_any_threads": declared.same_bits_on_any_threads,
                "made_for": list(declared.made_for),
                "requires": list(declared.requires),
            },
        }

    def routes(self, name: str) -> list[str]:
        """The full names of the routes of an adapter."""
        return registry.routes(name)

    def declares(self, asked: dict[str, list[str]], cases: list[str]) -> dict[str, list[list[Declared]]]:
        """Return the declarations of each backend about each of its operations, for each of `cases`."""
        parsed = [Case.parse(case) for case in cases]
        found = {}
        for name, operations in asked.items():
            declared = self.subject(name).capabilities
            found[name] = [[_declared(declared, operation, case) for case in parsed] for operation in operations]
        return found

    def call(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Make one call, or several. The arguments, and then the answers, are in shared memory.

        A request may ask for the same call again. That is made as a request of its own, once the first answer is there.
        """
        begun = time.perf_counter()
        self._unfit = []
        found = self._called(name, request)
        quick = time.perf_counter() - begun < _QUICK
        if request["again"] and quick and _is_whole(found):
            assert self.shared is not None
            self.shared.map[request["first_made"]] = 1
            offset = request["offset"] + aligned(found["answers"][0].get("bytes", 0))
            found["again"] = self._called(name, {**request, "repeat": request["again"], "offset": offset})
        return found

    def _called(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        assert self.shared is not None
        self.shared.follow(request["size"])
        arrays = [Place(**_tuples(place)).view(self.shared) for place in request["arrays"]]
        backend = self.subject(name).backend
        threads = backend.on_one_thread if request["on_one_thread"] else contextlib.nullcontext
        functions: list[Callable[[], Any]] = []
        for operation, positional, options in request["calls"]:
            decoded = _decoded(positional, arrays)
            functions.append(partial(getattr(backend, operation), *decoded, **_decoded(options, arrays)))
        stdout.take()
        fill_and_free(request["fill"])
        try:
            with self._arrays.watch(request["guarded"]) as beyond, contextlib.ExitStack() as within:
                if request["repeat"]:
                    answers = repeated(_first_on_all(functions[0], threads, within), *request["repeat"])
                else:
                    within.enter_context(threads())
                    answers = answers_of(functions, request["threads"])
        except Exception as error:  # a backend may raise anything
            return {"raised": told(error), **_observed(self.start)}
        offset, found = request["offset"], []
        for (operation, *_), answer in zip(cycle(request["calls"]), answers, strict=False):
            found.append(self._answered(f"{name} {operation}", answer, arrays, offset))
            offset += aligned(found[-1].get("bytes", 0))
        return {"answers": found, "beyond": beyond, **_observed(self.start)}

    def batch(
        self, name: str, places: dict[str, Any], size: int, first: int, last: int, time_limit: float
    ) -> dict[str, Any]:
        """Make many calls. Rows, arguments and answers are in shared memory; see `batches`."""
        assert self.shared is not None
        self.shared.follow(size)
        subject, view = self.subject(name), batches.Places(**places).view(self.shared)
        batches.make_batch(subject.backend, subject.capabilities, view, places["dtype"], first, last, time_limit)
        return _observed(self.start)

    def _answered(self, key: str, answer: Any, arrays: list[np.ndarray], offset: int) -> dict[str, Any]:
        if not isinstance(answer, np.ndarray) or isinstance(answer, np.ma.MaskedArray):
            return {"type": type(answer).__name__}
        former, self._last[key] = self._last.get(key), answer
        plain = np.asarray(answer)
        contiguous = np.empty(0) if plain.dtype.hasobject else np.ascontiguousarray(plain)
        raw = contiguous.reshape(-1).view(np.uint8)
        told: dict[str, Any] = {
            "shape": list(plain.shape),
            "dtype": plain.dtype.name,
            "offset": offset,
            "bytes": self._put(raw, offset),
            "needs": raw.size,
            "in_former": former is not None and bool(_may_share_memory(former, answer)),
            "in_argument": any(_may_share_memory(answer, array) for array in arrays),
        }
        if told["bytes"] < raw.size:
            told["unfit"] = len(self._unfit)
            self._unfit.append(raw)
        return told

    def fetch(self, unfit: int, offset: int, size: int) -> int:
        """Put an answer that did not fit into shared memory, which is larger now. Return its size in bytes."""
        assert self.shared is not None
        self.shared.follow(size)
        return self._put(self._unfit[unfit], offset)

    def _put(self, raw: np.ndarray, offset: int) -> int:
        """Put bytes into shared memory. Return their number, or 0 if they do not fit."""
        assert self.shared is not None
        if offset + raw.size > self.shared.size:
            return 0
        np.frombuffer(self.shared.map, np.uint8, raw.size, offset)[:] = raw
        return int(raw.size)

    def growth(self, name: str, operation: str, case: str, seed: int) -> tuple[int, int]:
        """Make the same call many times. Return how often, and by how many bytes the process grew."""
        call = integer_call(Case.parse(case), operation, seed)
        return memory.growth(partial(call.run, self.subject(name).backend))

    def diagnosis(
        self, name: str, record: dict[str, Any], plain: bool = False, outcomes: Sequence[tuple[str, str]] = ()
    ) -> list[str]:
        """Diagnose a failure: the lines that explain it. `plain` asks non-empty integer calls only.

        `outcomes` are those of other cases of the run.
        """
        from ...diagnosis import diagnose  # by its name: it stands above `run`, and its catalogue is large

        return diagnose(self.subject(name), Record(**record), plain=plain, outcomes=outcomes).lines

    def picture(self, name: str, record: dict[str, Any], path: str) -> str | None:
        """Draw a failure to a file. Return the reason if it cannot be drawn."""
        from ...drawing.failures import draw_failure  # by its name: it stands above `run`, and needs matplotlib

        return draw_failure(self.subject(name), Record(**record), Path(path))

    def has_onednn(self, name: str) -> bool:
        """Return True if a library that holds oneDNN is loaded in this process."""
        self.subject(name)
        try:
            mapped = Path("/proc/self/maps").read_text("utf-8", errors="replace")
        except OSError:
            return False
        return any(library in mapped for library in _HOLD_ONEDNN)

    def verbose(self, name: str, operation: str, case: str, seed: int) -> str:
        """Make one call. Return what it wrote to stdout, of which oneDNN's lines are a part."""
        call = integer_call(Case.parse(case), operation, seed)
        backend = self.subject(name).backend
        stdout.take()
        with contextlib.suppress(Exception):  # the lines before the error are wanted
            call.run(backend)
        return stdout.take()[-_MOST_VERBOSE:].decode(errors="replace")

    def renew(self) -> None:
        """End this child: the next one has only what was there when the backends were loaded."""
        os._exit(0)


def _is_whole(found: dict[str, Any]) -> bool:
    """True if a call gave an answer that had room, and nothing else is to be said of it."""
    if "raised" in found or found["beyond"] or found["grown"]:
        return False
    (answer,) = found["answers"]
    return "type" not in answer and answer["bytes"] == answer["needs"]


def _first_on_all(
    function: Callable[[], Any], threads: Callable[[], Any], within: contextlib.ExitStack
) -> Callable[[], Any]:
    """Return a function that makes the first call on all threads, and all further ones `within` `threads`.

    To set the number of threads empties a cache of torch's, so it is set once and not for each call.
    """
    numbers = count()

    def call() -> Any:
        if next(numbers) == 1:
            within.enter_context(threads())
        return function()

    return call


def _declares_by_case(declared: Capabilities) -> bool:
    """True if functions of the backend decide which calls it supports, or how they are composed."""
    as_usual = type(declared) is Capabilities and declared.composed is Capabilities.composed
    return bool(declared.lacks) or not as_usual


def _declared(declared: Capabilities, operation: str, case: Case) -> Declared:
    try:
        lack = declared.unsupported(operation, case)
        return lack, None if lack else declared.composition(operation, case), None
    except Misdeclared as error:
        return None, None, str(error)


def _observed(start: int) -> dict[str, Any]:
    """Return the beginning of what a call wrote to stdout, its size, and whether the process has grown too much."""
    written = stdout.take()
    begins = written.decode(errors="replace").strip().partition("\n")[0][:_MOST_QUOTED]
    grown = memory.peak() - start > memory.LIMIT // 2
    return {"printed": len(written), "begins": begins, "grown": grown}


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple | set | frozenset) else value for name, value in facts.items()}


def _tuples(place: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in place.items()}


def _decoded(value: Any, arrays: list[np.ndarray]) -> Any:
    """The arguments of a call: lists stand for tuples, {"array": k} for an array."""
    if isinstance(value, list):
        return tuple(_decoded(item, arrays) for item in value)
    if isinstance(value, dict):
        if set(value) == {"array"}:
            return arrays[value["array"]]
        return {name: _decoded(item, arrays) for name, item in value.items()}
    return value


IsLeft = Callable[[int], bool]
"""True if the process that asks has ended. It is given the descriptor that requests come from."""


def main(descriptor: str, *names: str) -> None:
    """Load the backends, then serve. `descriptor` is that of the shared memory; it is followed by its size."""
    asker = os.getppid()
    run(descriptor, names, lambda requests: os.getppid() != asker)


def run(descriptor: str, names: Sequence[str], is_left: IsLeft) -> None:
    """Do what `main` does, also in a process that was forked."""
    mark = os.environ.get(VARIABLE, "")  # before a backend can change it
    answers = stdout.redirect()  # text that a backend prints is no answer
    requests = take_stdin()
    number, size = map(int, descriptor.split(":"))
    if not any(map(registry.adapter_of, names)):  # frameworks have memory of their own
        memory.keep_freed()
    backends = Backends(SharedMemory(number, size))
    gc.disable()  # collecting garbage takes a fifth of an import, and finds next to none
    for name in names:
        with contextlib.suppress(Exception):  # it is raised again when the backend is asked for
            backends.subject(name)
    gc.freeze()
    gc.enable()
    stdout.take()  # printing while it is loaded is no fault
    while (child := os.fork()) != 0:
        status, taken = _end_of(child, lambda: is_left(requests), mark)
        wrote = stdout.take()[-_MOST_VERBOSE:]
        os.write(2, wrote[-_MOST_QUOTED:])  # its last words
        send(answers, {"died": status, "taken": taken, "wrote": wrote.decode(errors="replace")})
    backends.start = memory.peak()
    _serve(backends, requests, answers)
    _end_all(mark)


def is_hung_up(requests: int) -> bool:
    """True if no process is left that could write a request."""
    poll = select.poll()
    poll.register(requests, 0)
    return bool(poll.poll(0))


def _end_all(mark: str) -> None:
    """End this process, its group, and what backends started."""
    kill_descendants(mark)
    os.killpg(0, signal.SIGKILL)


def _end_of(child: int, is_left: Callable[[], bool], mark: str) -> tuple[int, int | None]:
    """Wait for the child. Return its exit status and, if it is ended for taking memory, how many bytes it took.

    Nothing outlives the process that asks, even a child that hangs.
    """
    taken, start = None, memory.held(child)
    held, seconds = start, _SHORTEST
    with _end_seen(child) as wait:
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status), taken
            before, held = held, memory.held(child)
            if held - start > memory.LIMIT:
                taken = held - start
                os.kill(child, signal.SIGKILL)
            if is_left():
                _end_all(mark)
            # Most processes of a run are idle, and to look at 40 of them often takes a third of a processor.
            seconds = min(2 * seconds, _LONGEST) if held == before else _SHORTEST
            wait(seconds)


@contextlib.contextmanager
def _end_seen(child: int) -> Iterator[Callable[[float], Any]]:
    """Give a function that waits so many seconds, or until the child ends. Without pidfd it waits _SHORTEST."""
    try:
        descriptor = os.pidfd_open(child)
    except (AttributeError, OSError):  # not Linux, or an old one
        yield lambda seconds: time.sleep(_SHORTEST)
        return
    try:
        yield partial(select.select, [descriptor], [], [])
    finally:
        os.close(descriptor)


def take_stdin() -> int:
    """Give backends an empty stdin. Return a descriptor of the former one, through which jobs come."""
    former = os.dup(0)
    with open(os.devnull) as empty:
        os.dup2(empty.fileno(), 0)
    return former


def _serve(backends: Backends, requests: int, answers: int) -> None:
    jobs: dict[str, Callable[..., Any]] = {name: getattr(backends, name) for name in _JOBS}
    while True:
        try:
            job, arguments = receive(requests)
        except Closed:
            return
        try:
            answer = {"answer": jobs[job](*arguments)}
        except Exception as error:  # a backend may raise anything
            answer = {"raised": told(error)}
        send(answers, answer)
