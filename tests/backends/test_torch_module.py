"""A layer of torch becomes a backend: what its constructor takes is asked, and what it does not take is a lack."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from undiagnosed import failures

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities, check_backend, torch_module
from reference_impl.run.enough import FEWEST

CASES = ["n2_h7w9c4_k3x2o6_s2x3_g2_p1,1,0,0", "n1_h6w5c3_k2x3o3_d2x1", "n2_h5w6c2_k3x2o3_p1,2,0,0"]
PLAIN = ["n2_h7w9c4_k3o6", "n1_h6w5c3_k3o3"]


class Layer(nn.Module):
    """A layer of square kernels, with other names for its options; `convolve` is what a wrong one overrides."""

    def __init__(self, cin, cout, k: int, stride_h=1, stride_w=1):
        super().__init__()
        self.w = nn.Parameter(torch.rand(self.order(cin, cout, k)))
        self.strides = stride_h, stride_w

    def order(self, inputs, outputs, kernel):
        return outputs, inputs, kernel, kernel

    def forward(self, x):
        return self.convolve(x, self.w)

    def convolve(self, x, w):
        return F.conv2d(x, w, stride=self.strides)


class NamedOddly(Layer):
    def __init__(self, cin, cout, size):
        super().__init__(cin, cout, size)


class InputsFirst(Layer):
    """Its weight is IOHW."""

    def order(self, inputs, outputs, kernel):
        return inputs, outputs, kernel, kernel

    def convolve(self, x, w):
        return F.conv2d(x, w.transpose(0, 1), stride=self.strides)


class InputsFirstInShapeOnly(InputsFirst):
    """It reads its weight as OIHW where that is possible."""

    def convolve(self, x, w):
        return F.conv2d(x, w if w.shape[0] == w.shape[1] else w.transpose(0, 1), stride=self.strides)


class NoBackward(Layer):
    @torch.no_grad()
    def convolve(self, x, w):
        return super().convolve(x, w)


class NoWeightGradient(Layer):
    def convolve(self, x, w):
        return super().convolve(x, w.detach())


class Depthwise(nn.Module):
    def __init__(self, channels, kernel_size):
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, kernel_size, groups=channels)

    def forward(self, x):
        return self.inner(x)


class BiasTwice(nn.Conv2d):
    def forward(self, x):
        answer = super().forward(x)
        return answer if self.bias is None else answer + self.bias[:, None, None]


class RemembersItsAnswer(nn.Conv2d):
    """Each layer keeps its answer, by the shape of the images."""

    def forward(self, x):
        kept = self.__dict__.setdefault("kept", {})
        return kept.setdefault((x.shape, x.dtype), super().forward(x)).clone()


def outcomes(report, operation):
    return {record.outcome for record in report.tally.records if record.operation == operation}


def reasons(backend):
    return [lack.reason for lack in backend.capabilities.lacks if "empty" not in lack.reason]


NO_GRADIENT = ["gives autograd no gradient of its input", "gives autograd no gradient of its weight"]


@pytest.mark.parametrize(
    ("layer", "operations"),
    [
        (nn.Conv2d, ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")),
        (nn.ConvTranspose2d, ("conv2d", "conv2d_backprop_filter", "conv2d_transpose")),
    ],
)
def test_torchs_own_layer_passes_with_all_its_options(layer, operations):
    backend = torch_module(layer)
    report = check_backend(backend, CASES)
    assert report.passed, report
    assert set(backend.capabilities.operations) == set(operations)
    assert backend.capabilities.dtypes == ("float32", "float64")
    assert reasons(backend) == NO_GRADIENT
    assert all(outcomes(report, operation) == {"pass"} for operation in operations)


@pytest.mark.parametrize("layer", [Layer, InputsFirst])
def test_option_that_the_constructor_does_not_take_is_a_lack(layer):
    backend = torch_module(layer, arguments={"in_channels": "cin", "out_channels": "cout", "kernel_size": "k"})
    assert reasons(backend) == [
        "takes no padding",
        "takes no dilation",
        "takes no groups",
        "takes square kernels only",
        *NO_GRADIENT,
    ]
    assert backend.capabilities.dtypes == ("float32",)
    report = check_backend(backend, [*PLAIN, "n1_h8w7c2_k3o4_s1x2"])
    assert report.passed, report
    assert outcomes(report, "conv2d_backprop_filter") == {"pass"}


def test_order_of_a_weight_whose_shape_fits_twice_is_seen_on_other_sizes():
    # In the second case there are as many inputs as outputs.
    backend = torch_module(InputsFirstInShapeOnly, arguments=NAMES)
    assert {record.case for record in failures(backend, PLAIN)} == {str(Case.parse(PLAIN[1]))}


NAMES = {"in_channels": "cin", "out_channels": "cout", "kernel_size": "k"}


@pytest.mark.parametrize(
    ("layer", "without"),
    [
        (NoBackward, {"conv2d_backprop_input", "conv2d_backprop_filter"}),
        (NoWeightGradient, {"conv2d_backprop_filter"}),
    ],
)
def test_layer_without_gradient_has_an_outcome_of_its_own(layer, without):
    report = check_backend(torch_module(layer, arguments=NAMES), PLAIN)
    assert report.passed, report
    operations = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")
    found = {operation: outcomes(report, operation) for operation in operations}
    assert found == {operation: {"unsupported" if operation in without else "pass"} for operation in operations}
    assert "gives autograd no gradient of its weight" in str(report)


def test_layer_without_groups_or_outputs_is_asked_depthwise_if_its_weight_is():
    backend = torch_module(Depthwise)
    assert reasons(backend) == [
        "takes no stride",
        "takes no padding",
        "takes no dilation",
        "is depthwise only",
        "takes as many output as input channels only",
        *NO_GRADIENT,
    ]
    report = check_backend(backend, ["n2_h7w9c4_k3x2o4_g4", "n2_h7w9c4_k3x2o4"])
    assert report.passed, report
    assert outcomes(report, "conv2d") == {"pass", "unsupported"}


def test_wrong_bias_is_found():
    assert {record.check for record in failures(torch_module(BiasTwice), CASES)} == {"bias"}


def test_layer_that_remembers_its_answer_is_found():
    assert "remembers_nothing" in {record.check for record in failures(torch_module(RemembersItsAnswer), CASES[1:2])}


def test_instance_is_asked_with_its_own_channels_kernel_and_options_only():
    layer = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, groups=2)
    backend = torch_module(layer)
    assert backend.capabilities.made_for == ("n2_h10w7c4_k3x2o6_s2x1_g2_p1,1,1,1",)
    assert reasons(backend)[0] == "is one layer: 4 input channels and k3x2o6_s2x1_g2_p1,1,1,1 only"
    own = check_backend(backend, [*backend.capabilities.made_for, "n1_h5w6c4_k3x2o6_s2x1_g2_p1,1,1,1"])
    assert own.passed, own
    assert outcomes(own, "conv2d_backprop_input") == outcomes(own, "conv2d_backprop_filter") == {"pass"}
    # The cases that are chosen for it are the same for its gradients.
    forward = torch_module(layer, capabilities=Capabilities(operations=("conv2d",), dtypes=("float32",)))
    report = check_backend(forward, examples=0)
    assert report.passed, report
    assert report.judged.judged["conv2d"] >= 10


class Flipped(nn.Conv2d):
    """Flips its kernel from top to bottom."""

    def forward(self, x):
        return self._conv_forward(x, self.weight.flip(2), self.bias)


FORWARD = Capabilities(operations=("conv2d",), dtypes=("float32",))


@pytest.mark.parametrize("options", [{"stride": 2, "padding": 1}, {"dilation": (2, 3)}, {"padding": "same"}], ids=str)
def test_instance_is_given_enough_smoke_cases_that_have_its_options(options):
    right, wrong = (torch_module(kind(3, 4, (3, 5), **options), capabilities=FORWARD) for kind in (nn.Conv2d, Flipped))
    report = check_backend(right, "smoke")
    assert report.passed, report
    assert report.judged.judged["conv2d"] >= FEWEST
    assert next(failures(wrong, "smoke"), None)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (
            lambda: torch_module(nn.Conv2d(3, 4, (2, 3), padding="same")),
            ValueError,
            "must pad both sides alike; padding='same' with a kernel of 2x3 and dilation 1x1 adds 1 rows and 2 columns",
        ),
        (
            lambda: torch_module(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")),
            ValueError,
            "an instance must have padding_mode 'zeros'; Conv2d has 'reflect'",
        ),
        (lambda: torch_module(nn.ReLU()), ValueError, "ReLU holds 0: give the class"),
        (
            lambda: torch_module(NamedOddly),
            ValueError,
            r"NamedOddly needs size, which is no .*; give it: torch_module\(NamedOddly, given={'size': ...}\), or say",
        ),
        (lambda: torch_module(F.conv2d), TypeError, "torch_module needs a torch.nn.Module, or its class"),
        (
            lambda: torch_module(Layer(2, 3, 3)),
            ValueError,
            "an instance must hold one module with the attributes stride, padding, dilation, groups and weight",
        ),
    ],
)
def test_layer_that_cannot_be_asked_is_refused(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_layer_with_other_parameters_says_so():
    class Scaled(nn.Conv2d):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.scale = nn.Parameter(torch.ones(()))

    # Each operation would be diagnosed.
    report = check_backend(torch_module(Scaled, capabilities=Capabilities(operations=("conv2d",))), CASES[:1])
    assert "a layer must hold a weight and a bias only; Scaled also has ['scale']" in str(report)
