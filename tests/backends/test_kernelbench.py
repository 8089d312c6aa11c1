"""Five files of KernelBench's kind are judged: their own shape first, then one option changed at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from reference_impl.backends import registry
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.run import choice
from reference_impl.run.enough import FEWEST, completed
from reference_impl.run.judge import judge
from reference_impl.run.selection import CHECK_NAMES
from reference_impl.run.subject import Loaded, Subject
from reference_impl.verdicts.checks import CHECKS

FILES = Path(__file__).parents[1] / "kernelbench"
FORWARD = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")
EXACT = [check for check in CHECKS if check.name in ("shape_and_dtype", "exact")]


def subject_of(name):
    argument = f"{FILES / name}.py:ModelNew"
    return Subject.of(registry.load(argument), argument)


def outcomes(name, spec, operations=FORWARD):
    """The outcome of each operation on a case."""
    subject, case = subject_of(name), Case.parse(spec)
    found = {operation: judge(subject, case, operation, checks=EXACT) for operation in operations}
    return {operation: {record.outcome for record in records} for operation, records in found.items()}


OWN = "n2_h13w11c4_k3x2o6"


@pytest.mark.parametrize("case", [OWN, f"{OWN}_g2", f"{OWN}_s2x1", f"{OWN}_d1x2_p1,1,2,2", "n1_h6w7c2_k2x4o3"], ids=str)
def test_right_file_passes(case):
    assert outcomes("right", case) == {operation: {"pass"} for operation in FORWARD}


@pytest.mark.parametrize(
    ("name", "passes", "fails"),
    [
        ("groups_ignored", [OWN, f"{OWN}_s2x1"], [f"{OWN}_g2"]),
        ("one_shape", [OWN, "n3_h13w11c4_k3x2o6"], ["n2_h14w11c4_k3x2o6", f"{OWN}_s2x1"]),
        ("unwritten", ["n2_h13w13c4_k3x2o6"], [OWN, f"{OWN}_s2x1"]),
    ],
)
def test_wrong_file_passes_on_its_own_shape_and_fails_on_others(name, passes, fails):
    """allclose on the file's own shape would pass each of them."""
    assert [outcomes(name, case, ["conv2d"]) for case in passes] == [{"conv2d": {"pass"}}] * len(passes)
    for case in fails:
        assert {"fail", "refused"} & outcomes(name, case, ["conv2d"])["conv2d"]


def test_file_without_gradient_has_an_outcome_of_its_own():
    unsupported = {operation: {"unsupported"} for operation in FORWARD[1:]}
    assert outcomes("no_gradient", OWN) == {"conv2d": {"pass"}, **unsupported}


@pytest.mark.parametrize("name", ["right", "unwritten"])
def test_own_shape_comes_first_then_one_option_changed_then_limits(name):
    subject = subject_of(name)
    (own,) = subject.capabilities.made_for
    selections = [choice.for_verify(Loaded([subject], {}), examples=0), choice.for_own_backend(subject, examples=0)]
    for asked in selections:
        specs = [str(case) for case in asked.cases]
        assert specs[0] == own
        changed = specs.index(f"{own}_g2"), specs.index(f"{own}_s2x2"), specs.index(own.replace("n2", "n5"))
        limits = specs.index(str(catalogue.load("values")[0]))
        assert max(changed) < limits < specs.index(str(catalogue.load("curated")[0]))


def test_file_judges_enough_cases_of_one_shape_only():
    subject = subject_of("right")
    cases = choice.for_own_backend(subject, examples=0).cases
    assert len(subject.capabilities.supported("conv2d", cases)) > 100
    assert subject.capabilities.dtypes == ("float32",)


def write(folder, text):
    (folder / "mine.py").write_text(text)
    return f"{folder / 'mine.py'}:ModelNew"


TRANSPOSED = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride, padding)

    def forward(self, x):
        return self.conv(x)

class ModelNew(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(in_channels, out_channels, kernel_size, kernel_size))
        self.options = stride, padding

    def forward(self, x):
        return nn.functional.conv_transpose2d(x, self.weight, None, *self.options)

def get_inputs():
    return [torch.rand(2, 3, 5, 6)]

def get_init_inputs():
    return [3, 4, 3, 2, 1]
"""


def test_transposed_file_is_asked_for_conv2d_transpose(tmp_path):
    subject = Subject.of(registry.load(write(tmp_path, TRANSPOSED)))
    assert subject.capabilities.made_for == ("n2_h9w11c4_k3x3o3_s2x2_p1,1,1,1",)
    for case in (subject.capabilities.made_for[0], "n1_h7w7c2_k3o2"):
        for operation in ("conv2d_transpose", "conv2d_backprop_filter", "conv2d"):
            assert {record.outcome for record in judge(subject, Case.parse(case), operation, checks=EXACT)} == {"pass"}
    # One integer stands for both axes, and no layer has output_padding.
    assert not subject.capabilities.supported("conv2d_transpose", [Case.parse("n1_h7w7c2_k3x2o2")])


FIXED = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, kernel_size=5, stride=4, padding=2)

    def forward(self, x):
        return self.conv1(x)

class ModelNew(Model):
    pass

def get_inputs():
    return [torch.rand(64, 3, 22, 22)]

def get_init_inputs():
    return [1000]
"""


LISTS = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, channels: list, kernel_size: list, stride: list = [1, 1], padding: list = [0, 0]):
        super().__init__()
        self.conv = nn.Conv2d(channels[0], channels[1], tuple(kernel_size), tuple(stride), tuple(padding))

    def forward(self, x):
        return self.conv(x)

class ModelNew(Model):
    pass

def get_inputs():
    return [torch.rand(2, 4, 9, 8)]

def get_init_inputs():
    return [[4, 6], [3, 2], [2, 1]]
"""
WITHOUT_NAMES = (
    LISTS.replace("channels: list, kernel_size: list, stride: list = [1, 1], padding: list = [0, 0]", "*all")
    .replace("channels[0], channels[1], tuple(kernel_size), tuple(stride), tuple(padding)", "*all")
    .replace("[[4, 6], [3, 2], [2, 1]]", "[4, 6, [3, 2], [2, 1]]")
)


@pytest.mark.parametrize(("text", "kernels"), [(LISTS, 2), (WITHOUT_NAMES, 1)], ids=["lists", "args"])
def test_file_whose_model_takes_lists_is_asked_with_its_own_and_what_can_be_replaced(tmp_path, text, kernels):
    subject = Subject.of(registry.load(write(tmp_path, text)))
    own = Case.parse(subject.capabilities.made_for[0])
    assert str(own) == "n2_h9w8c4_k3x2o6_s2x1"
    asked = ["n1_h7w7c4_k3x2o6_s2x1", "n1_h7w7c4_k2x2o6_s2x1", "n1_h7w7c3_k3x2o6_s2x1"]
    supported = subject.capabilities.supported("conv2d", [own, *map(Case.parse, asked)])
    assert len(supported) == 1 + kernels
    for case in supported:
        assert {record.outcome for record in judge(subject, case, "conv2d", checks=EXACT)} == {"pass"}
    enough = completed([], [subject], ("conv2d",), ("float32",), 0)
    assert len(subject.capabilities.supported("conv2d", enough)) >= FEWEST


def test_constructor_with_other_names_is_called_by_place(tmp_path):
    head, tail = TRANSPOSED.split("class ModelNew(nn.Module):")
    renamed = f"{head}class ModelNew(nn.Module):{tail.replace('self, in_channels: int', 'self, cin: int')}"
    renamed = renamed.replace("torch.rand(in_channels", "torch.rand(cin")
    assert renamed != TRANSPOSED
    subject = Subject.of(registry.load(write(tmp_path, renamed)))
    for case in (subject.capabilities.made_for[0], "n1_h7w7c2_k3o2"):
        records = judge(subject, Case.parse(case), "conv2d_transpose", checks=EXACT)
        assert {record.outcome for record in records} == {"pass"}


def test_argument_that_the_new_constructor_does_not_take_is_a_lack(tmp_path):
    head, tail = TRANSPOSED.split("class ModelNew(nn.Module):")
    tail = tail.replace(", padding: int = 0", "").replace("stride, padding", "stride, 1")
    subject = Subject.of(registry.load(write(tmp_path, f"{head}class ModelNew(nn.Module):{tail}")))
    reasons = [lack.reason for lack in subject.capabilities.lacks]
    assert "ModelNew takes no padding" in reasons
    own = Case.parse(subject.capabilities.made_for[0])
    assert {record.outcome for record in judge(subject, own, "conv2d_transpose", checks=EXACT)} == {"pass"}
    assert not subject.capabilities.supported("conv2d_transpose", [Case.parse("n1_h7w7c2_k3o2")])


def test_file_without_options_is_asked_with_other_batches_and_images_only(tmp_path):
    """Problem 50 is one: its constructor takes none of its options."""
    subject = Subject.of(registry.load(write(tmp_path, FIXED)))
    own = Case.parse(subject.capabilities.made_for[0])
    assert (own.kernel_size, own.strides, own.padding) == ((5, 5), (4, 4), ((2, 2), (2, 2)))
    asked = choice.for_own_backend(subject, examples=0)
    supported = subject.capabilities.supported("conv2d", asked.cases)
    assert len(supported) >= 10
    assert {case.filter_sizes for case in supported} == {(5, 5, 3, 8)}
    assert {record.outcome for record in judge(subject, own, "conv2d", checks=EXACT)} == {"pass"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kernel_size=5, stride=4, padding=2)", "5); self.second = nn.Conv2d(8, 4, 1)"), "it holds 2"),
        (("torch.rand(64, 3, 22, 22)", "torch.rand(64)"), r"must return one tensor of 4 axes, the images; not \(64,\)"),
    ],
)
def test_file_that_is_no_single_convolution_is_refused(tmp_path, change, said):
    with pytest.raises(ValueError, match=said):
        registry.load(write(tmp_path, FIXED.replace(*change)))


def test_command_line_judges_a_file_by_its_path():
    words = ["verify", "--backend", f"{FILES / 'groups_ignored'}.py:ModelNew", "--check", "exact", "--processes", "1"]
    assert "exact" in CHECK_NAMES
    result = CliRunner().invoke(app, [*words, "--cases", OWN, "--cases", f"{OWN}_g2", "--operation", "conv2d"])
    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert f"groups_ignored unversioned: conv2d on {OWN}_g2" in said


def test_catalogue_has_the_facts_that_the_page_states():
    """docs/your-kernel.md: 13 of 19 problems have stride 1, no padding and no dilation, and one has groups."""
    by_problem: dict[str, list[Case]] = {}
    for entry in catalogue.entries("kernelbench"):
        by_problem.setdefault(entry.comment.split()[0], []).append(entry.case)
    assert len(by_problem) == 19
    plain = [
        number
        for number, cases in by_problem.items()
        if all(case.strides == case.dilations == (1, 1) and case.padding == "VALID" for case in cases)
    ]
    assert len(plain) == 13
    grouped = [n for n, cases in by_problem.items() if any(1 < case.groups < case.input_channels for case in cases)]
    assert grouped == ["75"]
