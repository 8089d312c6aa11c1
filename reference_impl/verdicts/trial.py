"""Trial: the answers of one backend to one task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..backends.protocol import Capabilities, takes_bias
from ..cases.case import Case
from ..exact.formats import FORMATS
from . import agreement
from .agreement import Accuracy
from .bits import same_bytes
from .call import Call, numpy_dtype, sums_that_fit
from .making_calls import answers_of, fill_and_free, repeated
from .real_data import RealTask
from .task import Task


@dataclass(frozen=True)
class Remark:
    """An observation on a right answer; `mistrusted` if the data proved too little."""

    text: str
    mistrusted: bool = False


Found = Accuracy | Remark | None


@dataclass
class Trial:
    """The answers of one backend to one task. Each is asked for when a check first needs it."""

    backend: Any
    task: Task
    declared: Capabilities
    spares: Callable[[str, Case], bool] = lambda operation, case: False
    """True for another call that the backend is known to fail, so that a check need not make it."""
    repeats: bool = False
    """True if the first call is surely made again, so that both can be asked for at once."""
    _repeated: tuple[list[Any], bool] | Exception | None = field(default=None, init=False)

    @property
    def dtype(self) -> str:
        """The dtype of a right answer."""
        return self.declared.result_dtype(self.task.case.dtype)

    @cached_property
    def given(self) -> Call:
        """The call with copies of the arguments for this backend, so that it shows if it writes to them."""
        return self.task.call.with_arrays(np.copy)

    @cached_property
    def own_answer(self) -> Any:
        """The object that the backend returned."""
        if self.repeats and self._is_apart:
            times = times_again(self.task.case)
            answer, self._repeated = self.backend.make_and_repeat(self.given, times, SECONDS)
            return answer
        return self._made(self.given)

    @cached_property
    def answer(self) -> Any:
        """A copy of the answer, as the backend may write to its own buffers later."""
        return plain(self.own_answer)

    @cached_property
    def real_answer(self) -> np.ndarray:
        return self.ask(self.task.real.call, self.task.expected.shape, on_all_threads=True)

    def ask(
        self, call: Call, shape: tuple[int, ...], *, as_it_is: bool = False, on_all_threads: bool = False
    ) -> np.ndarray:
        """Ask the backend another call, on copies unless `as_it_is`, and require the right shape and dtype.

        `on_all_threads` is for roundings, which depend on the number of threads. See `RemoteBackend.make_alone`.
        """
        answer = plain(self._made(call if as_it_is else call.with_arrays(np.copy), on_all_threads=on_all_threads))
        agreement.assert_shape_and_dtype(answer, shape, self.dtype)
        return answer

    def _made(self, call: Call, *, on_all_threads: bool = False) -> Any:
        if self._is_apart and not on_all_threads:
            return self.backend.make_alone(call)
        if not self._is_apart:  # a backend in another process does so there
            fill_and_free(self.task.expected.size * numpy_dtype(self.dtype).itemsize)
        return call.run(self.backend)

    @property
    def _is_apart(self) -> bool:
        return hasattr(self.backend, "make_together")

    def ask_together(self, calls: Sequence[Call], threads: int = 1) -> list[Any]:
        """Make several calls, in turn or at once, and return all answers as they are after the last."""
        copied = [call.with_arrays(np.copy) for call in calls]
        if self._is_apart:
            return [plain(answer) for answer in self.backend.make_together(copied, threads)]
        answers = answers_of([partial(call.run, self.backend) for call in copied], threads)
        return [plain(answer) for answer in answers]

    @property
    def takes_bias(self) -> bool:
        """True if the operation has a parameter `bias`."""
        return self.task.operation in (self.backend.takes_bias if self._is_apart else takes_bias(self.backend))

    def offers(self, case: Case) -> bool:
        """True if the backend should answer the operation on another case."""
        operation = self.task.operation
        return self.declared.unsupported(operation, case) is None and not self.spares(operation, case)

    def require_exact(self, answer: Any, task: Task, given: str = "", *, call: Call | None = None) -> None:
        """Require the oracle's answer on integers, to `task` or to another `call` of the same shapes.

        A backend that declares no plain sum must be within its bound of it.
        """
        expected = task.expected if call is None else sums_that_fit(call)
        agreement.assert_shape_and_dtype(answer, expected.shape, self.dtype)
        if self.declared.plain_sum or self.task.case.dtype not in FORMATS:
            agreement.assert_exact(answer, expected, call or task.call, given)
        else:
            self.require_near(answer, RealTask("integer", call or task.call))

    def require_near(self, answer: np.ndarray, task: RealTask) -> Accuracy | None:
        """Require an answer on real data within the bound that the backend declares."""
        declared = self.declared
        flushes = self.task.case.dtype in declared.flushes
        return agreement.assert_rounded(
            answer, task, self.dtype, declared.factor, flushes=flushes, planewise=declared.planewise
        )

    def ask_repeatedly(self, times: int, seconds: float) -> tuple[list[Any], bool]:
        """Make the first call up to `times` times more, for so many seconds at most.

        Return the answers, as they are after the last, and True if one lies in the memory of an earlier one.
        """
        if self._is_apart:  # it says itself where its answers lie
            answers = self.backend.make_repeatedly(self.given, times, seconds)
            return [plain(answer) for answer in answers], self.backend.in_former_memory
        made = repeated(partial(self.given.run, self.backend), times, seconds)
        shares = any(_share_memory(one, next_) for one, next_ in pairwise([self.own_answer, *made]))
        return [plain(answer) for answer in made], shares

    @cached_property
    def again(self) -> tuple[list[Any], bool]:
        """Further answers to the first call, as many as cost little, as `ask_repeatedly` returns them."""
        found, self._repeated = self._repeated, None
        if isinstance(found, Exception):
            raise found
        if found is not None:
            answers, shares = found
            return [plain(answer) for answer in answers], shares
        return self.ask_repeatedly(times_again(self.task.case), SECONDS)

    @property
    def again_alike(self) -> list[Any]:
        """The answers of `again` that had as many threads as the first. Only these must have its bits."""
        answers, _ = self.again
        return answers[1:] if self._is_apart and self.backend.first_on_all_threads else answers

    @property
    def wrote_to_arguments(self) -> bool:
        """True if the backend has written to the arguments of the first call."""
        given = self.given.arrays
        return any(not same_bytes(given[name], array) for name, array in self.task.call.arrays.items())


# A call is made again so often, or until the seconds have passed, but at least once.
AGAIN, SECONDS = 5, 0.02
# Calls that frameworks split between threads are made more often. The bound is in multiply-adds.
SPLIT, AGAIN_IF_SPLIT = 100_000, 10


def times_again(case: Case) -> int:
    """Return how often a call is made again."""
    return AGAIN if case.multiply_adds < SPLIT else AGAIN_IF_SPLIT


def plain(answer: Any) -> Any:
    """Copy an array as a plain one: a subclass may say of itself what it likes. Anything else stays as it is."""
    if isinstance(answer, np.ndarray) and not isinstance(answer, np.ma.MaskedArray):
        return np.array(answer, subok=False)
    return answer


def _share_memory(first: Any, second: Any) -> bool:
    return isinstance(first, np.ndarray) and isinstance(second, np.ndarray) and np.may_share_memory(first, second)
