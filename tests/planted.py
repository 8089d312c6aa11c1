"""Backends for the tests: a right one, and wrong ones made from it."""

from __future__ import annotations

import numpy as np

import reference_impl
from reference_impl.backends.protocol import Capabilities
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

_EXACT = tuple(check for check in CHECKS if check.name == "exact")


class Right:
    """The oracle, answering in the dtype that it is given; `spoil` is what a wrong backend overrides."""

    name = "planted"

    def spoil(self, answer, arrays):
        return answer

    def _answer(self, operation, *args, **options):
        arrays = [array for array in args if isinstance(array, np.ndarray)]
        wide = np.int64 if arrays[0].dtype.kind in "biu" else np.float64
        exact = [array.astype(wide) if isinstance(array, np.ndarray) else array for array in args]
        answer = getattr(reference_impl, operation)(*exact, **options).astype(arrays[0].dtype)
        return self.spoil(answer, arrays)

    def conv2d(self, *args, **options):
        return self._answer("conv2d", *args, **options)

    def conv2d_backprop_input(self, *args, **options):
        return self._answer("conv2d_backprop_input", *args, **options)

    def conv2d_backprop_filter(self, *args, **options):
        return self._answer("conv2d_backprop_filter", *args, **options)

    def conv2d_transpose(self, *args, **options):
        return self._answer("conv2d_transpose", *args, **options)


class Flipped(Right):
    """A true convolution: the kernel is rotated by 180 degrees in all but the filters' gradient."""

    def _answer(self, operation, *args, **options):
        flipped = [
            arg[::-1, ::-1] if isinstance(arg, np.ndarray) and position == 1 else arg
            for position, arg in enumerate(args)
        ]
        return super()._answer(operation, *flipped, **options)


class FlippedBytes(Flipped):
    name = "bytes"
    capabilities = Capabilities(dtypes=("int8",))


def failing_routes(routes, case, **planted):
    """Return the routes that are not exact in every operation if their attributes of these names are `planted`."""
    failing = set()
    for name, route in routes.items():
        faults = {attribute: staticmethod(function) for attribute, function in planted.items()}
        subject = Subject.of(type(route.__name__, (route,), faults)())
        records = [record for operation in OPERATIONS for record in judge(subject, case, operation, checks=_EXACT)]
        if any(record.outcome not in (outcome.PASS, outcome.UNSUPPORTED) for record in records):
            failing.add(name)
    return failing
