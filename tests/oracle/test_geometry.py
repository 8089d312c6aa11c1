"""Sizes and padding equal hand-computed ones, and transposed sizes those that a search through all sizes finds."""

from __future__ import annotations

import itertools

import pytest

from reference_impl import definition
from reference_impl.geometry import Axis, Convolution, TransposedSizes, padding_of, transposed_sizes

PADDINGS = ("VALID", "SAME", "SAME_LOWER", "FULL", (0, 0), (1, 1), (2, 0), (0, 3), (3, 4))


@pytest.mark.parametrize(
    ("padding", "size", "extent", "stride", "expected"),
    [
        ("VALID", 5, 3, 2, (0, 0)),
        ("FULL", 5, 5, 2, (4, 4)),
        ("SAME", 5, 3, 1, (1, 1)),
        ("SAME", 5, 2, 1, (0, 1)),
        ("SAME_LOWER", 5, 2, 1, (1, 0)),
        ("SAME", 6, 3, 2, (0, 1)),
        ("SAME_LOWER", 6, 3, 2, (1, 0)),
        ("SAME", 4, 1, 2, (0, 0)),
        ("SAME", 7, 3, 1, (1, 1)),  # kernel 2, dilation 2
        ("SAME", 8, 5, 3, (1, 2)),  # kernel 3, dilation 2
        ("SAME_LOWER", 8, 5, 3, (2, 1)),
        ((1, 2), 8, 5, 3, (1, 2)),
    ],
)
def test_padding_of_is_the_hand_computed_one(padding, size, extent, stride, expected):
    assert padding_of(padding, size, extent, stride) == expected


@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_padding_of_equals_the_definition(padding):
    geometries = itertools.product(range(1, 13), range(1, 6), range(1, 5), range(1, 4))
    wrong = [
        (size, kernel, stride, dilation)
        for size, kernel, stride, dilation in geometries
        if padding_of(padding, size, (kernel - 1) * dilation + 1, stride)
        != definition.pads(padding, size, kernel, stride, dilation)
    ]
    assert not wrong


@pytest.mark.parametrize("padding", ["same", "", "CAUSAL", "SAME_UPPER"])
def test_padding_of_refuses_an_unknown_word(padding):
    with pytest.raises(ValueError, match="padding must be one of VALID, SAME, SAME_LOWER, FULL"):
        padding_of(padding, 5, 3, 1)


@pytest.mark.parametrize(
    ("axis", "extent", "padded", "outputs", "leftover"),
    [
        pytest.param(Axis(5, 3), 3, 5, 3, 0, id="plain"),
        pytest.param(Axis(6, 3, stride=2), 3, 6, 2, 1, id="stride-2-leaves-1"),
        pytest.param(Axis(5, 3, dilation=2), 5, 5, 1, 0, id="dilation-2"),
        pytest.param(Axis(7, 2, stride=3, dilation=3, pad_before=1, pad_after=2), 4, 10, 3, 0, id="all"),
        pytest.param(Axis(0, 2, pad_before=1, pad_after=2), 2, 3, 2, 0, id="padding-alone"),
    ],
)
def test_axis_sizes_are_the_hand_computed_ones(axis, extent, padded, outputs, leftover):
    assert (axis.kernel_extent, axis.padded_size, axis.output_size, axis.leftover) == (
        extent,
        padded,
        outputs,
        leftover,
    )


def test_axis_refuses_a_kernel_larger_than_the_padded_input():
    with pytest.raises(ValueError, match=r"along depth: kernel extent 5 > padded size 4 \(input 1, padding 1\+2,"):
        Axis(1, 3, dilation=2, pad_before=1, pad_after=2, name="depth")


@pytest.mark.parametrize(
    ("tap", "outputs", "expected"),
    [
        # input 0..4, a zero before: output h sees position 2h + tap - 1
        (0, range(3), (slice(1, 3), slice(1, 4, 2))),
        (1, range(3), (slice(0, 3), slice(0, 5, 2))),
        (1, range(1, 3), (slice(0, 2), slice(2, 5, 2))),
        (0, range(1), (slice(0, 0), slice(0, 0))),
    ],
    ids=["first-tap-misses-the-padding", "second-tap-sees-all", "block-from-1", "block-sees-padding-alone"],
)
def test_axis_reads_the_positions_that_are_input(tap, outputs, expected):
    assert Axis(5, 2, stride=2, pad_before=1).reads(tap, outputs) == expected


@pytest.mark.parametrize("pads", [(0, 0), (1, 3), (4, 0), (7, 9)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(1, 1, 1), (3, 1, 1), (3, 2, 1), (2, 3, 4), (3, 5, 2)])
def test_axis_reach_has_what_the_windows_read(kernel, stride, dilation, pads):
    axis = Axis(5, kernel, stride, dilation, *pads)
    for start, stop in itertools.combinations(range(axis.output_size + 1), 2):
        outputs = range(start, stop)
        read = {place for tap in range(kernel) for place in range(5)[axis.reads(tap, outputs)[1]]}
        assert read <= set(axis.reach(outputs))
        ends = range(start * stride, (stop - 1) * stride + axis.kernel_extent)  # of the padded input
        assert axis.padded.reach(outputs) == ends
        assert set(axis.reach(outputs)) == {place - pads[0] for place in ends} & set(range(5))
    assert len(axis.reach(range(0))) == 0


def test_padded_axis_has_the_same_windows():
    axis = Axis(5, 2, stride=2, dilation=3, pad_before=4, pad_after=1)
    outputs = range(axis.output_size)
    assert (axis.padded.input_size, axis.padded.output_size) == (axis.padded_size, axis.output_size)
    for tap in range(axis.kernel_size):
        every, padded = axis.padded.reads(tap, outputs)
        assert every == slice(0, axis.output_size)  # none is padding
        inside, _ = axis.reads(tap, outputs)
        inputs = [place - axis.pad_before for place in range(axis.padded_size)[padded]]
        assert inputs[inside] == list(range(5)[axis.reads(tap, outputs)[1]])
    assert axis.pad.reads(0, range(axis.padded_size)) == (slice(4, 9), slice(0, 5, 1))


def test_convolution_names_its_sizes_height_first():
    options = {"strides": (3, 2), "padding": ((1, 2), (0, 3)), "dilations": (2, 1), "groups": 2}
    convolution = Convolution.checked((5, 11, 9, 4), (3, 2, 2, 6), *options.values())
    assert convolution.input_sizes == (5, 11, 9, 4)
    assert convolution.filter_sizes == (3, 2, 2, 6)
    assert convolution.output_shape == (5, 4, 6, 6)  # (14 - 5) // 3 + 1, (12 - 2) // 2 + 1
    assert convolution.padding == ((1, 2), (0, 3))


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("conv2d", 12),  # 6 taps, 2 channels of a group
        ("conv2d_backprop_input", 18),  # 6 taps, 3 output channels of a group
        ("conv2d_transpose", 18),
        ("conv2d_backprop_filter", 120),  # 5 images of 4 x 6 positions
    ],
)
def test_terms_are_the_hand_computed_ones(operation, expected):
    options = {"strides": (3, 2), "padding": ((1, 2), (0, 3)), "dilations": (2, 1), "groups": 2}
    assert Convolution.checked((5, 11, 9, 4), (3, 2, 2, 6), *options.values()).terms(operation) == expected


def test_terms_refuses_an_unknown_operation():
    convolution = Convolution.checked((1, 2, 2, 1), (1, 1, 1, 1), 1, "VALID", 1, 1)
    with pytest.raises(ValueError, match="operation must be one of the four, not 'conv3d'"):
        convolution.terms("conv3d")


@pytest.mark.parametrize("kernel", range(1, 5))
@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_legal_transposed_sizes_are_all_that_a_search_finds(padding, kernel):
    wrong = []
    for stride, dilation, outputs in itertools.product(range(1, 5), range(1, 4), range(1, 6)):
        actual = transposed_sizes(outputs, kernel, stride=stride, dilation=dilation, padding=padding).legal
        if actual != tuple(
            size for size in range(1, 40) if forward(size, kernel, stride, dilation, padding) == outputs
        ):
            wrong.append((stride, dilation, outputs, actual))
    assert not wrong


def forward(size, kernel, stride, dilation, padding):
    return definition.output_size(
        size, kernel, stride, dilation, *definition.pads(padding, size, kernel, stride, dilation)
    )


@pytest.mark.parametrize(
    ("outputs", "kernel", "options", "expected"),
    [
        pytest.param(3, 3, {}, TransposedSizes((5,), 5, 5), id="VALID"),
        pytest.param(3, 3, {"stride": 2}, TransposedSizes((7, 8), 7, 7), id="VALID-stride-2"),
        # Keras adds max(kernel - stride, 0), torch kernel - stride.
        pytest.param(3, 1, {"stride": 2}, TransposedSizes((5, 6), 6, 5), id="VALID-stride-above-kernel"),
        pytest.param(3, 3, {"stride": 2, "padding": "SAME"}, TransposedSizes((5, 6), 6, None), id="SAME-stride-2"),
        pytest.param(
            3, 3, {"stride": 2, "padding": "SAME_LOWER"}, TransposedSizes((5, 6), None, None), id="SAME_LOWER-stride-2"
        ),
        pytest.param(5, 2, {"padding": "FULL"}, TransposedSizes((4,), None, 4), id="FULL"),
        pytest.param(1, 2, {"padding": "FULL"}, TransposedSizes((), None, None), id="FULL-none"),
        # (3 - 1) * 2 - 2 * 1 + 2 * (3 - 1) + 1
        pytest.param(
            3, 3, {"stride": 2, "dilation": 2, "padding": (1, 1)}, TransposedSizes((7, 8), None, 7), id="symmetric"
        ),
        pytest.param(3, 3, {"stride": 2, "padding": (0, 1)}, TransposedSizes((6, 7), None, None), id="uneven"),
        pytest.param(
            1, 1, {"stride": 3, "padding": (1, 1)}, TransposedSizes((1,), None, None), id="sizes-below-1-left-out"
        ),
    ],
)
def test_transposed_sizes_are_the_hand_computed_ones(outputs, kernel, options, expected):
    assert transposed_sizes(outputs, kernel, **options) == expected


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"input_size": 0}, ValueError, "input_size must be >= 1, not 0"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be >= 1, not 0"),
        ({"stride": 0}, ValueError, "stride must be >= 1, not 0"),
        ({"dilation": -1}, ValueError, "dilation must be >= 1, not -1"),
        ({"stride": 1.0}, TypeError, "stride must be an integer, not 1.0 of type float"),
        ({"input_size": True}, TypeError, "input_size must be an integer, not True of type bool"),
        ({"padding": "same"}, ValueError, "padding must be one of VALID, SAME, SAME_LOWER, FULL"),
        ({"padding": (1,)}, ValueError, r"padding must be \(before, after\), not \(1,\)"),
        ({"padding": (1, -1)}, ValueError, "padding after must be >= 0, not -1"),
        ({"padding": {0, 1}}, ValueError, r"padding must be \(before, after\), not \{0, 1\}"),
        (
            {"stride": 2**31},
            ValueError,
            "legal sizes must be at most 1048576 to be listed, not 2147483648, which stride 2147483648 has "
            r"\(from 4294967299 to 6442450946\)",
        ),
        ({"stride": 2**62}, ValueError, "legal sizes must be at most 1048576 to be listed"),
    ],
)
def test_transposed_sizes_refuses(changed, error, message):
    with pytest.raises(error, match=message):
        transposed_sizes(**{"input_size": 3, "kernel_size": 3, **changed})
