"""Trial: the answers of one backend to one task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..backends.protocol import Capabilities, takes_bias
from ..cases.case import Case
from ..exact.formats import FORMATS
from . import agreement
from .agreement import Accuracy
from .call import Call, numpy_dtype, oracle
from .making_calls import answers_of, fill_and_free
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
        return self._made(self.given)

    @cached_property
    def answer(self) -> Any:
        """A copy of the answer, as the backend may write to its own buffers later."""
        return plain(self.own_answer)

    @cached_property
    def real_answer(self) -> np.ndarray:
        return self.ask(self.task.real.call, self.task.expected.shape)

    def ask(self, call: Call, shape: tuple[int, ...], *, as_it_is: bool = False) -> np.ndarray:
        """Ask the backend another call, on copies unless `as_it_is`, and require the right shape and dtype."""
        answer = plain(self._made(call if as_it_is else call.with_arrays(np.copy)))
        agreement.assert_shape_and_dtype(answer, shape, self.dtype)
        return answer

    def _made(self, call: Call) -> Any:
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
        expected = task.expected if call is None else oracle(call)
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

    def ask_again(self) -> tuple[Any, bool]:
        """Make the first call again. The second value says if the answer lies in the memory of the first."""
        second = self.given.run(self.backend)
        shares = getattr(self.backend, "in_former_memory", None)  # a backend in another process says so itself
        return plain(second), _share_memory(self.own_answer, second) if shares is None else shares


def plain(answer: Any) -> Any:
    """Copy an array as a plain one: a subclass may say of itself what it likes. Anything else stays as it is."""
    if isinstance(answer, np.ndarray) and not isinstance(answer, np.ma.MaskedArray):
        return np.array(answer, subok=False)
    return answer


def _share_memory(first: Any, second: Any) -> bool:
    return isinstance(first, np.ndarray) and isinstance(second, np.ndarray) and np.may_share_memory(first, second)
