"""What a backend answers to one task, and what a check finds in it."""

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
    """What is said of a right answer; `mistrusted` where the data proved too little."""

    text: str
    mistrusted: bool = False


Found = Accuracy | Remark | None


@dataclass
class Trial:
    """One backend's answers to one task, each asked for when a check first needs it."""

    backend: Any
    task: Task
    declared: Capabilities

    @property
    def dtype(self) -> str:
        """That of a right answer."""
        return self.declared.result_dtype(self.task.case.dtype)

    @cached_property
    def given(self) -> Call:
        """The call with the backend's own copies of the arguments, so that what it does to them is seen."""
        return self.task.call.with_arrays(np.copy)

    @cached_property
    def own_answer(self) -> Any:
        """What the backend gave, in its own memory."""
        return self.given.run(self.backend)

    @cached_property
    def answer(self) -> Any:
        """The same, kept from what the backend may do to its own buffers later."""
        answer = self.own_answer
        return answer.copy() if isinstance(answer, np.ndarray) else answer

    @cached_property
    def real_answer(self) -> np.ndarray:
        return self.ask(self.task.real.call, self.task.expected.shape)

    def ask(self, call: Call, shape: tuple[int, ...], *, as_it_is: bool = False) -> np.ndarray:
        """The backend's answer, of the right shape and dtype, to another call, or to a copy of it."""
        answer = (call if as_it_is else call.with_arrays(np.copy)).run(self.backend)
        agreement.assert_shape_and_dtype(answer, shape, self.dtype)
        return answer.copy()
