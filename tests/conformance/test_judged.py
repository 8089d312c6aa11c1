"""A run that judged nothing, or too little, is not green; narrow kernels are given cases that they support."""

from __future__ import annotations

import re

import pytest
from narrow_kernels import (
    WRONG_DEPTHWISE,
    WRONG_IN_A_DTYPE,
    WRONG_SQUARES,
    Depthwise,
    Int64ThroughFloat64,
    LeftOver,
    Narrow,
    Never,
    OfDtypes,
    Square,
)
from undiagnosed import failures

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities, Lack, check_backend, parametrize_with_checks
from reference_impl.run.enough import ENOUGH, FEWEST

SPEC = "n1_h7w9c3_k3x2o4_s2x3"


class NoStrides(Narrow):
    capabilities = Capabilities(
        operations=("conv2d",), lacks=(Lack("knows no strides", lambda operation, case: case.strides != (1, 1)),)
    )


def fixed_shapes(*specs):
    class Fixed(Narrow):
        capabilities = Capabilities(
            operations=("conv2d",),
            dtypes=("float32",),
            lacks=(Lack("is compiled for its shapes", lambda operation, case: str(case) not in specs),),
        )

    return Fixed()


@pytest.mark.parametrize("kernel", [Square, Depthwise], ids=lambda kernel: kernel.__name__)
def test_smoke_gives_a_narrow_kernel_enough_cases_in_each_dtype_and_passes_it(kernel):
    report = check_backend(kernel(), ["smoke"])
    assert report.passed, report
    judged = {record.case for record in report.tally.records if record.outcome != "unsupported"}
    for dtype in ("float32", "float64"):
        assert sum(Case.parse(case).dtype == dtype for case in judged) >= ENOUGH


@pytest.mark.parametrize("kernel", [*WRONG_SQUARES, *WRONG_DEPTHWISE], ids=lambda kernel: kernel.__name__)
def test_smoke_fails_a_wrong_narrow_kernel(kernel):
    assert next(failures(kernel(), ["smoke"]), None)


def test_check_backend_reports_these_failures():
    kernel = WRONG_SQUARES[0]
    reported = {record.case for record in check_backend(kernel(), ["smoke"]).failures}
    assert reported == {record.case for record in failures(kernel(), ["smoke"])}


def test_right_kernel_of_many_dtypes_passes():
    assert check_backend(OfDtypes(), ["smoke"]).passed


@pytest.mark.parametrize("kernel", [*WRONG_IN_A_DTYPE, Int64ThroughFloat64], ids=lambda kernel: kernel.__name__)
def test_smoke_fails_a_kernel_that_is_wrong_in_a_further_dtype_alone(kernel):
    assert len({record.dtype for record in failures(kernel(), ["smoke"])}) == 1


@pytest.mark.parametrize("kernel", [WRONG_IN_A_DTYPE[0], LeftOver], ids=lambda kernel: kernel.__name__)
def test_default_cases_fail_a_kernel_that_is_wrong_in_one_dtype_or_if_no_call_of_another_is_between(kernel):
    assert next(failures(kernel(), only=("exact",)), None)


@pytest.mark.parametrize(
    ("backend", "cases", "said"),
    [
        (Square(), [], "narrow: judged nothing, as it was given no call"),
        (Never(), None, "judged nothing of .* calls; .* unsupported: is not built yet"),
        (Never(), ["smoke"], "268 more cases were tried for each operation and dtype"),
        (NoStrides(), [SPEC], r"judged nothing of 1 call; 1 unsupported: knows no strides \(1\)"),
        (fixed_shapes(SPEC), None, "judged nothing of .* calls; .* unsupported: is compiled for its shapes"),
        (
            fixed_shapes("n1_h6w6c1_k3x3o1_SAME", "n1_h6w6c1_k3x3o1"),
            None,
            f"judged too few calls: 2 of conv2d; {FEWEST} are needed",
        ),
    ],
    ids=["no cases", "never", "never, smoke", "named", "one shape", "two shapes"],
)
def test_report_on_too_little_is_not_a_pass(backend, cases, said):
    backend.name = "narrow"
    report = check_backend(backend, cases, examples=0)
    assert not report.passed
    assert not report.failures
    assert re.search(said, str(report)), report


@pytest.mark.parametrize("isolate", [False, True])
def test_report_on_no_cases_says_that_none_were_given(isolate):
    report = check_backend("reference", [], isolate=isolate)
    assert not report.passed
    assert "No cases were given. Name some: check_backend(..., cases=[SPEC])" in str(report)
    assert "dtype" not in str(report)


def test_report_says_how_many_calls_were_judged():
    report = check_backend(NoStrides(), [SPEC, "n1_h7w9c3_k3x2o4"])
    assert report.passed
    assert "planted: judged 1 of 2 calls; 1 unsupported: knows no strides (1)" in str(report)


def test_shape_that_is_named_is_enough():
    assert check_backend(fixed_shapes(SPEC), [SPEC]).passed


def test_pytest_has_an_item_that_fails_when_too_little_is_judged():
    def items(backend, cases=None):
        return {item.id: item.values[1] for item in parametrize_with_checks([backend], cases=cases).args[1]}

    assert not any("judges-enough" in name for name in items(Square()))
    for backend, cases in ((Never(), None), (NoStrides(), [SPEC]), (Square(), [])):
        found = items(backend, cases)
        assert list(found) == ["planted-judges-enough"]
        said = "judged nothing. No cases were given" if cases == [] else "judged nothing"
        with pytest.raises(AssertionError, match=f"planted: {said}"):
            found["planted-judges-enough"](backend)
