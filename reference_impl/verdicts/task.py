"""One operation on one case with its data, and what a right answer is: made once for all backends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..cases.case import Case
from .integers import Call, integer_call, oracle
from .memory_layouts import Laid, laid_out
from .real_data import RealProblem, real_problem
from .special_values import SpecialProblem, special_problem


@dataclass(frozen=True)
class Problem:
    """Everything is computed when a check first needs it; `seed` and the case decide all data."""

    case: Case
    operation: str
    seed: int

    @cached_property
    def call(self) -> Call:
        call = integer_call(self.case, self.operation, self.seed)
        for array in call.arrays.values():
            array.flags.writeable = False  # others will be given copies of it
        return call

    @cached_property
    def expected(self) -> np.ndarray:
        return oracle(self.call)

    @cached_property
    def other(self) -> Problem:
        """The same with other numbers."""
        return Problem(self.case, self.operation, self.seed + 1)

    def laid(self) -> Laid:
        """Made anew each time, as a copy would not be laid out so, and a backend may write to it."""
        return laid_out(self.call, self.seed)

    @cached_property
    def real(self) -> RealProblem:
        return real_problem(self.case, self.operation, self.seed)

    @cached_property
    def special(self) -> SpecialProblem | None:
        return special_problem(self.call, self.seed)
