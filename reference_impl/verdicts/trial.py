"""Trial: the answers of one backend to one task."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..backends.protocol import Capabilities
from . import agreement
from .agreement import Accuracy
from .call import Call
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
        return self.given.run(self.backend)

    @cached_property
    def answer(self) -> Any:
        """A copy of the answer, as the backend may write to its own buffers later."""
        answer = self.own_answer
        return answer.copy() if isinstance(answer, np.ndarray) else answer

    @cached_property
    def real_answer(self) -> np.ndarray:
        return self.ask(self.task.real.call, self.task.expected.shape)

    def ask(self, call: Call, shape: tuple[int, ...], *, as_it_is: bool = False) -> np.ndarray:
        """Ask the backend another call, on copies unless `as_it_is`, and require the right shape and dtype."""
        answer = (call if as_it_is else call.with_arrays(np.copy)).run(self.backend)
        agreement.assert_shape_and_dtype(answer, shape, self.dtype)
        return answer.copy()
