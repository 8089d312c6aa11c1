"""A function on torch tensors becomes a backend, with its gradients by autograd."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from undiagnosed import failures

from examples import torch_autograd_function
from examples.torch_autograd_function import Convolution
from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities, check_backend, torch_style
from reference_impl.operations import OPERATIONS
from reference_impl.run.judge import judge
from reference_impl.run.outcome import PASS
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

CASES = ["n2_h7w9c4_k3x2o6_s2x3_g2_p1,2,0,1", "n1_h6w5c2_k2x3o3_d2x1_SAME", "n2_h5w6c2_k3x2o3_p1,1,0,0_float64"]

EXACT = tuple(check for check in CHECKS if check.name == "exact")


class HalvedGradient(Convolution):
    """The example's convolution, with a backward that forgets a factor of 2."""

    @staticmethod
    def backward(ctx, cotangent):
        d_input, d_filters, *rest = Convolution.backward(ctx, cotangent)
        return d_input, d_filters / 2, *rest


class CotangentInOrder(Convolution):
    """Read the cotangent's memory as if it were contiguous. The gradient of an expanded tensor is not."""

    @staticmethod
    def backward(ctx, cotangent):
        strides = torch.empty(cotangent.shape).stride()
        return Convolution.backward(ctx, torch.as_strided(cotangent, cotangent.shape, strides))


class WritesToTheCotangent(Convolution):
    @staticmethod
    def backward(ctx, cotangent):
        gradients = Convolution.backward(ctx, cotangent)
        cotangent.mul_(2)
        return gradients


@pytest.fixture
def halved(monkeypatch):
    monkeypatch.setattr(torch_autograd_function, "Convolution", HalvedGradient)
    return torch_autograd_function.conv2d


def test_torch_style_passes_torchs_own_function():
    report = check_backend(torch_style(F.conv2d, name="own"), CASES)
    assert report.passed, report
    assert {r.operation for r in report.tally.records if r.outcome == "pass"} == {
        "conv2d",
        "conv2d_backprop_input",
        "conv2d_backprop_filter",
    }


def test_torch_style_passes_a_function_with_a_backward_of_its_own():
    report = check_backend(torch_autograd_function.BACKEND, [*CASES, "n0_h6w5c2_k2x3o3"])
    assert report.passed, report


def test_torch_style_finds_a_wrong_backward(halved):
    found = {(record.backend, record.operation) for record in failures(torch_style(halved), CASES[:1])}
    assert found == {("conv2d", "conv2d_backprop_filter")}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (CotangentInOrder, "out_backprop .*on integers the answer must equal the oracle's"),
        (WritesToTheCotangent, "arguments must not be written to; the cotangent was"),
    ],
)
def test_torch_style_finds_a_backward_that_is_careless_of_memory(monkeypatch, wrong, said):
    monkeypatch.setattr(torch_autograd_function, "Convolution", wrong)
    found = list(failures(torch_style(torch_autograd_function.conv2d), CASES))
    assert {record.operation for record in found} == {"conv2d_backprop_input", "conv2d_backprop_filter"}
    assert any(re.search(said, record.message) for record in found)


def test_torch_style_finds_a_forward_that_writes_to_its_input():
    def writes(input, filters, **options):
        answer = F.conv2d(input, filters, **options)
        input.zero_()
        return answer

    report = check_backend(torch_style(writes, gradients=False), CASES)
    assert "arguments must not be written to; the input was" in str(report)


def test_torch_style_without_gradients_asks_for_none(halved):
    assert check_backend(torch_style(halved, gradients=False), CASES).passed


def operations_that_passed(report):
    assert report.passed, report
    return {record.operation for record in report.tally.records if record.outcome == "pass"}


def test_torch_style_asks_a_transposed_function_beside_the_forward_one():
    report = check_backend(torch_style(F.conv2d, transposed=F.conv_transpose2d), CASES)
    assert operations_that_passed(report) == set(OPERATIONS)


def test_torch_style_asks_no_operation_that_no_function_gives():
    report = check_backend(torch_style(F.conv2d, capabilities=Capabilities()), CASES[:1])
    assert "conv2d_transpose" not in operations_that_passed(report)


def test_torch_style_asks_a_transposed_function_alone_for_its_own_gradients():
    report = check_backend(torch_style(transposed=F.conv_transpose2d), CASES)
    assert operations_that_passed(report) == {"conv2d", "conv2d_backprop_filter", "conv2d_transpose"}


def test_torch_style_finds_a_wrong_transposed_function():
    def flipped(input, filters, **options):
        return F.conv_transpose2d(input, filters.flip(2, 3), **options)

    found = failures(torch_style(F.conv2d, transposed=flipped), CASES)
    assert {record.operation for record in found} == {"conv2d_transpose"}


def test_transposed_function_without_output_padding_lacks_the_cases_that_need_it():
    def without(input, filters, stride, padding, dilation, groups):
        return F.conv_transpose2d(input, filters, None, stride, padding, 0, groups, dilation)

    # In the first case the stride leaves a row that no window reads.
    report = check_backend(torch_style(transposed=without), ["n1_h8w6c2_k3x2o3_s2x1", "n1_h7w6c2_k3x2o3_s2x1"])
    operations_that_passed(report)
    unsupported = {record.case for record in report.tally.records if record.message == "takes no output_padding"}
    assert unsupported == {"n1_h8w6c2_k3x2o3_s2x1"}


def bias_on_the_first_channel(input, filters, bias, **options):
    """Add the first element of the bias to all channels."""
    return F.conv2d(input, filters, **options) + (0 if bias is None else bias[:1, None, None])


def transposed_biased(input, filters, bias=None, **options):
    return F.conv_transpose2d(input, filters, bias, **options)


@pytest.mark.parametrize(
    ("functions", "operations"),
    [
        ({"function": F.conv2d, "bias": True}, {"conv2d"}),
        ({"function": lambda x, w, bias=None, **options: F.conv2d(x, w, bias, **options)}, {"conv2d"}),
        ({"transposed": transposed_biased}, {"conv2d_transpose"}),
    ],
    ids=["declared", "by signature", "transposed"],
)
def test_torch_style_checks_the_bias(functions, operations):
    report = check_backend(torch_style(**functions), CASES)
    assert report.passed, report
    passed = [record for record in report.tally.records if record.outcome == "pass"]
    assert {record.operation for record in passed if record.check == "bias"} == operations


def test_torch_style_finds_a_wrong_bias():
    def wrong(input, filters, bias=None, **options):
        return bias_on_the_first_channel(input, filters, bias, **options)

    found = list(failures(torch_style(wrong), CASES))
    assert {record.check for record in found} == {"bias"}
    assert any("with a bias, which is taken off again" in record.message for record in found)


def into(x, w, y, step, pad, spread, parts):
    y.copy_(F.conv2d(x, w, None, step, pad, spread, parts))


NAMED = {"stride": "step", "padding": "pad", "dilation": "spread", "groups": "parts"}


def test_torch_style_gives_memory_for_the_answer_and_uses_the_functions_own_names():
    report = check_backend(torch_style(into, out="y", arguments={"input": "x", "filters": "w", **NAMED}), CASES)
    assert operations_that_passed(report) == {"conv2d"}


def test_torch_style_finds_what_a_function_leaves_unwritten():
    def leaves_a_row(input, filters, out, **options):
        out[:, :, :-1] = F.conv2d(input, filters, **options)[:, :, :-1]

    found = failures(torch_style(leaves_a_row, out="out"), CASES[:1])
    assert any("actual nan" in record.message for record in found)


def test_transposed_function_writes_to_memory_of_the_right_shape():
    def transposed_into(input, filters, out, **options):
        out.copy_(F.conv_transpose2d(input, filters, **options))

    report = check_backend(torch_style(transposed=transposed_into, out="out"), CASES)
    assert operations_that_passed(report) == {"conv2d_transpose"}


def test_torch_style_judges_the_first_of_several_values_and_says_so(capfd):
    def with_statistics(input, filters, **options):
        answer = F.conv2d(input, filters, **options)
        return answer, answer.mean(), answer.var()

    assert check_backend(torch_style(with_statistics), CASES[:1]).passed
    assert capfd.readouterr().err == "with_statistics returns 3 values: the first is judged, and no other.\n"


def test_option_that_a_function_does_not_take_is_a_lack():
    def plain(input, filters, stride, padding):
        return F.conv2d(input, filters, None, stride, padding)

    declared = torch_style(plain).capabilities
    assert [lack.reason for lack in declared.lacks] == ["takes no dilation", "takes no groups"]
    mapped = torch_style(F.conv2d, arguments={"groups": None}).capabilities
    assert [lack.reason for lack in mapped.lacks] == ["takes no groups"]


def test_option_that_a_function_takes_and_ignores_is_a_failure():
    def ignores(input, filters, stride, padding, dilation, groups):
        return F.conv2d(input[:, : filters.shape[1]], filters, None, stride, padding, dilation)

    assert next(failures(torch_style(ignores), CASES[:1]), None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"torch_style needs a function: torch_style\(conv2d\), or torch_style\(transposed=f\)"),
        (
            {"function": into, "out": "y", "gradients": True},
            "gradients must be False for a function that writes to 'y'",
        ),
        ({"function": into, "arguments": {"strides": "step"}}, "arguments may name input, filters, stride, padding"),
        (
            {"function": into, "arguments": {"stride": "hop"}},
            r"arguments\['stride'\] must be a parameter, one of .*; not 'hop'",
        ),
    ],
)
def test_torch_style_refuses_what_makes_no_sense(options, said):
    with pytest.raises(ValueError, match=said):
        torch_style(**options)


def test_backend_of_an_importable_function_is_isolated():
    backend = torch_style(torch_autograd_function.conv2d, gradients=False)
    report = check_backend(backend, CASES[:1], isolate=True)
    assert operations_that_passed(report) == {"conv2d"}
    assert report.subject.is_apart


def test_backend_that_cannot_be_isolated_says_why():
    def local(input, filters, **options):
        return F.conv2d(input, filters, **options)

    lacking = torch_style(torch_autograd_function.conv2d, capabilities=Capabilities(operations=("conv2d",)))
    for backend, why in [(torch_style(local), "is inside a function"), (lacking, "capabilities=...")]:
        with pytest.raises(ValueError, match=r"isolate=True needs .* can make again: .*") as caught:
            check_backend(backend, CASES[:1], isolate=True)
        assert why in str(caught.value)


def test_backend_of_an_importable_function_is_made_by_its_name_in_another_process():
    name = torch_style(torch_autograd_function.conv2d, gradients=False).making.name()
    assert name.startswith("torch_style(examples.torch_autograd_function:conv2d, gradients=False")
    subject = Subject.load(name)
    assert subject.is_apart
    assert subject.capabilities.operations == ("conv2d",)
    assert {record.outcome for record in judge(subject, Case.parse(CASES[0]), "conv2d", checks=EXACT)} == {PASS}


def test_function_that_hands_options_on_is_not_asked_for_a_bias():
    def several(input, filters, **options):
        return F.conv2d(input, filters, None, **options), input

    report = check_backend(torch_style(several), CASES[:1])
    assert report.passed, report
    assert "bias" not in {record.check for record in report.tally.records if record.outcome != "unsupported"}


def test_function_without_a_gradient_says_how_to_declare_it():
    def detached(input, filters, **options):
        return F.conv2d(input, filters.detach(), **options)

    report = check_backend(torch_style(detached), CASES[:1])
    assert {record.operation for record in report.failures} == {"conv2d_backprop_filter"}
    assert "RuntimeError: autograd found no gradient; for a function that has none, give gradients=False" in str(report)


def test_bias_of_a_function_that_takes_none_is_refused():
    with pytest.raises(ValueError, match=r"arguments\['bias'\] must be a parameter, one of x, w, .*; not 'bias'"):
        torch_style(lambda x, w, stride, padding, dilation, groups: None, bias=True)
