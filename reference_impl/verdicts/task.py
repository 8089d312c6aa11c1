"""Task: one operation on one case with its data and the right answers. It is made once for all backends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..cases.case import Case
from .call import Call, array_shapes, gauge, sums_that_fit
from .integers import EXACT_INTEGERS, integer_call
from .memory_layouts import PARTS, Laid, laid_out
from .neighbours import neighbours
from .real_data import RealTask, real_task
from .shared_arguments import overlapping, repeated
from .special_values import SpecialTask, special_task


@dataclass(frozen=True)
class Task:
    """One operation on one case. The case and `seed` decide all data; each part is computed when it is first needed."""

    case: Case
    operation: str
    seed: int
    most: int | None = None  # the largest integer, if not the largest for which every sum is exact
    given: Call | None = field(default=None, compare=False)  # the call, if its integers are not drawn here

    @cached_property
    def call(self) -> Call:
        call = self.given or integer_call(self.case, self.operation, self.seed, self.most)
        for array in call.arrays.values():
            array.flags.writeable = False  # backends are given copies
        return call

    @cached_property
    def expected(self) -> np.ndarray:
        return sums_that_fit(self.call)

    @cached_property
    def other(self) -> Task:
        """The same operation and case with other numbers."""
        return Task(self.case, self.operation, self.seed + 1)

    @cached_property
    def small(self) -> Task:
        """The same operation and case with integers so small that products often cancel."""
        return Task(self.case, self.operation, self.seed, most=2)

    def laid(self) -> Laid:
        """Make the call anew in other memory layouts: a backend may write to it, and a copy would lose the layout."""
        return laid_out(self.call, self.seed)

    def cut(self) -> Laid:
        """Make the call anew on arrays that are parts of larger ones."""
        return laid_out(self.call, self.seed, PARTS)

    def sharing(self) -> list[Laid]:
        """Make calls whose arguments share memory, or repeat elements by strides of 0."""
        laid = [overlapping(self.call, self.seed), repeated(self.small.call, self.seed)]
        # Elements that are repeated can add up to more than the dtype holds, where most of them had to be zero.
        return [one for one in laid if _is_exact(one.call)]

    @cached_property
    def neighbours(self) -> list[Task]:
        """The same operation on cases that a cache with too few keys takes for this one, or for one another.

        They have the same arrays where those fit, as the keys of a cache may hold the numbers too.
        """
        found = [self]
        for case in neighbours(self.case, self.operation, self.seed):
            found.append(self._on_arrays_of(found, case))
        return found[1:]

    def _on_arrays_of(self, others: list[Task], case: Case) -> Task:
        """Return the operation on the case, with the arrays of the first of the others on which it is exact."""
        shapes = array_shapes(case, self.operation)
        alike = (other.call.arrays for other in others if array_shapes(other.case, self.operation) == shapes)
        calls = (Call(self.operation, case, arrays) for arrays in alike)
        return Task(case, self.operation, self.seed, given=next(filter(_is_exact, calls), None))

    @cached_property
    def larger(self) -> Task:
        """The same operation on more and larger images."""
        case = self.case
        larger = replace(case, batch=case.batch + 1, height=case.height + 3, width=case.width + 2)
        return Task(larger, self.operation, self.seed)

    @cached_property
    def real(self) -> RealTask:
        return real_task(self.case, self.operation, self.seed)

    @cached_property
    def special(self) -> SpecialTask | None:
        return special_task(self.call, self.seed)


def _is_exact(call: Call) -> bool:
    """True if the dtype holds every partial sum of a call on integers, and the oracle takes it."""
    limit = EXACT_INTEGERS[call.case.dtype]
    magnitudes = [int(np.abs(array).max(initial=0)) for array in call.arrays.values()]
    # The product of the largest is a bound that costs little; it nearly always decides.
    bound = math.prod(magnitudes) * call.case.convolution.terms(call.operation)
    if bound <= limit:
        return True
    # The oracle refuses integers whose bound passes int64, even if no sum does.
    return bound < 2**63 and bool(gauge(call).max(initial=0) <= limit)
