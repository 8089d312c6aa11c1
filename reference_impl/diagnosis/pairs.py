"""Pairs of calls that differ in one thing, which a cache whose keys lack that takes for one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..cases.case import Case
from ..cases.variations import made
from ..verdicts.call import Call, array_shapes, numpy_dtype
from ..verdicts.integers import integer_call

OF_SIZES = "size of the answer", "groups and channels"
IN_PLACE = " at the same address"
MOST = 3  # integers so small that all sums are exact


@dataclass(frozen=True)
class Pair:
    """Two calls that differ in one thing, `name`: the case of the earlier one, and the array that has other numbers."""

    name: str
    earlier: Case
    later: Case
    array: str = ""
    in_place: bool = False

    def calls(self, operation: str, seed: int, batch: int, *, numbers: bool) -> tuple[Call, Call, Call]:
        """Draw both calls for so many images more; and the later one with what differs in the earlier one.

        They have the same numbers if their arrays have the same shapes, unless others are asked.
        """
        old, new = (replace(case, batch=case.batch + batch) for case in (self.earlier, self.later))
        later = integer_call(new, operation, seed, MOST)
        other = integer_call(old, operation, seed + 1, MOST).arrays
        arrays = {
            name: other[name] if numbers or other[name].shape != array.shape else array
            for name, array in later.arrays.items()
        }
        if self.array:
            arrays = {**arrays, self.array: other[self.array]}
            part = {**later.arrays, self.array: other[self.array]}
            return Call(operation, old, arrays), later, Call(operation, new, part)
        cast = {name: array.astype(numpy_dtype(old.dtype)) for name, array in arrays.items()}
        part = later.arrays if _same_shapes(old, new, operation) else cast
        return Call(operation, old, cast), later, Call(operation, old, part)


def pairs(case: Case, operation: str, dtypes: Sequence[str]) -> Iterator[Pair]:
    """Yield pairs of calls: the later is `case`, and the earlier differs in one thing."""
    arrays = list(array_shapes(case, operation))
    for in_place in (False, True):
        for name in arrays:
            where = f"numbers of the {name}" + IN_PLACE * in_place
            yield Pair(where, case, case, name, in_place)
    found: dict[str, list[Case]] = {
        "strides": [*_stepped(case, "strides")],
        "padding": [*_padded(case)],
        "dilations": [*_stepped(case, "dilations")],
        "dtype": [case.with_dtype(dtype) for dtype in dtypes if dtype != case.dtype][:2],
        OF_SIZES[0]: [*_resized(case)],
    }
    for name, some in found.items():
        yield from (Pair(name, one, case) for one in some if _same_shapes(one, case, operation))
    groups = 2 * case.groups
    for one in made(case, groups=groups, input_channels=case.filter_sizes[2] * groups):
        yield Pair(OF_SIZES[1], one, case)


def _same_shapes(one: Case, other: Case, operation: str) -> bool:
    return array_shapes(one, operation) == array_shapes(other, operation)


def _stepped(case: Case, name: str) -> Iterator[Case]:
    height, width = getattr(case, name)
    for pair in ((height + 1, width), (height, width + 1), (height - 1, width), (height, width - 1)):
        yield from made(case, **{name: pair})


def _padded(case: Case) -> Iterator[Case]:
    """Yield the case with one zero more on one side, and one less on the other; and with each word."""
    rows, columns = case.convolution.padding
    for by in (1, -1):
        yield from made(case, padding=((rows[0] + by, rows[1] - by), columns))
        yield from made(case, padding=(rows, (columns[0] + by, columns[1] - by)))
    for word in ("VALID", "SAME", "SAME_LOWER"):
        yield from (one for one in made(case, padding=word) if one.convolution.padding != (rows, columns))


def _resized(case: Case) -> Iterator[Case]:
    height, width = case.kernel_size
    for changes in ({"height": case.height + 1}, {"width": case.width + 1}, {"kernel_size": (height - 1, width)}):
        yield from made(case, **changes)
