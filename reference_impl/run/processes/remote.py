"""A backend in a process of its own, as if it were here: the same four operations, the same declarations."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ...backends.protocol import Capabilities, Misdeclared
from ...cases.case import Case
from ...geometry import Convolution
from ...operations import OPERATIONS
from ...verdicts.agreement import Disagreement
from .shared_memory import Sent, SharedMemory, answer_in
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
        """Make one call.

        Raises Raised if the backend raises an error, Died if its process dies or hangs, and Disagreement if the call
        writes outside the elements of its arguments.
        """
        with self._lock:
            if self.hung.get(name, 0) >= MOST_HUNG:
                raise Hung(f"not asked: {MOST_HUNG} calls before gave no answer within {self.time_limit:g} s")
            return self._call(name, operation, positional, options, fill)

    def _call(self, name: str, operation: str, positional: tuple, options: dict[str, Any], fill: int) -> Answer:
        self.printed = 0, ""
        sent: list[Sent] = []
        encoded = [self._encoded(value, sent) for value in positional]
        encoded_options = {key: self._encoded(value, sent) for key, value in options.items()}
        offset = sent[-1].end if sent else 0
        self._shared.grow(offset + fill)
        request = {
            "positional": encoded,
            "options": encoded_options,
            "arrays": [vars(one.place) for one in sent],
            "size": self._shared.size,
            "offset": offset,
            "fill": fill,
        }
        try:
            answer = self._worker.ask("call", name, operation, request, time_limit=self.time_limit)
        except Hung:
            self.hung[name] = self.hung.get(name, 0) + 1
            raise
        self.printed = (answer.get("printed", 0), answer.get("begins", ""))
        for argument, one in zip(_names(positional, options), sent, strict=False):
            wrote = one.received(self._shared)
            if wrote is not None:
                self._renew()
                raise Disagreement(f"a call must not write outside its arguments; of the {argument}, {wrote}")
        received = self._received(answer, offset)
        if answer["grown"]:
            self._renew()
        return received

    printed: tuple[int, str] = (0, "")
    """Bytes that the last call wrote to stdout, and how they begin."""

    def _received(self, answer: dict[str, Any], offset: int) -> Answer:
        if "raised" in answer:
            if answer["grown"]:
                self._renew()
            raise Raised(*answer["raised"])
        if "type" in answer:
            return Answer(type(str(answer["type"]), (NotAnArray,), {})())
        if answer["needs"] and not answer["bytes"]:
            self._shared.grow(offset + answer["needs"])
            answer["bytes"] = self._worker.ask("fetch", offset, self._shared.size)
        return Answer(answer_in(self._shared, answer, offset), answer["in_former"], answer["in_argument"])

    def _encoded(self, value: Any, sent: list[Sent]) -> Any:
        if isinstance(value, np.ndarray):
            sent.append(Sent(value, self._shared, sent[-1].end if sent else 0))
            return {"array": len(sent) - 1}
        if isinstance(value, tuple | list):
            return [self._encoded(item, sent) for item in value]
        return value.item() if isinstance(value, np.generic) else value

    def _renew(self) -> None:
        """Exchange the child that makes the calls for a fresh one."""
        with contextlib.suppress(Died):  # as it is told to
            self._worker.ask("renew")

    def close(self) -> None:
        """End the process."""
        self._worker.close(for_good=True)


def _names(positional: tuple, options: dict[str, Any]) -> list[str]:
    """The names of the arrays among the arguments, for messages."""
    ordinal = ["first argument", "second argument", "third argument"]
    names = [ordinal[place] for place, value in enumerate(positional) if isinstance(value, np.ndarray)]
    return names + [name for name, value in options.items() if isinstance(value, np.ndarray)]


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
        self._declared: dict[tuple[str, str], Any] = {}
        self.capabilities = RemoteCapabilities.of(described["capabilities"], self._declares)
        self.in_former_memory = self.in_argument_memory = False
        self._printed = 0, ""
        for operation in OPERATIONS:
            if operation in self.capabilities.operations:
                setattr(self, operation, self._operation(operation))

    def take_printed(self) -> tuple[int, str]:
        """How many bytes were written to stdout since this was last asked, and how they begin."""
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
            fill = _bytes_of_answer(operation, positional, options)
            try:
                answer = self.process.call(self.argument, operation, positional, options, fill)
            finally:
                size, begins = self.process.printed
                self._printed = self._printed[0] + size, self._printed[1] or begins
            self.in_former_memory, self.in_argument_memory = answer.in_former, answer.in_argument
            return answer.value

        return call


def _bytes_of_answer(operation: str, positional: tuple, options: dict[str, Any]) -> int:
    """The size of a right answer; 0 if the call is invalid."""
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
