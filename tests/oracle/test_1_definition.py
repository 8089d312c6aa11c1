"""Step 1 of the proof: the definition gives numbers worked out by hand. Check it by eye: all else rests on it."""

import ast
import inspect

import pytest
from im2col_by_hand import (
    BY_KERNEL,
    IMAGE,
    KERNEL,
    OUTPUT,
    TRANSPOSED,
    TRANSPOSED_BY_KERNEL,
    TRANSPOSED_BY_KERNEL_SAME,
    TRUE_CONVOLUTION,
)

from reference_impl import definition

ONES = [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
OPTIONS = {"strides": (1, 1), "padding": "VALID", "dilations": (1, 1), "groups": 1}


def one_image(rows):
    """N H W I, with one image of one channel."""
    return [[[[element] for element in row] for row in rows]]


def one_filter(rows):
    """kh kw I O, with one input and one output channel."""
    return [[[[element]] for element in row] for row in rows]


def rows_of_image(array):
    (image,) = array
    return [[element for (element,) in row] for row in image]


def rows_of_filter(array):
    return [[element for ((element,),) in row] for row in array]


def image_sizes(rows):
    return 1, len(rows), len(rows[0]), 1


def kernel_sizes(rows):
    return len(rows), len(rows[0]), 1, 1


def transposed(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def conv2d(image, kernel, **options):
    sizes = image_sizes(image), kernel_sizes(kernel)
    return rows_of_image(definition.conv2d(one_image(image), one_filter(kernel), *sizes, **{**OPTIONS, **options}))


def backprop_input(sizes, kernel, cotangent, **options):
    arrays = one_filter(kernel), one_image(cotangent)
    options = {**OPTIONS, **options}
    return rows_of_image(definition.conv2d_backprop_input(*arrays, (1, *sizes, 1), kernel_sizes(kernel), **options))


def backprop_filter(image, sizes, cotangent, **options):
    arrays = one_image(image), one_image(cotangent)
    options = {**OPTIONS, **options}
    return rows_of_filter(definition.conv2d_backprop_filter(*arrays, image_sizes(image), (*sizes, 1, 1), **options))


def test_definition_imports_nothing():
    tree = ast.parse(inspect.getsource(definition))
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not imports
    assert not names & {"__import__", "exec", "eval", "open", "globals"}


def test_conv2d_gives_the_printed_numbers():
    assert conv2d(IMAGE, KERNEL) == OUTPUT


def test_conv2d_with_the_kernel_rotated_gives_the_true_convolution():
    rotated = [row[::-1] for row in KERNEL[::-1]]
    assert conv2d(IMAGE, rotated) == TRUE_CONVOLUTION


def test_backprop_filter_gives_the_printed_numbers():
    assert backprop_filter(IMAGE, (3, 3), ONES) == BY_KERNEL


def test_backprop_input_gives_the_printed_numbers():
    assert backprop_input((5, 5), KERNEL, OUTPUT) == TRANSPOSED


def test_conv2d_transpose_gives_the_printed_numbers():
    sizes = (1, 5, 5, 1), kernel_sizes(KERNEL)
    result = definition.conv2d_transpose(one_image(OUTPUT), one_filter(KERNEL), *sizes, **OPTIONS)
    assert rows_of_image(result) == TRANSPOSED


def test_backprop_filter_of_the_transposed_output_is_116_everywhere_when_valid():
    ones = [[1] * 5] * 5
    # The sum of that output is the form T(ones, W, OUTPUT): its derivative is backprop_filter(ones, OUTPUT).
    assert backprop_filter(ones, (3, 3), OUTPUT) == TRANSPOSED_BY_KERNEL


def test_backprop_filter_of_the_transposed_output_differs_at_the_border_when_same():
    ones = [[1] * 3] * 3
    assert backprop_filter(ones, (3, 3), OUTPUT, padding="SAME") == TRANSPOSED_BY_KERNEL_SAME


# Along one axis the image is 1 2 3 ... and the kernel 1 10 (100): the digits tell which element met which tap.
@pytest.mark.parametrize("axis", ["height", "width"])
@pytest.mark.parametrize(
    ("size", "kernel", "padding", "stride", "dilation", "expected"),
    [
        pytest.param(4, [1, 10], "VALID", 1, 1, [21, 32, 43], id="VALID"),
        pytest.param(4, [1, 10], "SAME", 1, 1, [21, 32, 43, 4], id="SAME-odd-zero-after"),
        pytest.param(4, [1, 10], "SAME_LOWER", 1, 1, [10, 21, 32, 43], id="SAME_LOWER-odd-zero-before"),
        pytest.param(4, [1, 10], "FULL", 1, 1, [10, 21, 32, 43, 4], id="FULL"),
        pytest.param(4, [1, 10], (2, 1), 1, 1, [0, 10, 21, 32, 43, 4], id="two-before-one-after"),
        pytest.param(5, [1, 10], "VALID", 2, 1, [21, 43], id="stride-leaves-the-5-unread"),
        pytest.param(5, [1, 10], "SAME", 2, 1, [21, 43, 5], id="stride-SAME"),
        pytest.param(5, [1, 10], "SAME_LOWER", 2, 1, [10, 32, 54], id="stride-SAME_LOWER"),
        pytest.param(4, [1], "SAME", 2, 1, [1, 3], id="stride-above-kernel-SAME-pads-nothing"),
        pytest.param(4, [1, 10], "FULL", 3, 1, [10, 43], id="stride-FULL-applies-after-padding"),
        pytest.param(5, [1, 10, 100], "VALID", 1, 2, [531], id="dilation"),
        pytest.param(5, [1, 10, 100], "SAME", 1, 2, [310, 420, 531, 42, 53], id="dilation-SAME-pads-the-extent"),
        pytest.param(3, [1, 10], "FULL", 1, 2, [10, 20, 31, 2, 3], id="dilation-FULL"),
        pytest.param(7, [1, 10], "VALID", 2, 3, [41, 63], id="stride-2-dilation-3"),
    ],
)
def test_conv2d_gives_the_digits_along_one_axis(axis, size, kernel, padding, stride, dilation, expected):
    image, along_width = [list(range(1, size + 1))], axis == "width"
    pads = padding if isinstance(padding, str) else ((0, 0), padding)
    if along_width:
        actual = conv2d(image, [kernel], strides=(1, stride), padding=pads, dilations=(1, dilation))
        assert actual == [expected]
    else:
        pads = pads if isinstance(pads, str) else pads[::-1]
        options = {"strides": (stride, 1), "padding": pads, "dilations": (dilation, 1)}
        actual = conv2d(transposed(image), transposed([kernel]), **options)
        assert actual == transposed([expected])


def test_backprop_input_scatters_each_cotangent_and_leaves_unread_positions_0():
    assert backprop_input((1, 5), [[1, 10]], [[3, 4]], strides=(1, 2)) == [[3, 30, 4, 40, 0]]


def test_backprop_input_drops_what_falls_on_padding():
    options = {"strides": (1, 2), "padding": "SAME"}
    assert backprop_input((1, 5), [[1, 10]], [[3, 4, 5]], **options) == [[3, 30, 4, 40, 5]]


def test_backprop_input_sums_where_windows_overlap_when_dilated():
    # g0 meets x0 and x2, g1 meets x1 and x3, g2 meets x2 and x4.
    assert backprop_input((5, 1), [[1], [10]], [[3], [4], [5]], dilations=(2, 1)) == [[3], [4], [35], [40], [50]]


def test_backprop_filter_correlates_with_the_stride():
    # 1*3 + 3*4 and 2*3 + 4*4
    assert backprop_filter([[1, 2, 3, 4, 5]], (1, 2), [[3, 4]], strides=(1, 2)) == [[15, 22]]


def test_backprop_filter_reads_zeros_in_padding():
    # 1*3 + 3*4 + 5*5 and 2*3 + 4*4 + 0*5
    options = {"strides": (1, 2), "padding": "SAME"}
    assert backprop_filter([[1, 2, 3, 4, 5]], (1, 2), [[3, 4, 5]], **options) == [[40, 22]]


def test_backprop_filter_correlates_with_the_dilation():
    # x0*3 + x1*4 and x3*3 + x4*4
    assert backprop_filter([[1], [2], [3], [4], [5]], (2, 1), [[3], [4]], dilations=(3, 1)) == [[11], [32]]


@pytest.mark.parametrize(
    ("kernel", "options", "expected"),
    [
        pytest.param([[1], [10]], {}, [[41, 52, 63]], id="kernel-2x1"),
        pytest.param([[1, 10]], {}, [[21, 32], [54, 65]], id="kernel-1x2"),
        pytest.param([[1]], {"strides": (2, 1)}, [[1, 2, 3]], id="strides-2x1"),
        pytest.param([[1]], {"strides": (1, 2)}, [[1, 3], [4, 6]], id="strides-1x2"),
        pytest.param([[1, 10]], {"dilations": (1, 2)}, [[31], [64]], id="dilations-1x2"),
        pytest.param(
            [[1]],
            {"padding": ((1, 0), (0, 2))},
            [[0, 0, 0, 0, 0], [1, 2, 3, 0, 0], [4, 5, 6, 0, 0]],
            id="top-1-right-2",
        ),
        pytest.param(
            [[1]],
            {"padding": ((0, 2), (1, 0))},
            [[0, 1, 2, 3], [0, 4, 5, 6], [0, 0, 0, 0], [0, 0, 0, 0]],
            id="bottom-2-left-1",
        ),
    ],
)
def test_conv2d_takes_height_before_width(kernel, options, expected):
    assert conv2d([[1, 2, 3], [4, 5, 6]], kernel, **options) == expected


@pytest.mark.parametrize(
    ("channels", "filters", "groups", "expected"),
    [
        # one pixel; filters[i][o]
        pytest.param([1, 2], [[1, 10, 100], [2, 20, 200]], 1, [5, 50, 500], id="all-to-all"),
        pytest.param([1, 2, 3, 4], [[10, 1000], [100, 10000]], 2, [210, 43000], id="2-groups-of-2-to-1"),
        pytest.param(
            [1, 10, 100, 1000], [[1, 2, 3, 4], [5, 6, 7, 8]], 2, [51, 62, 7300, 8400], id="2-groups-of-2-to-2"
        ),
        pytest.param([3, 5], [[1, 2, 3, 4]], 2, [3, 6, 15, 20], id="depthwise-multiplier-2"),
    ],
)
def test_conv2d_sums_the_channels_of_each_group(channels, filters, groups, expected):
    sizes = (1, 1, 1, len(channels)), (1, 1, len(filters), len(filters[0]))
    actual = definition.conv2d([[[channels]]], [[filters]], *sizes, **{**OPTIONS, "groups": groups})
    assert actual == [[[expected]]]


def test_backprop_input_sums_the_filters_of_each_group():
    # x0: 1*1 + 2*10, x1: 5*1 + 6*10, x2: 3*100 + 4*1000, x3: 7*100 + 8*1000
    sizes = (1, 1, 1, 4), (1, 1, 2, 4)
    arrays = [[[[1, 2, 3, 4], [5, 6, 7, 8]]]], [[[[1, 10, 100, 1000]]]]
    assert definition.conv2d_backprop_input(*arrays, *sizes, **{**OPTIONS, "groups": 2}) == [[[[21, 65, 4300, 8700]]]]


def test_backprop_filter_pairs_the_channels_of_each_group():
    sizes = (1, 1, 1, 4), (1, 1, 2, 4)
    arrays = [[[[1, 2, 3, 4]]]], [[[[1, 10, 100, 1000]]]]
    expected = [[[[1, 10, 300, 3000], [2, 20, 400, 4000]]]]
    assert definition.conv2d_backprop_filter(*arrays, *sizes, **{**OPTIONS, "groups": 2}) == expected


def test_operations_keep_images_apart_and_backprop_filter_adds_them():
    images, filters, cotangent = [[[[1, 2]]], [[[3, 4]]]], [[[[1, 10], [2, 20]]]], [[[[1, 100]]], [[[2, 1000]]]]
    sizes = (2, 1, 1, 2), (1, 1, 2, 2)
    assert definition.conv2d(images, filters, *sizes, **OPTIONS) == [[[[5, 50]]], [[[11, 110]]]]
    assert definition.conv2d_backprop_input(filters, cotangent, *sizes, **OPTIONS) == [
        [[[1001, 2002]]],
        [[[10002, 20004]]],
    ]
    # 1*1 + 3*2, 1*100 + 3*1000; 2*1 + 4*2, 2*100 + 4*1000
    assert definition.conv2d_backprop_filter(images, cotangent, *sizes, **OPTIONS) == [[[[7, 3100], [10, 4200]]]]


@pytest.mark.parametrize(
    ("padding", "size", "kernel", "stride", "dilation", "expected"),
    [
        ("VALID", 5, 3, 2, 2, (0, 0)),
        ("FULL", 5, 3, 1, 1, (2, 2)),
        ("FULL", 5, 3, 2, 2, (4, 4)),
        ("SAME", 5, 3, 1, 1, (1, 1)),
        ("SAME", 5, 2, 1, 1, (0, 1)),
        ("SAME_LOWER", 5, 2, 1, 1, (1, 0)),
        ("SAME", 5, 3, 2, 1, (1, 1)),  # 3 outputs: 2*2 + 3 - 5 = 2
        ("SAME", 6, 3, 2, 1, (0, 1)),  # 3 outputs: 2*2 + 3 - 6 = 1
        ("SAME_LOWER", 6, 3, 2, 1, (1, 0)),
        ("SAME", 4, 1, 2, 1, (0, 0)),  # 2 outputs: 1*2 + 1 - 4 = -1
        ("SAME", 7, 2, 1, 2, (1, 1)),  # extent 3
        ("SAME", 8, 3, 3, 2, (1, 2)),  # extent 5, 3 outputs: 2*3 + 5 - 8 = 3
        ("SAME_LOWER", 8, 3, 3, 2, (2, 1)),
        ((1, 2), 8, 3, 3, 2, (1, 2)),
    ],
)
def test_pads_are_the_hand_computed_ones(padding, size, kernel, stride, dilation, expected):
    assert definition.pads(padding, size, kernel, stride, dilation) == expected


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "before", "after", "expected"),
    [
        (5, 3, 1, 1, 0, 0, 3),
        (5, 3, 2, 1, 0, 0, 2),
        (6, 3, 2, 1, 0, 0, 2),
        (7, 3, 2, 1, 0, 0, 3),
        (5, 3, 2, 2, 0, 0, 1),
        (4, 3, 1, 2, 0, 0, 0),
        (2, 3, 1, 1, 1, 0, 1),
        (2, 3, 1, 1, 1, 2, 3),
        (5, 1, 3, 1, 0, 0, 2),
    ],
)
def test_output_size_counts_the_windows_that_fit(size, kernel, stride, dilation, before, after, expected):
    assert definition.output_size(size, kernel, stride, dilation, before, after) == expected
