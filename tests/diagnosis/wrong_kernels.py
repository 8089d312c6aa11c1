"""The frame of kernels that are wrong on purpose: what each does, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import reference_impl
from reference_impl.cases.case import Case
from reference_impl.mistakes import by_name


@dataclass(frozen=True)
class Asked:
    """A call as a kernel gets it: its case, its arguments by position, and the memory of the kernel."""

    operation: str
    case: Case
    given: tuple[Any, ...]
    kept: dict[Any, Any]

    def right(self, *given: Any, **options: Any) -> np.ndarray:
        """Return the right answer, to other arguments or options where they are given."""
        given = given or self.given
        wide = [_wide(one) if isinstance(one, np.ndarray) else one for one in given]
        own = {name: getattr(self.case, name) for name in ("strides", "padding", "dilations", "groups")}
        answer = getattr(reference_impl, self.operation)(*wide, **{**own, **options})
        return answer.astype(self.case.dtype)

    def mistaken(self, name: str) -> np.ndarray:
        """Return the answer with a known mistake."""
        own = {name: getattr(self.case, name) for name in ("strides", "padding", "dilations", "groups")}
        return getattr(by_name(name).backend(), self.operation)(*self.given, **own)


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int64 if array.dtype.kind in "biu" else np.float64)


@dataclass(frozen=True)
class WrongKernel:
    """A wrong kernel and the truth about it.

    Parameters
    ----------
    answer : makes the answer to a call, or raises an error
    wrong : the true condition; None if the data decide
        It holds on each case on which the kernel is wrong. On a few others the mistake changes nothing.
    mistakes : names of the known mistakes that it makes; any of them is a right diagnosis
        If "" is among them, a diagnosis without a name is right too: the known mistakes are only like it.
    lacks : True if it refuses calls by a clear message
    remembers : the option that is missing in the keys of its cache; "" if it remembers nothing
    """

    name: str
    answer: Callable[[Asked], np.ndarray]
    wrong: Callable[[Case], bool] | None
    mistakes: tuple[str, ...] = ()
    operation: str = "conv2d"
    lacks: bool = False
    remembers: str = ""

    def before(self, case: Case) -> tuple[Case, int] | None:
        """Return the case and the seed of a call after which a cache gives a stale answer; None if there is none."""
        try:
            return {
                "padding": lambda: (replace(case, padding="VALID"), 0),
                "dilations": lambda: (replace(case, dilations=(1, 1)), 0),
                "filters": lambda: (case, 1),
            }[self.remembers]()
        except (KeyError, ValueError):  # it remembers nothing, or there is no such convolution
            return None

    def backend(self) -> Any:
        """Make the kernel anew."""
        kept: dict[Any, Any] = {}

        def function(first: Any, second: Any, *others: Any, **options: Any) -> np.ndarray:
            case = _case_of(self.operation, (first, second, *others), options)
            return self.answer(Asked(self.operation, case, (first, second, *others), kept))

        kernel = type("Kernel", (), {self.operation: staticmethod(function), "name": self.name})
        return kernel()


def _case_of(operation: str, given: tuple[Any, ...], options: dict[str, Any]) -> Case:
    images, filters = given[:2]
    if operation == "conv2d_transpose":
        images = given[2]
    sizes, taps = (one.shape if isinstance(one, np.ndarray) else tuple(one) for one in (images, filters))
    dtype = str(next(one for one in given if isinstance(one, np.ndarray)).dtype)
    batch, height, width, channels = map(int, sizes)
    options = {name: _pair(value) if name in ("strides", "dilations") else value for name, value in options.items()}
    return Case(batch, height, width, channels, tuple(map(int, taps[:2])), int(taps[3]), dtype=dtype, **options)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


class Kernels(list[WrongKernel]):
    """A list of wrong kernels, with decorators that add to it."""

    def add(self, name: str, wrong: Callable[[Case], bool] | None, *mistakes: str, **more: Any) -> Callable:
        """Add a function of `Asked`."""

        def register(answer: Callable[[Asked], np.ndarray]) -> Callable:
            self.append(WrongKernel(name, answer, wrong, mistakes, **more))
            return answer

        return register

    def adds_one(self, name: str, wrong: Callable[[Case], bool], **more: Any) -> None:
        """Add a kernel that answers one too many where `wrong` holds."""

        @self.add(name, wrong, **more)
        def answer(asked: Asked) -> np.ndarray:
            right = asked.right()
            return right + right.dtype.type(1) if wrong(asked.case) else right

    def mistaken_where(self, name: str, mistake: str, where: Callable[[Case], bool], **more: Any) -> None:
        """Add a kernel that makes a known mistake where `where` holds."""

        @self.add(name, where, mistake, **more)
        def answer(asked: Asked) -> np.ndarray:
            return asked.mistaken(mistake) if where(asked.case) else asked.right()

    def refuses(
        self, name: str, message: str, where: Callable[[Case], bool], *, lacks: bool = True, **more: Any
    ) -> None:
        """Add a kernel that raises an error where `where` holds."""

        @self.add(name, where, lacks=lacks, **more)
        def answer(asked: Asked) -> np.ndarray:
            if where(asked.case):
                raise (NotImplementedError if lacks else IndexError)(message)
            return asked.right()


def is_strided(case: Case) -> bool:
    return case.strides != (1, 1)


def is_dilated(case: Case) -> bool:
    return any(d > 1 and k > 1 for d, k in zip(case.dilations, case.kernel_size, strict=True))


def per_group(case: Case) -> int:
    return case.input_channels // case.groups


def has_multiplier(case: Case) -> bool:
    return 1 < case.groups == case.input_channels < case.output_channels


def pads(case: Case) -> tuple[tuple[int, int], tuple[int, int]]:
    return case.convolution.padding
