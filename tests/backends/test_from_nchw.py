"""Functions on NCHW arrays become a backend by `from_nchw`."""

from __future__ import annotations

import pytest
from undiagnosed import failures

import reference_impl
from reference_impl.axis_order import convert
from reference_impl.conformance import Capabilities, check_backend, from_nchw
from reference_impl.operations import OPERATIONS

CASES = ["n2_h7w9c4_k3x2o6_s2x3_g2_p1,2,0,1", "n1_h6w5c2_k2x3o3_d2x1_SAME"]


def nchw(operation):
    """The oracle's operation, on NCHW and OIHW."""

    def function(first, second, third=None, **options):
        given = [value for value in (first, second, third) if value is not None]
        moved = [_from_user(operation, position, value) for position, value in enumerate(given)]
        answer = getattr(reference_impl, operation)(*moved, **options)
        to = ("HWIO", "OIHW") if operation == "conv2d_backprop_filter" else ("NHWC", "NCHW")
        return convert(answer, *to).astype(next(value for value in given if hasattr(value, "dtype")).dtype)

    return function


def _from_user(operation, position, value):
    filters = position == 1
    if isinstance(value, tuple):
        return tuple(value[axis] for axis in ((2, 3, 1, 0) if filters else (0, 2, 3, 1)))
    return convert(value, "OIHW", "HWIO") if filters else convert(value, "NCHW", "NHWC")


def test_from_nchw_makes_a_backend_of_the_functions_given():
    backend = from_nchw(name="mine", **{operation: nchw(operation) for operation in OPERATIONS})
    report = check_backend(backend, CASES)
    assert report.passed, report
    assert "mine" in str(report)
    assert {record.operation for record in report.tally.records} == set(OPERATIONS)


def test_from_nchw_that_is_given_nhwc_fails():
    assert next(failures(from_nchw(conv2d=reference_impl.conv2d), CASES), None)


def writes(input, filters, **options):
    answer = nchw("conv2d")(input, filters, **options)
    if input.flags.writeable:
        input[...] = 0
    return answer


def reads_in_order(input, filters, **options):
    return nchw("conv2d")(input.ravel("K").reshape(input.shape), filters, **options)


@pytest.mark.parametrize(("function", "check"), [(writes, "inputs_unchanged"), (reads_in_order, "any_memory_layout")])
def test_from_nchw_hides_nothing_that_is_done_to_memory(function, check):
    assert check in {record.check for record in failures(from_nchw(conv2d=function), CASES)}


def test_from_nchw_declares_what_it_has():
    backend = from_nchw(conv2d=nchw("conv2d"))
    assert backend.capabilities.operations == ("conv2d",)
    assert from_nchw(conv2d=nchw("conv2d"), capabilities=Capabilities(dtypes=("float64",))).capabilities.dtypes == (
        "float64",
    )


def test_from_nchw_refuses_arrays_by_keyword():
    with pytest.raises(TypeError, match="conv2d takes 2 arguments by position, 1 given"):
        from_nchw(conv2d=nchw("conv2d")).conv2d(None, filters=None)


@pytest.mark.parametrize("functions", [{}, {"conv3d": print}])
def test_from_nchw_refuses_what_is_no_operation(functions):
    with pytest.raises(ValueError, match="functions must be some of conv2d, conv2d_backprop_input"):
        from_nchw(**functions)
