"""A user checks a backend of their own, in a script, a notebook or their own pytest."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
from planted import Flipped, Right

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities, Lack, check_backend, parametrize_with_checks
from reference_impl.verdicts.checks import CHECKS

CASES = ["n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1", "n1_h6w5c2_k2x3o3_SAME"]


class ConvolutionOnly:
    name = "only"

    def conv2d(self, *args, **options):
        return Right().conv2d(*args, **options)


def test_check_backend_passes_a_right_one():
    report = check_backend(Right(), CASES)
    assert report.passed
    assert not report.failures
    first, *_, last = str(report).rstrip().splitlines()
    assert first == last == report.verdict == "planted unversioned: RIGHT  8 calls on the cases that were named"


def test_check_backend_reports_what_a_wrong_one_does():
    report = check_backend(Flipped, CASES)
    assert not report.passed
    assert {record.operation for record in report.failures} == {"conv2d", "conv2d_backprop_input", "conv2d_transpose"}
    for words in ("FAIL  planted unversioned: conv2d on n1_h6w5c2_k2x3o3_SAME", "failed 6 calls (2 cases, seed 0)"):
        assert words in str(report)
    assert "FAIL  planted" in report._repr_html_()


@pytest.mark.framework("jinja2")
def test_check_backend_shows_a_part_of_the_page_in_a_notebook():
    shown = check_backend(Flipped, CASES)._repr_html_()
    assert shown.startswith('<div class="conv2d-reference">')
    assert "planted unversioned: WRONG" in shown
    assert "2 of 2 fail" in shown
    assert "<script" not in shown
    assert "<button" not in shown


def test_check_backend_shows_its_text_in_a_notebook_without_jinja2(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    shown = check_backend(Flipped, CASES)._repr_html_()
    assert shown.startswith("<pre>")
    assert "FAIL  planted" in shown


def test_check_backend_takes_what_there_is():
    report = check_backend(ConvolutionOnly(), [Case.parse(CASES[0])])
    assert {record.operation for record in report.tally.records if record.outcome == "pass"} == {"conv2d"}
    assert report.passed


class ClaimsOneCall(ConvolutionOnly):
    """Leaves the checks unclaimed that make more calls: here it matters which cases are run."""

    capabilities = Capabilities(
        operations=("conv2d",),
        unclaimed={check.name: "takes long" for check in CHECKS if check.asks_again},
    )


def test_check_backend_by_default_runs_the_catalogues_and_generated_cases():
    report = check_backend(ClaimsOneCall(), examples=3)
    assert report.passed
    assert len(report.cases) > 300
    assert {case.dtype for case in report.cases} >= {"float32", "float64"}


def test_check_backend_isolates_what_can_be_imported():
    report = check_backend(Right, CASES, isolate=True)
    assert report.passed

    class Local(Right):
        pass

    with pytest.raises(ValueError, match="isolate=True needs a backend that another process can import by name"):
        check_backend(Local, CASES, isolate=True)


def test_check_backend_isolates_no_instance_as_its_state_would_be_lost():
    with pytest.raises(ValueError, match="isolate=True needs a class, or the name of what another process can load"):
        check_backend(Right(), CASES, isolate=True)


class OnlyStride1(Right):
    def conv2d(self, *args, strides, **options):
        if strides != (1, 1):
            raise NotImplementedError("only stride 1")
        return super().conv2d(*args, strides=strides, **options)


def test_check_backend_says_how_to_declare_what_is_refused():
    report = str(check_backend(OnlyStride1(), CASES[:1]))
    assert 'lacks=(Lack("only stride 1", lambda operation, case: case.strides != (1, 1)),)' in report
    assert "refused  conv2d where strided" in report

    class Declared(OnlyStride1):
        capabilities = Capabilities(lacks=(Lack("stride 1 alone", lambda operation, case: case.strides != (1, 1)),))

    assert check_backend(Declared(), CASES).passed


def test_check_backend_refuses_a_function_and_says_what_to_do():
    with pytest.raises(ValueError, match=r"to check a bare function, wrap it: types.SimpleNamespace\(conv2d=f\)"):
        check_backend(Right().conv2d, CASES)
    assert check_backend(types.SimpleNamespace(conv2d=Right().conv2d), CASES[:1]).passed


def test_check_backend_refuses_what_is_no_backend():
    with pytest.raises(ValueError, match="a backend must offer at least one of conv2d"):
        check_backend(object(), CASES)


USERS_TEST = """
from planted import Flipped, Right
from reference_impl.conformance import parametrize_with_checks

class Mine(Right):
    name = "mine"

@parametrize_with_checks([Mine(), Flipped()], cases={cases}, expected_failures={file!r})
def test_mine(backend, check):
    check(backend)
"""


def run_users_test(pytester, request, expected=None):
    pytester.syspathinsert(request.config.rootpath / "tests")
    file = None
    if expected is not None:
        file = pytester.path / "expected.txt"
        file.write_text(expected)
    pytester.makepyfile(USERS_TEST.format(cases=CASES[:1], file=file and str(file)))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-v")


def test_parametrize_with_checks_gives_an_item_for_each_claim(pytester, request):
    result = run_users_test(pytester, request)
    result.stdout.fnmatch_lines(
        ["*::test_mine[[]mine-conv2d-exact-EXPLICIT] PASSED*", "*::test_mine[[]planted-conv2d-exact-EXPLICIT] FAILED*"]
    )
    result.stdout.fnmatch_lines(
        ["*AssertionError: FAIL  planted unversioned: conv2d on n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1"]
    )
    assert "conformance/api.py" not in str(result.stdout)  # frames of ours would stand before the report
    # Of 4 operations, 3 have a kernel that can be flipped.
    assert result.parseoutcomes()["passed"] > 28


def outcomes_of_items(backend):
    """Call each item, and return what it says if it fails, by its name."""
    failed = {}
    for item in parametrize_with_checks([backend], cases=CASES[:1]).args[1]:
        try:
            item.values[1](backend)
        except AssertionError as error:
            failed[item.id] = str(error)
    return failed


def test_one_refusal_fails_one_item():
    class Refuses(ConvolutionOnly):
        def conv2d(self, *args, **options):
            if options["strides"] != (1, 1):
                raise NotImplementedError("only stride 1")
            return super().conv2d(*args, **options)

    failed = outcomes_of_items(Refuses())
    assert list(failed) == ["only-conv2d-shape_and_dtype-EXPLICIT"]


def test_refusal_is_told_where_the_first_check_is_not_claimed():
    class Refuses(ConvolutionOnly):
        capabilities = Capabilities(operations=("conv2d",), unclaimed={"shape_and_dtype": "why not"})

        def conv2d(self, *args, **options):
            raise NotImplementedError("nothing at all")

    assert "only-conv2d-exact-EXPLICIT" in outcomes_of_items(Refuses())


def test_item_carries_the_diagnosis():
    class OnlyFlips(ConvolutionOnly):
        def conv2d(self, *args, **options):
            return Flipped().conv2d(*args, **options)

    failed = outcomes_of_items(OnlyFlips())
    assert "matches *kernel-flipped*" in failed["only-conv2d-exact-EXPLICIT"]


def test_parametrize_with_checks_expects_what_a_file_says(pytester, request):
    result = run_users_test(
        pytester,
        request,
        "planted-conv2d-exact-EXPLICIT # flips the kernel, as we know\nmine-conv3d # a typing error\n",
    )
    result.stdout.fnmatch_lines(["*planted-conv2d-exact-EXPLICIT] XFAIL*"])
    result.stdout.fnmatch_lines(["*expects failures of items that do not exist: mine-conv3d*"])


def test_capabilities_narrow_the_claims():
    class Narrow(Right):
        capabilities = Capabilities(operations=("conv2d",), dtypes=("float32",), unclaimed={"special_values": "clips"})

    (mark,) = [parametrize_with_checks([Narrow()], cases=CASES)]
    names = [item.id for item in mark.args[1]]
    assert "planted-conv2d-exact-SAME" in names
    assert not any("backprop" in name or "special" in name for name in names)


def test_backends_of_one_name_are_refused_as_their_items_would_be_mixed():
    with pytest.raises(ValueError, match="another name; two are called 'planted'"):
        parametrize_with_checks([Right(), Flipped()], cases=CASES)


def test_file_of_expected_failures_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "expected.txt").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"expected.txt: must be UTF-8 text; byte 0 is not"):
        parametrize_with_checks([Right()], cases=CASES, expected_failures=tmp_path / "expected.txt")


@pytest.mark.parametrize("name", ["check_backend", "parametrize_with_checks"])
def test_missing_extra_is_named(request, tmp_path, name):
    script = f"import sys; sys.modules['rich'] = None; from reference_impl.conformance import {name}"
    ran = subprocess.run([sys.executable, "-c", script], cwd=request.config.rootpath, capture_output=True, text=True)
    said = "the package rich: pip install 'conv2d-reference-impl[verify]'"
    assert ran.stderr.splitlines()[-1] == f"ImportError: {name} needs {said}"
