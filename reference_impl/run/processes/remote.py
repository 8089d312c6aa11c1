"""A backend in a process of its own, as if it were here: the same four operations, the same declarations."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ...backends import registry
from ...backends.protocol import Capabilities, Misdeclared
from ...cases.case import Case
from ...geometry import Convolution
from ...operations import OPERATIONS
from ...verdicts.agreement import Disagreement
from ...verdicts.call import Call
from .shared_memory import Place, Sent, SharedMemory, aligned, answer_in, span
from .worker import TIME_LIMIT, Died, Hung, Raised, Worker

CALL_TIME_LIMIT = 60.0  # seconds
# After so many calls without an answer in time, a backend is asked no more.
MOST_HUNG = 3


class NotAnArray:
    """Stands for an answer that is no array. Its type has the name of the answer's type."""


@dataclass(frozen=True, eq=False)
class Answer:
    """One answer, with what the other process saw of it."""

    value: Any
    in_former: bool = False
    """It shares memory with the answer before it."""
    in_argument: bool = False
    """It shares memory with an argument."""


class BackendProcess:
    """A process that has loaded the backends of these names: of one framework, or one of a user's."""

    def __init__(self, *names: str, environment: Mapping[str, str] | None = None, time_limit: float = CALL_TIME_LIMIT):
        self.names, self.time_limit = names, time_limit
        self.hung: dict[str, int] = {}
        self._shared = SharedMemory.make()
        self._lock = threading.RLock()
        descriptor = f"{self._shared.descriptor}:{self._shared.size}"
        self._worker = Worker(
            "backend_process",
            [descriptor, *names],
            environment=environment,
            descriptors=[self._shared.descriptor],
        )

    def ask(self, job: str, *arguments: Any, time_limit: float | None = None) -> Any:
        """Run another job than a call. Raises Died, or Raised."""
        with self._lock:
            return self._worker.ask(job, *arguments, time_limit=TIME_LIMIT if time_limit is None else time_limit)

    def call(self, name: str, operation: str, positional: tuple, options: dict[str, Any], fill: int) -> Answer:
        """Make one call. `fill` is the size of a right answer, in bytes.

        Raises Raised if the backend raises an error, Died if its process dies or hangs, and Disagreement if the call
        writes outside the elements of its arguments.
        """
        (answer,) = self.calls(name, [(operation, positional, options)], fill)
        return answer

    def calls(
        self, name: str, calls: Sequence[tuple[str, tuple, dict[str, Any]]], fill: int, threads: int = 1
    ) -> list[Answer]:
        """Make several calls, in turn or in as many threads at once, and look at their answers after the last.

        Each of `calls` has an operation, its positional arguments and its options. Raises as `call` does.
        """
        with self._lock:
            if self.hung.get(name, 0) >= MOST_HUNG:
                raise Hung(f"not asked: {MOST_HUNG} calls before gave no answer within {self.time_limit:g} s")
            # Frameworks compute in memory of their own. Where there is no right answer, the call may end in an error.
            guarded = fill > 0 and name.partition(":")[0] not in registry.ADAPTERS
            self._has_guarded = self._has_guarded or guarded
            try:
                return self._calls(name, calls, fill, threads, guarded=guarded)
            except Hung:
                raise
            except (Died, Raised) as error:
                if not guarded or (isinstance(error, Raised) and error.kind not in _OF_GUARDS):
                    raise
            return self._calls(name, calls, fill, threads, guarded=False)

    _has_guarded = False
    """The child may hold arrays with guards. Python must not free these while an error is on its way."""

    def without_guards(self) -> None:
        """Make sure that no array with guards is left, before calls that should end in an error."""
        with self._lock:
            if self._has_guarded:
                self.renew()
            self._has_guarded = False

    def _calls(
        self, name: str, calls: Sequence[tuple[str, tuple, dict[str, Any]]], fill: int, threads: int, *, guarded: bool
    ) -> list[Answer]:
        self.printed = 0, ""
        given = _arrays(calls)
        sent, places = self._send([array for _, array in given])
        number = {id(array): index for index, (_, array) in enumerate(given)}
        offset = sent[-1].end if sent else 0
        self._shared.grow(offset + len(calls) * aligned(fill))
        request = {
            "calls": [[operation, *(_encoded(part, number) for part in parts)] for operation, *parts in calls],
            "arrays": [vars(place) for place in places],
            "size": self._shared.size,
            "offset": offset,
            "fill": fill,
            "threads": threads,
            "guarded": guarded,
        }
        try:
            told = self._worker.ask("call", name, request, time_limit=self.time_limit)
        except Hung:
            self.hung[name] = self.hung.get(name, 0) + 1
            raise
        self.printed = (told.get("printed", 0), told.get("begins", ""))
        for one in sent:
            wrote = one.received(self._shared)
            if wrote is not None:
                argument = next(word for word, array in given if array is one.array)
                self.renew()
                raise Disagreement(f"a call must not write outside its arguments; of the {argument}, {wrote}")
        if "raised" in told:
            if told["grown"]:
                self.renew()
            raise Raised(*told["raised"])
        if told["beyond"]:
            self.renew()
            raise Disagreement(f"a call must not write outside its arrays; {told['beyond'][0]}")
        received = [self._received(answer) for answer in told["answers"]]
        if told["grown"]:
            self.renew()
        return received

    def _send(self, arrays: Sequence[np.ndarray]) -> tuple[list[Sent], list[Place]]:
        """Put arrays into shared memory. One that lies within another keeps its place there."""
        sent: list[Sent] = []
        places: dict[int, Place] = {}
        for array in sorted(arrays, key=span, reverse=True):
            within = next((one for one in sent if one.holds(array)), None)
            if within is None:
                within = Sent(array, self._shared, sent[-1].end if sent else 0)
                sent.append(within)
            places[id(array)] = within.place_of(array)
        return sent, [places[id(array)] for array in arrays]

    printed: tuple[int, str] = (0, "")
    """Bytes that the last call wrote to stdout, and how they begin."""

    def _received(self, answer: dict[str, Any]) -> Answer:
        if "type" in answer:
            return Answer(type(str(answer["type"]), (NotAnArray,), {})())
        if answer["needs"] and not answer["bytes"]:
            self._shared.grow(answer["offset"] + answer["needs"])
            answer["bytes"] = self._worker.ask("fetch", answer["offset"], self._shared.size)
        return Answer(answer_in(self._shared, answer, answer["offset"]), answer["in_former"], answer["in_argument"])

    def renew(self) -> None:
        """Exchange the child that makes the calls for a fresh one."""
        with contextlib.suppress(Died):  # as it is told to
            self._worker.ask("renew")

    def close(self) -> None:
        """End the process."""
        self._worker.close(for_good=True)


# The guards themselves may fail so, if the kernel frees an array while an error is on its way: then it is asked again.
_OF_GUARDS = ("ArgumentError", "SystemError")
_ORDINALS = ("first argument", "second argument", "third argument")


def _arrays(calls: Sequence[tuple[str, tuple, dict[str, Any]]]) -> list[tuple[str, np.ndarray]]:
    """Each array among the arguments, once, with its name for messages."""
    found: dict[int, tuple[str, np.ndarray]] = {}
    for _, positional, options in calls:
        for word, value in (*zip(_ORDINALS, positional, strict=False), *options.items()):
            if isinstance(value, np.ndarray):
                found.setdefault(id(value), (word, value))
    return list(found.values())


def _encoded(value: Any, number: dict[int, int]) -> Any:
    """The arguments of a call as JSON: {"array": k} stands for an array, and lists for tuples."""
    if isinstance(value, np.ndarray):
        return {"array": number[id(value)]}
    if isinstance(value, dict):
        return {key: _encoded(item, number) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_encoded(item, number) for item in value]
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True)
class RemoteCapabilities(Capabilities):
    """The declarations of a backend in another process. Its functions are asked there."""

    declares: Callable[[str, Sequence[str]], Sequence[Any]] = field(
        default=lambda operation, cases: [(None, None, None)] * len(cases)
    )

    def unsupported(self, operation: str, case: Case) -> str | None:
        known = super().unsupported(operation, case)
        return known if known is not None else self._declared(operation, case)[0]

    def composition(self, operation: str, case: Case) -> str | None:
        return self._declared(operation, case)[1]

    def supports(self, operation: str, case: Case) -> bool:
        try:
            return super().supports(operation, case)
        except Died:  # the judge asks again, and reports it
            return True

    def supported(self, operation: str, cases: Iterable[Case]) -> list[Case]:
        cases = list(cases)
        try:
            self.declares(operation, list(map(str, cases)))  # all at once
        except Died:
            return cases
        return super().supported(operation, cases)

    def _declared(self, operation: str, case: Case) -> tuple[str | None, str | None]:
        ((lack, composed, misdeclared),) = self.declares(operation, [str(case)])
        if misdeclared is not None:
            raise Misdeclared(misdeclared)
        return lack, composed

    @classmethod
    def of(
        cls, declared: dict[str, Any], declares: Callable[[str, Sequence[str]], Sequence[Any]]
    ) -> RemoteCapabilities:
        given = {one.name: declared[one.name] for one in fields(Capabilities) if one.name in declared}
        tuples: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in given.items()}
        return cls(**tuples, declares=declares)


class RemoteBackend:
    """A backend in another process, with the operations that it declares."""

    def __init__(self, process: BackendProcess, argument: str, described: dict[str, Any]) -> None:
        self.process, self.argument = process, argument
        self.name, self.version = str(described["name"]), str(described["version"])
        self.facts = {
            name: tuple(value) if isinstance(value, list) else value for name, value in described["facts"].items()
        }
        self.takes_bias = tuple(described["takes_bias"])
        self._declared: dict[tuple[str, str], Any] = {}
        self.capabilities = RemoteCapabilities.of(described["capabilities"], self._declares)
        self.in_former_memory = self.in_argument_memory = False
        self._printed = 0, ""
        for operation in OPERATIONS:
            if operation in self.capabilities.operations:
                setattr(self, operation, self._operation(operation))

    def take_printed(self) -> tuple[int, str]:
        """Return the number of bytes written to stdout since this was last asked, and their beginning."""
        taken, self._printed = self._printed, (0, "")
        return taken

    def _declares(self, operation: str, cases: Sequence[str]) -> list[Any]:
        if len(self._declared) > 100_000:
            self._declared.clear()
        new = [case for case in cases if (operation, case) not in self._declared]
        if new:
            answers = self.process.ask("declares", self.argument, operation, new)
            self._declared.update(zip(((operation, case) for case in new), answers, strict=True))
        return [self._declared[operation, case] for case in cases]

    def _operation(self, operation: str) -> Callable[..., Any]:
        def call(*positional: Any, **options: Any) -> Any:
            return self._asked([(operation, positional, options)])[0]

        return call

    def make_together(self, calls: Sequence[Call], threads: int) -> list[Any]:
        """Make several calls, in turn or at once, and return all answers as they are after the last."""
        return self._asked([(call.operation, call.positional(), call.case.options) for call in calls], threads)

    def _asked(self, calls: Sequence[tuple[str, tuple, dict[str, Any]]], threads: int = 1) -> list[Any]:
        fill = max(_bytes_of_answer(*call) for call in calls)
        try:
            answers = self.process.calls(self.argument, calls, fill, threads)
        finally:
            size, begins = self.process.printed
            self._printed = self._printed[0] + size, self._printed[1] or begins
        self.in_former_memory = any(answer.in_former for answer in answers)
        self.in_argument_memory = any(answer.in_argument for answer in answers)
        return [answer.value for answer in answers]


def _bytes_of_answer(operation: str, positional: tuple, options: dict[str, Any]) -> int:
    """The size of a right answer; 0 if the call is invalid."""
    options = {name: value for name, value in options.items() if name != "bias"}
    try:
        if operation == "conv2d":
            input, filters = positional
            output = Convolution.checked(input.shape, filters.shape, **options).output_shape
            return int(np.prod(output)) * input.dtype.itemsize
        sizes = positional[1] if operation == "conv2d_backprop_filter" else positional[0]
        sizes = positional[2] if operation == "conv2d_transpose" else sizes
        arrays = [value for value in positional if isinstance(value, np.ndarray)]
        return int(np.prod(sizes)) * arrays[0].dtype.itemsize if len(sizes) == 4 and min(sizes) >= 0 else 0
    except Exception:  # an invalid call has no answer
        return 0
