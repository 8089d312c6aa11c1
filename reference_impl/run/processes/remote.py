"""A backend in a process of its own, as if it were here: the same four operations, the same declarations."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np

from ...backends.protocol import Capabilities, Misdeclared
from ...backends.registry import adapter_of
from ...cases.case import Case
from ...geometry import Convolution
from ...operations import OPERATIONS
from ...verdicts.call import Call, numpy_dtype
from ...verdicts.trial import SPLIT
from .asking import BackendProcess
from .late_deaths import LateDeath
from .requests import OneCall, Request
from .worker import Died


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
        cls, declared: dict[str, Any], declares: Callable[[str, Sequence[str]], Sequence[Any]] | None = None
    ) -> RemoteCapabilities:
        given = {one.name: declared[one.name] for one in fields(Capabilities) if one.name in declared}
        tuples: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in given.items()}
        return cls(**tuples) if declares is None else cls(**tuples, declares=declares)


class RemoteBackend:
    """A backend in another process, with the operations that it declares."""

    def __init__(self, process: BackendProcess, argument: str, described: dict[str, Any]) -> None:
        self.process, self.argument = process, argument
        self.name, self.version = str(described["name"]), str(described["version"])
        self.facts = {
            name: tuple(value) if isinstance(value, list) else value for name, value in described["facts"].items()
        }
        self.not_here = described["not_here"]
        self.takes_bias = tuple(described["takes_bias"])
        # A backend that declares nothing by case need not be asked about each.
        declares = self._declares if described["declares_by_case"] else None
        self.capabilities = RemoteCapabilities.of(described["capabilities"], declares)
        is_ours = adapter_of(argument) is not None
        if is_ours and declares is not None:
            process.declaring[argument] = list(self.capabilities.operations)
        self._sets_threads = described["sets_threads"] and is_ours and not process.threads_chosen
        self.in_former_memory = self.in_argument_memory = self.first_on_all_threads = self._may_damage = False
        self._printed = 0, ""
        self._offer_operations()

    def _offer_operations(self) -> None:
        for operation in OPERATIONS:
            if operation in self.capabilities.operations:
                setattr(self, operation, self._operation(operation))

    def known_to_damage(self) -> RemoteBackend:
        """Return the same backend for a call that is known to damage memory, in the process for these."""
        other = copy.copy(self)
        other._may_damage, other.process = True, self.process.for_damage()
        other._offer_operations()
        return other

    def take_printed(self) -> tuple[int, str]:
        """Return the number of bytes written to stdout since this was last asked, and their beginning."""
        taken, self._printed = self._printed, (0, "")
        return taken

    def _declares(self, operation: str, cases: Sequence[str]) -> list[Any]:
        known, name = self.process.declared, self.argument
        if len(known) > 500_000:
            known.clear()
        new = [case for case in cases if (name, operation, case) not in known]
        if new:
            asked = self._soon_asked(operation, len(new))
            for other, answers in self.process.ask("declares", asked, new).items():
                for one, declared in zip(asked[other], answers, strict=True):
                    known.update(zip(((other, one, case) for case in new), declared, strict=True))
        return [known[name, operation, case] for case in cases]

    def _soon_asked(self, operation: str, count: int) -> dict[str, list[str]]:
        """The operations to ask for by backend, where `operation` is asked for on so many cases.

        A function of a user's may die, and of one operation only. A run soon asks ours for all, and one case of all
        routes of a framework.
        """
        ours = self.process.declaring
        if self.argument not in ours:
            return {self.argument: [operation]}
        asked = ours if count == 1 else {self.argument: ours[self.argument]}
        return {**asked, self.argument: list(dict.fromkeys([operation, *ours[self.argument]]))}

    def _operation(self, operation: str) -> Callable[..., Any]:
        def call(*positional: Any, **options: Any) -> Any:
            return self._asked([(operation, positional, options)])[0]

        return call

    def make_alone(self, call: Call) -> Any:
        """Make one call: on one thread if it is small, and if our adapter can set that."""
        return self._asked([_one_call(call)], on_one_thread=self._is_for_one_thread(call))[0]

    def make_together(self, calls: Sequence[Call], threads: int) -> list[Any]:
        """Make several calls, in turn or at once, and return all answers as they are after the last."""
        return self._asked([_one_call(call) for call in calls], threads)

    def make_repeatedly(self, call: Call, times: int, seconds: float) -> list[Any]:
        """Make one call up to `times` times, for so many seconds at most, and return the answers.

        Where `make_alone` takes one thread, the first of these has all of them, and the others have one.
        """
        self.first_on_all_threads = self._is_for_one_thread(call)
        return self._asked([_one_call(call)], repeat=(times, seconds), on_one_thread=self.first_on_all_threads)

    def make_and_repeat(
        self, call: Call, times: int, seconds: float
    ) -> tuple[Any, tuple[list[Any], bool] | Exception | None]:
        """Make one call. Return the answer and, if it was made again too, what `make_repeatedly` gives, or its error.

        It is asked for both at once, which spares an exchange with its process.
        """
        if self._may_damage:
            return self.make_alone(call), None
        self.first_on_all_threads = self._is_for_one_thread(call)
        (answer,) = self._asked([_one_call(call)], again=(times, seconds), on_one_thread=self.first_on_all_threads)
        found = self.process.repeated
        if found is None or isinstance(found, Exception):
            return answer, found
        return answer, ([each.value for each in found], any(each.in_former for each in found))

    def _is_for_one_thread(self, call: Call) -> bool:
        """True for a small call of an adapter that sets threads. One that is known to damage memory may need two."""
        return self._sets_threads and not self._may_damage and call.case.multiply_adds < SPLIT

    def take_late_deaths(self) -> list[LateDeath]:
        """Return the late deaths that were looked into since this was last asked."""
        taken, self.process.late_deaths = self.process.late_deaths, []
        return taken

    def _asked(
        self,
        calls: Sequence[OneCall],
        threads: int = 1,
        repeat: tuple[int, float] | None = None,
        *,
        on_one_thread: bool = False,
        again: tuple[int, float] | None = None,
    ) -> list[Any]:
        fill = max(_bytes_of_answer(self.capabilities, *call) for call in calls)
        request = Request(self.argument, tuple(calls), fill, threads, repeat, self._may_damage, on_one_thread, again)
        try:
            answers = self.process.make(request)
        finally:
            size, begins = self.process.printed
            self._printed = self._printed[0] + size, self._printed[1] or begins
        self.in_former_memory = any(answer.in_former for answer in answers)
        self.in_argument_memory = any(answer.in_argument for answer in answers)
        return [answer.value for answer in answers]


def _one_call(call: Call) -> OneCall:
    return call.operation, call.positional(), call.case.options


def _bytes_of_answer(declared: Capabilities, operation: str, positional: tuple, options: dict[str, Any]) -> int:
    """The size of a right answer; 0 if the call is invalid."""
    options = {name: value for name, value in options.items() if name != "bias"}
    try:
        if operation == "conv2d":
            input, filters = positional
            return _elements(input.shape, filters.shape, tuple(options.items())) * _item(declared, input)
        sizes = positional[1] if operation == "conv2d_backprop_filter" else positional[0]
        sizes = positional[2] if operation == "conv2d_transpose" else sizes
        array = next(value for value in positional if isinstance(value, np.ndarray))
        return math.prod(sizes) * _item(declared, array) if len(sizes) == 4 and min(sizes) >= 0 else 0
    except Exception:  # an invalid call has no answer
        return 0


def _item(declared: Capabilities, array: np.ndarray) -> int:
    """Bytes of one element of the answer to arguments of this dtype."""
    return numpy_dtype(declared.result_dtype(array.dtype.name)).itemsize


def _elements(input_shape: tuple[int, ...], filter_shape: tuple[int, ...], options: tuple) -> int:
    """The number of elements of an output of `conv2d`."""
    try:
        return _elements_kept(input_shape, filter_shape, options)
    except TypeError:  # lists, for example, cannot be kept
        return _elements_kept.__wrapped__(input_shape, filter_shape, options)


@lru_cache(4096)
def _elements_kept(input_shape: tuple[int, ...], filter_shape: tuple[int, ...], options: tuple) -> int:
    return int(np.prod(Convolution.checked(input_shape, filter_shape, **dict(options)).output_shape))  # type: ignore[arg-type]
