"""A case and its spec say the same, and the error for a bad spec points at the bad part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from reference_impl.cases.case import DTYPES, Case
from reference_impl.cases.generation import PADDING_MODES
from reference_impl.cases.strategies import cases

FULL_SPEC = "n2_h8w11c6_k3x2o4_s3x2_d2x1_g2_SAME_LOWER_bfloat16"


@given(cases(dtypes=DTYPES))
def test_parse_reads_what_str_writes(case):
    assert Case.parse(str(case)) == case


def test_repr_is_code_that_makes_the_case():
    case = Case.parse(FULL_SPEC)
    assert repr(case) == f"Case.parse('{FULL_SPEC}')"
    assert eval(repr(case)) == case


@pytest.mark.parametrize(
    ("spec", "case"),
    [
        ("n1_h5w6c2_k3x4o7", Case(1, 5, 6, 2, (3, 4), 7)),
        ("n1_h5w6c2_k3x4o7_s2x1", Case(1, 5, 6, 2, (3, 4), 7, strides=(2, 1))),
        ("n1_h5w6c2_k3x4o7_d1x2_SAME", Case(1, 5, 6, 2, (3, 4), 7, dilations=(1, 2), padding="SAME")),
        ("n1_h5w6c2_k3x4o7_p1,2,0,3", Case(1, 5, 6, 2, (3, 4), 7, padding=((1, 2), (0, 3)))),
        ("n1_h5w6c2_k3x4o7_p0,0,0,0", Case(1, 5, 6, 2, (3, 4), 7, padding=((0, 0), (0, 0)))),
        ("n0_h5w6c2_k3x4o7_FULL_int8", Case(0, 5, 6, 2, (3, 4), 7, padding="FULL", dtype="int8")),
        (FULL_SPEC, Case(2, 8, 11, 6, (3, 2), 4, (3, 2), (2, 1), 2, "SAME_LOWER", "bfloat16")),
    ],
)
def test_spec_is_the_case(spec, case):
    assert str(case) == spec
    assert Case.parse(spec) == case


@pytest.mark.parametrize(
    "spec",
    [
        "n1_h5w6c2_k3x4o7_s1x1_d1x1_g1_VALID_float32",
        "n1_h5w6c2_k3x4o7_float32_VALID_g1_d1_s1",
        "k3x4o7_h5w6c2_n1",
    ],
)
def test_str_leaves_defaults_out(spec):
    assert str(Case.parse(spec)) == "n1_h5w6c2_k3x4o7"


def test_parse_takes_one_number_for_both_axes():
    assert str(Case.parse("n1_h9w9c2_k3o7_s2_d3")) == "n1_h9w9c2_k3x3o7_s2x2_d3x3"


@pytest.mark.parametrize("dtype", DTYPES)
def test_with_dtype_changes_nothing_else(dtype):
    case = Case.parse(FULL_SPEC)
    assert str(case.with_dtype(dtype)).replace(f"_{dtype}", "") == FULL_SPEC.replace("_bfloat16", "")
    assert case.with_dtype(dtype).with_dtype("bfloat16") == case


@pytest.mark.parametrize(
    ("spec", "reason", "bad_part"),
    [
        ("n1_h5w6c2_k3x4o7_SAMEE", "'SAMEE' should be", "SAMEE"),
        ("n1_h5w6c2_k3x4o7_s2x", "'s2x' should be s<stride height>x<stride width>", "s2x"),
        ("n1_h5w6c2_k3x4o7_p1,2", "'p1,2' should be p<top>,<bottom>,<left>,<right>", "p1,2"),
        ("n1_h5c2w6_k3x4o7", "'h5c2w6' should be h<height>w<width>c<input channels>", "h5c2w6"),
        ("n-1_h5w6c2_k3x4o7", "'n-1' should be n<batch>", "n-1"),
        ("b1_h5w6c2_k3x4o7", "'b1' should be n<batch>, h<height>", "b1"),
        ("n1_h5w6c2_k3x4o7_float31", "'float31' should be", "float31"),
        ("n\u0661_h5w6c2_k3x4o7", "'n\u0661' should be n<batch>", "n\u0661"),  # an Arabic-Indic 1
        ("n1_h5w6c2_k3x\uff14o7", "'k3x\uff14o7' should be k<kernel height>", "k3x\uff14o7"),  # a full-width 4
        ("n1_h5w6c2_k3x4o7_p0,0,\u0967,0", "should be p<top>", "p0,0,\u0967,0"),  # a Devanagari 1
        ("n1_h5w6c2_k3x4o7_s\u00b2", "'s\u00b2' should be s<stride height>", "s\u00b2"),
        (f"n1_h5w6c2_k3x4o{'7' * 5000}", "must have at most 1000 characters", f"k3x4o{'7' * 5000}"),
        ("n1_h5w6c2_k3x4o7_s2_SAME_s3", "'s3' gives the s a second time", "s3"),
        ("n1_h5w6c2_k3x4o7_SAME_p1,2,3,4", "'p1,2,3,4' gives the padding a second time", "p1,2,3,4"),
        ("n1_h5w6c2_k3x4o7_int8_int16", "'int16' gives the dtype a second time", "int16"),
        ("n1__h5w6c2_k3x4o7", "'' should be", "_"),
        ("n1_h5w6c2", "it ends without k<kernel height>x<kernel width>o<output channels>", ""),
        ("k3x4o7", "it ends without n<batch> and h<height>w<width>c<input channels>", ""),
    ],
)
def test_parse_points_at_the_bad_part(spec, reason, bad_part):
    with pytest.raises(ValueError, match="cannot read the case") as raised:
        Case.parse(spec)
    message, shown, pointer = str(raised.value).split("\n    ")
    assert reason in message
    assert shown == spec
    start, stop = len(pointer) - len(pointer.lstrip()), len(pointer)
    assert shown[start:stop] == bad_part


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("n1_h5w6c2_k7x4o7", "kernel must fit in the padded input along height: kernel extent 7 > padded size 5"),
        ("n1_h5w6c2_k3x4o7_g3", "groups must divide the channels: input's last axis 2 % groups 3"),
        ("n1_h5w6c2_k3x4o7_g0", "groups must be >= 1, not 0"),
        ("n1_h5w6c2_k3x4o7_s0", "strides along height must be >= 1, not 0"),
        ("n1_h5w6c2_k0x4o7", "kernel_size along height must be >= 1, not 0"),
    ],
)
def test_parse_says_why_sizes_are_no_convolution(spec, rule):
    with pytest.raises(ValueError, match="is no convolution") as raised:
        Case.parse(spec)
    assert str(raised.value).startswith(f"{spec} is no convolution: {rule}")


@pytest.mark.parametrize("spec", [None, b"n1_h5w6c2_k3x4o7", 1], ids=repr)
def test_parse_refuses_what_is_no_string(spec):
    with pytest.raises(TypeError, match="a case must be a string, not "):
        Case.parse(spec)


def test_direct_construction_normalises():
    case = Case(np.int64(1), 9, 9, 4, 3, 8, strides=2, dilations=[1, 2], groups=np.int32(2), padding=[[1, 2], [0, 3]])
    assert case == Case(1, 9, 9, 4, (3, 3), 8, (2, 2), (1, 2), 2, ((1, 2), (0, 3)))
    assert {type(case.batch), type(case.groups)} == {int}
    assert hash(case) == hash(Case.parse(str(case)))


@pytest.mark.parametrize(
    ("changes", "error", "rule"),
    [
        ({"batch": -1}, ValueError, "batch must be >= 0, not -1"),
        ({"height": -5}, ValueError, "height must be >= 0, not -5"),
        ({"input_channels": "3"}, TypeError, "input_channels must be an integer, not '3'"),
        ({"output_channels": 2.0}, TypeError, "output_channels must be an integer, not 2.0"),
        ({"groups": 0}, ValueError, "groups must be >= 1, not 0"),
        ({"groups": True}, TypeError, "groups must be an integer, not True"),
        ({"strides": (1, 2, 3)}, ValueError, "strides must be an integer or a"),
        ({"padding": "same"}, ValueError, "padding must be one of VALID, SAME, SAME_LOWER, FULL"),
        ({"padding": ((0, -1), (0, 0))}, ValueError, "padding along height after must be >= 0, not -1"),
        ({"dtype": "float"}, ValueError, "dtype must be one of int8"),
        ({"dtype": np.dtype("float32")}, ValueError, "dtype must be one of int8"),
        ({"dtype": None}, ValueError, "dtype must be one of int8"),
        (
            {"kernel_size": {3, 2}},
            TypeError,
            r"kernel_size must be an integer or a \(height, width\) pair, in that order",
        ),
        ({"batch": 10**5000}, ValueError, "batch must be an integer that int64 holds, not one of 16610 bits"),
    ],
)
def test_direct_construction_refuses(changes, error, rule):
    sizes = {"batch": 1, "height": 5, "width": 6, "input_channels": 2, "kernel_size": (3, 2), "output_channels": 4}
    with pytest.raises(error, match=rule):
        Case(**{**sizes, **changes})


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_padding_mode_is_the_word_or_explicit(mode):
    padding = ((1, 0), (0, 2)) if mode == "EXPLICIT" else mode
    assert Case(1, 5, 6, 2, (3, 2), 4, padding=padding).padding_mode == mode


def test_sizes_of_a_case():
    case = Case.parse("n2_h12w9c6_k3x4o10_s1x2_d2x1_g2_p0,3,2,1")
    assert case.input_sizes == (2, 12, 9, 6)
    assert case.filter_sizes == (3, 4, 3, 10)
    assert case.output_shape == (2, 11, 5, 10)
    assert case.options == {"strides": (1, 2), "padding": ((0, 3), (2, 1)), "dilations": (2, 1), "groups": 2}
