"""The operations refuse wrong arguments, and their messages say what must hold."""

from __future__ import annotations

import itertools
import re

import ml_dtypes
import numpy as np
import pytest

from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_matrix, conv2d_transpose

# 5 images of 7 x 9 with 4 channels; 2 groups; kernel 3 x 2; 6 output channels.
INPUT_SIZES, FILTER_SIZES, OUTPUT_SHAPE = (5, 7, 9, 4), (3, 2, 2, 6), (5, 5, 8, 6)
VALID = {
    conv2d: {"input": np.ones(INPUT_SIZES), "filters": np.ones(FILTER_SIZES)},
    conv2d_backprop_input: {
        "input_sizes": INPUT_SIZES,
        "filters": np.ones(FILTER_SIZES),
        "out_backprop": np.ones(OUTPUT_SHAPE),
    },
    conv2d_backprop_filter: {
        "input": np.ones(INPUT_SIZES),
        "filter_sizes": FILTER_SIZES,
        "out_backprop": np.ones(OUTPUT_SHAPE),
    },
    conv2d_transpose: {
        "input": np.ones(OUTPUT_SHAPE),
        "filters": np.ones(FILTER_SIZES),
        "output_shape": INPUT_SIZES,
    },
    conv2d_matrix: {"input_sizes": INPUT_SIZES[1:], "filters": np.ones(FILTER_SIZES)},
}
EVERY_OPERATION = pytest.mark.parametrize("operation", VALID, ids=lambda operation: operation.__name__)
EVERY_ARRAY = pytest.mark.parametrize(
    ("operation", "name"),
    [
        pytest.param(operation, name, id=f"{operation.__name__}-{name}")
        for operation, arguments in VALID.items()
        for name, argument in arguments.items()
        if isinstance(argument, np.ndarray)
    ],
)
EVERY_SHAPE = pytest.mark.parametrize(
    ("operation", "name"),
    [
        pytest.param(operation, name, id=f"{operation.__name__}-{name}")
        for operation, arguments in VALID.items()
        for name, argument in arguments.items()
        if isinstance(argument, tuple)
    ],
)


def call(operation, **changed):
    return operation(**{**VALID[operation], "groups": 2, **changed})


def refuses(error, message):
    """Expect an error with exactly this text somewhere in its message."""
    return pytest.raises(error, match=re.escape(message))


@EVERY_OPERATION
def test_operation_accepts_the_arguments_that_are_spoilt_below(operation):
    call(operation)


# Strides, dilations, groups.


@EVERY_OPERATION
@pytest.mark.parametrize("option", ["strides", "dilations"])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "{} must be >= 1, not 0"),
        (-2, ValueError, "{} must be >= 1, not -2"),
        ((1, 0), ValueError, "{} along width must be >= 1, not 0"),
        ((-1, 1), ValueError, "{} along height must be >= 1, not -1"),
        ((1, 2, 1), ValueError, "{} must be an integer or a (height, width) pair, not 3 values: (1, 2, 1)"),
        ((1,), ValueError, "{} must be an integer or a (height, width) pair, not 1 values: (1,)"),
        ((1, 2, 2, 1), ValueError, "{} must be an integer or a (height, width) pair, not 4 values: (1, 2, 2, 1)"),
        ((), ValueError, "{} must be an integer or a (height, width) pair, not 0 values: ()"),
        (1.0, TypeError, "{} must be an integer, not 1.0 of type float"),
        ((1, 2.0), TypeError, "{} along width must be an integer, not 2.0 of type float"),
        (np.float32(2), TypeError, "{} must be an integer, not"),
        (True, TypeError, "{} must be an integer, not True of type bool"),
        (np.True_, TypeError, "{} must be an integer, not"),
        ((1, np.True_), TypeError, "{} along width must be an integer, not"),
        (np.array(True), TypeError, "{} must be an integer, not"),
        ("2", TypeError, "{} must be an integer, not '2' of type str"),
        ("12", TypeError, "{} must be an integer, not '12' of type str"),
        (None, TypeError, "{} must be an integer, not None of type NoneType"),
        (b"12", TypeError, "{} must be an integer or a (height, width) pair, in that order, not b'12' of type bytes"),
        (bytearray(b"12"), TypeError, "in that order, not bytearray(b'12') of type bytearray"),
        (memoryview(b"12"), TypeError, "of type memoryview"),
        ({1, 2}, TypeError, "{} must be an integer or a (height, width) pair, in that order, not {1, 2} of type set"),
        (frozenset({1, 2}), TypeError, "in that order, not frozenset({1, 2}) of type frozenset"),
        ({1: 3, 2: 3}, TypeError, "in that order, not {1: 3, 2: 3} of type dict"),
        ({1: 3, 2: 3}.keys(), TypeError, "in that order, not dict_keys([1, 2]) of type dict_keys"),
        ({1: 3, 2: 3}.values(), TypeError, "in that order, not dict_values([3, 3]) of type dict_values"),
        (np.array([1, True], object), TypeError, "{} along width must be an integer, not True of type bool"),
        (np.array([[1, 2]] * 2), TypeError, "{} along height must be an integer, not array([1, 2]) of type ndarray"),
        (np.ma.array(2, mask=True), TypeError, "of type MaskedArray"),
        (np.ma.array([1, 2], mask=[False, True]), TypeError, "{} along width must be an integer, not masked"),
        (2**63, ValueError, "{} must be an integer that int64 holds, not one of 64 bits"),
        ((1, -(10**5000)), ValueError, "{} along width must be an integer that int64 holds, not one of 16610 bits"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_operation_refuses_strides_and_dilations(operation, option, value, error, message):
    with refuses(error, message.replace("{}", option)):
        call(operation, **{option: value})


@EVERY_OPERATION
@pytest.mark.parametrize("option", ["strides", "dilations"])
def test_operation_takes_no_more_than_it_needs_from_an_iterator_without_an_end(operation, option):
    endless = itertools.count(1)
    with refuses(ValueError, f"{option} must be an integer or a (height, width) pair, not more than 2 values: count("):
        call(operation, **{option: endless})
    assert next(endless) == 4


def test_message_does_not_print_a_million_values():
    with refuses(ValueError, "not 1000000 values: [1, 1, 1, 1, 1, 1, ...]"):
        call(conv2d, strides=[1] * 1_000_000)


@EVERY_OPERATION
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "groups must be >= 1, not 0"),
        (-2, ValueError, "groups must be >= 1, not -2"),
        (2.0, TypeError, "groups must be an integer, not 2.0 of type float"),
        (True, TypeError, "groups must be an integer, not True of type bool"),
        (np.True_, TypeError, "groups must be an integer, not"),
        ("2", TypeError, "groups must be an integer, not '2' of type str"),
        ((2, 2), TypeError, "groups must be an integer, not (2, 2) of type tuple"),
        (None, TypeError, "groups must be an integer, not None of type NoneType"),
    ],
    ids=repr,
)
def test_operation_refuses_groups(operation, value, error, message):
    with refuses(error, message):
        call(operation, groups=value)


def test_conv2d_names_the_argument_whose_channels_the_groups_do_not_divide():
    with refuses(ValueError, "groups must divide the channels: input's last axis 4 % groups 3 != 0"):
        call(conv2d, groups=3)
    with refuses(ValueError, "groups must divide the channels: filters's last axis 6 % groups 4 != 0"):
        call(conv2d, groups=4)


@pytest.mark.parametrize(
    ("operation", "first", "second"),
    [
        (conv2d, "input", "filters"),
        (conv2d_backprop_input, "input_sizes", "filters"),
        (conv2d_backprop_filter, "input", "filter_sizes"),
        (conv2d_transpose, "output_shape", "filters"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_operation_names_the_arguments_whose_channels_do_not_fit_the_groups(operation, first, second):
    message = (
        f"{second}'s third axis must be the input channels / groups: 2 != 4 / 1 "
        f"({first} (5, 7, 9, 4), {second} (3, 2, 2, 6))"
    )
    with refuses(ValueError, message):
        call(operation, groups=1)


@EVERY_OPERATION
@pytest.mark.parametrize("of", [int, np.int8, np.int64, np.uint8, np.array], ids=lambda of: of.__name__)
def test_operation_accepts_every_kind_of_integer(operation, of):
    call(operation, strides=of(1), dilations=(of(1), of(1)), groups=of(2), padding=((of(0), of(0)), (of(0), of(0))))


@pytest.mark.parametrize(
    "strides", [(2, 3), [2, 3], np.array([2, 3]), iter((2, 3))], ids=["tuple", "list", "array", "iterator"]
)
def test_conv2d_accepts_every_kind_of_pair(strides):
    assert call(conv2d, strides=strides).shape == (5, 3, 3, 6)


# Padding.


@EVERY_OPERATION
@pytest.mark.parametrize(
    ("padding", "error", "message"),
    [
        ("same", ValueError, "padding must be one of VALID, SAME, SAME_LOWER, FULL, or explicit; not 'same'"),
        ("", ValueError, "padding must be one of VALID, SAME, SAME_LOWER, FULL, or explicit; not ''"),
        (
            "SAME_UPPER",
            ValueError,
            "padding must be one of VALID, SAME, SAME_LOWER, FULL, or explicit; not 'SAME_UPPER'",
        ),
        (
            None,
            ValueError,
            "padding must be one of VALID, SAME, SAME_LOWER, FULL, or ((top, bottom), (left, right)); not None",
        ),
        (
            1,
            ValueError,
            "padding must be one of VALID, SAME, SAME_LOWER, FULL, or ((top, bottom), (left, right)); not 1",
        ),
        ((1, 1), ValueError, "or ((top, bottom), (left, right)); not (1, 1)"),
        (("SAME", "VALID"), ValueError, "or ((top, bottom), (left, right)); not ('SAME', 'VALID')"),
        (((1, 1),), ValueError, "or ((top, bottom), (left, right)); not ((1, 1),)"),
        (((0, 0), (1, 1), (1, 1), (0, 0)), ValueError, "or ((top, bottom), (left, right)); not ((0, 0), (1, 1)"),
        (((1, 1, 1), (1, 1)), ValueError, "padding along height must be (before, after), not (1, 1, 1)"),
        (((1, 1), (1,)), ValueError, "padding along width must be (before, after), not (1,)"),
        (((-1, 1), (0, 0)), ValueError, "padding along height before must be >= 0, not -1"),
        (((0, 0), (1, -2)), ValueError, "padding along width after must be >= 0, not -2"),
        (((0, 1.0), (0, 0)), TypeError, "padding along height after must be an integer, not 1.0 of type float"),
        (((0, 0), (True, 0)), TypeError, "padding along width before must be an integer, not True of type bool"),
        (((0, 0), ("1", 0)), TypeError, "padding along width before must be an integer, not '1' of type str"),
        (({0, 1}, (0, 0)), ValueError, "or ((top, bottom), (left, right)); not ({0, 1}, (0, 0))"),
        ({(0, 1), (1, 0)}, ValueError, "or ((top, bottom), (left, right)); not {"),
        ({(0, 1): 0, (1, 0): 0}, ValueError, "or ((top, bottom), (left, right)); not {(0, 1): 0, (1, 0): 0}"),
        ((b"01", (0, 0)), ValueError, "or ((top, bottom), (left, right)); not (b'01', (0, 0))"),
        (itertools.repeat((0, 0)), ValueError, "or ((top, bottom), (left, right)); not repeat((0, 0))"),
        (((0, 0), itertools.repeat(0)), ValueError, "padding along width must be (before, after), not repeat(0)"),
        (
            ((0, 2**63), (0, 0)),
            ValueError,
            "padding along height after must be an integer that int64 holds, not one of",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_operation_refuses_padding(operation, padding, error, message):
    with refuses(error, message):
        call(operation, padding=padding)


# Shapes.


@EVERY_ARRAY
@pytest.mark.parametrize("change", [lambda a: a[0], lambda a: a[None], lambda a: a[0, 0, 0, 0]], ids=["3", "5", "0"])
def test_operation_refuses_another_number_of_axes(operation, name, change):
    array = change(VALID[operation][name])
    with refuses(ValueError, f"{name} must have 4 axes (") as error:
        call(operation, **{name: array})
    assert f"not shape {array.shape}" in str(error.value)


@EVERY_SHAPE
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda sizes: sizes[1:], ValueError, "{} must be "),
        (lambda sizes: (*sizes, 1), ValueError, "{} must be "),
        (lambda sizes: 5, ValueError, "{} must be "),
        (lambda sizes: "5794", ValueError, "{} must be "),
        (lambda sizes: (-1, *sizes[1:]), ValueError, "not -1"),
        (lambda sizes: (*sizes[:-1], 4.0), TypeError, "must be an integer, not 4.0 of type float"),
        (lambda sizes: (*sizes[:-1], True), TypeError, "must be an integer, not True of type bool"),
        (lambda sizes: (*sizes[:-1], None), TypeError, "must be an integer, not None of type NoneType"),
        (lambda sizes: dict.fromkeys(range(len(sizes))), ValueError, "{} must be "),
        (lambda sizes: set(range(len(sizes))), ValueError, "{} must be "),
        (bytes, ValueError, "{} must be "),
        (bytearray, ValueError, "{} must be "),
        (lambda sizes: itertools.repeat(1), ValueError, "{} must be "),
        (lambda sizes: (*sizes[:-1], 2**63), ValueError, "must be an integer that int64 holds, not one of 64 bits"),
    ],
    ids=[
        *("too-few", "too-many", "integer", "string", "negative", "float", "bool", "None"),
        *("dict", "set", "bytes", "bytearray", "endless", "huge"),
    ],
)
def test_operation_refuses_a_malformed_shape(operation, name, change, error, message):
    with refuses(error, message.format(name)) as caught:
        call(operation, **{name: change(VALID[operation][name])})
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 2, 2, 6), "filter_sizes's kh must be >= 1, not 0"),
        ((3, 0, 2, 6), "filter_sizes's kw must be >= 1, not 0"),
        ((3, 2, -2, 6), "filter_sizes's I must be >= 0, not -2"),
    ],
    ids=str,
)
def test_backprop_filter_refuses_sizes_with_their_bound(sizes, message):
    with refuses(ValueError, message):
        call(conv2d_backprop_filter, filter_sizes=sizes)


@pytest.mark.parametrize(
    "operation",
    [conv2d, conv2d_backprop_input, conv2d_transpose, conv2d_matrix],
    ids=lambda operation: operation.__name__,
)
def test_operation_refuses_an_empty_kernel(operation):
    message = "kernel size must be >= 1 along height and width: filters has shape (3, 0, 2, 6)"
    with refuses(ValueError, message):
        call(operation, filters=np.ones((3, 0, 2, 6)))


@pytest.mark.parametrize("operation", [conv2d, conv2d_matrix], ids=lambda operation: operation.__name__)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dilations": (4, 1)},
            "kernel must fit in the padded input along height: kernel extent 9 > padded size 7 "
            "(input 7, padding 0+0, kernel 3, dilation 4)",
        ),
        (
            {"dilations": (1, 12), "padding": ((0, 0), (1, 2))},
            "kernel must fit in the padded input along width: kernel extent 13 > padded size 12 "
            "(input 9, padding 1+2, kernel 2, dilation 12)",
        ),
    ],
    ids=["height", "width"],
)
def test_operation_refuses_a_kernel_larger_than_the_padded_input(operation, options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(operation, **options)


@pytest.mark.parametrize(
    "operation", [conv2d_backprop_input, conv2d_backprop_filter], ids=lambda operation: operation.__name__
)
@pytest.mark.parametrize("shape", [(4, 5, 8, 6), (5, 6, 8, 6), (5, 5, 9, 6), (5, 5, 8, 5), (5, 8, 5, 6)], ids=str)
def test_operation_names_the_shape_that_out_backprop_must_have(operation, shape):
    message = f"out_backprop must have shape (5, 5, 8, 6), that of conv2d's output; not {shape}"
    with refuses(ValueError, message):
        call(operation, out_backprop=np.ones(shape))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        pytest.param(
            (5, 6, 8, 6),
            {},
            "output_shape must be one whose forward convolution gives input's shape (5, 6, 8, 6); "
            "(5, 7, 9, 4) gives (5, 5, 8, 6); along height 8 would give 6",
            id="one-size-would",
        ),
        pytest.param(
            (5, 6, 9, 6),
            {"strides": (3, 2), "padding": "SAME"},
            "(5, 7, 9, 4) gives (5, 3, 5, 6); along height 16 to 18 would give 6; along width 17 to 18 would give 9",
            id="several-sizes-would",
        ),
        pytest.param(
            (5, 1, 8, 6),
            {"padding": ((2, 3), (0, 0))},
            "(5, 7, 9, 4) gives (5, 10, 8, 6); along height no size would give 1",
            id="no-size-would",
        ),
        pytest.param((4, 5, 8, 6), {}, "(5, 7, 9, 4) gives (5, 5, 8, 6)", id="batch"),
        pytest.param((5, 5, 8, 3), {}, "(5, 7, 9, 4) gives (5, 5, 8, 6)", id="channels"),
    ],
)
def test_conv2d_transpose_names_the_sizes_that_would_fit(shape, options, message):
    with pytest.raises(ValueError, match=f"{re.escape(message)}$"):
        call(conv2d_transpose, input=np.ones(shape), **options)


# Dtypes.


@EVERY_ARRAY
@pytest.mark.parametrize(
    "dtype",
    [
        np.complex64,
        np.complex128,
        str,
        bytes,
        np.longdouble,
        "datetime64[s]",
        "timedelta64[s]",
        "i4,i4",
        ml_dtypes.float8_e4m3fn,
        ml_dtypes.float8_e5m2,  # NumPy calls it a float
        ml_dtypes.int4,
    ],
    ids=lambda dtype: getattr(dtype, "__name__", dtype),
)
def test_operation_refuses_dtype(operation, name, dtype):
    array = np.zeros(VALID[operation][name].shape, dtype)
    message = (
        f"{name} must hold integers, bool, float16, bfloat16, float32, float64, or Python int and Fraction objects; "
        f"not dtype {array.dtype}"
    )
    with refuses(TypeError, message):
        call(operation, **{name: array})


@EVERY_ARRAY
@pytest.mark.parametrize("element", [1.0, None, "1", np.int64(1), 1j], ids=repr)
def test_operation_refuses_objects_that_are_not_exact_and_says_where(operation, name, element):
    array = VALID[operation][name].astype(int).astype(object)
    array[2, 1, 0, 3] = element
    message = f"{name} of dtype object must hold Python int or Fraction; at (2, 1, 0, 3) it holds {element!r} of type"
    with refuses(TypeError, message):
        call(operation, **{name: array})


@EVERY_ARRAY
def test_operation_refuses_a_masked_array(operation, name):
    with refuses(TypeError, f"{name} must be a plain array, not a masked one"):
        call(operation, **{name: np.ma.masked_equal(VALID[operation][name], 0)})


@EVERY_ARRAY
@pytest.mark.parametrize(
    "nest",
    [list, tuple, lambda array: [list(array[0]), *array[1:]], lambda array: [[[[np.ma.masked, 1.0]]]]],
    ids=["list", "tuple", "deeper", "one-element"],
)
def test_operation_refuses_a_list_that_holds_a_mask(operation, name, nest):
    with refuses(TypeError, f"{name} must be a plain array, not a masked one"):
        call(operation, **{name: nest(np.ma.masked_equal(VALID[operation][name], 0))})


@EVERY_ARRAY
@pytest.mark.parametrize("value", [{1, 2}, {1: 2}, itertools.count(), (n for n in ())], ids=lambda v: type(v).__name__)
def test_operation_refuses_a_container_that_is_no_array(operation, name, value):
    with refuses(TypeError, f"{name} of dtype object must hold Python int or Fraction; at () it holds"):
        call(operation, **{name: value})


@EVERY_ARRAY
def test_operation_refuses_a_ragged_list(operation, name):
    with refuses(ValueError, f"{name} must be a rectangular array ("):
        call(operation, **{name: [[[[1, 2], [3]]]]})


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16], ids=lambda dtype: dtype.__name__
)
def test_conv2d_refuses_objects_with_floats(dtype):
    message = f"input and filters must both be exact when one holds objects; not {np.dtype(dtype)} and object"
    with refuses(TypeError, message):
        call(conv2d, input=np.ones(INPUT_SIZES, dtype), filters=np.ones(FILTER_SIZES, int).astype(object))


# Integers that could overflow.


@pytest.mark.parametrize(
    ("operation", "names", "terms"),
    [
        (conv2d, ("input", "filters"), 12),
        (conv2d_backprop_input, ("out_backprop", "filters"), 18),
        (conv2d_backprop_filter, ("input", "out_backprop"), 200),
        (conv2d_transpose, ("input", "filters"), 18),
    ],
    ids=["conv2d", "conv2d_backprop_input", "conv2d_backprop_filter", "conv2d_transpose"],
)
def test_operation_refuses_integers_that_could_overflow(operation, names, terms):
    # Nothing overflows here, but the bound is on magnitudes, so that one large element in each array is enough.
    left, right = (np.zeros(VALID[operation][name].shape, np.int64) for name in names)
    left[0, 0, 0, 0], right[0, 0, 0, 0] = -(2**40), 2**23
    message = (
        f"integer results must fit int64: {terms} terms of at most {2**40} ({names[0]}) * {2**23} ({names[1]}) "
        f"could reach {terms * 2**63} > {2**63 - 1}; use arrays of dtype object"
    )
    with refuses(ValueError, message):
        call(operation, **dict(zip(names, (left, right), strict=True)))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(-(2**63), np.int64), (2**63, np.uint64), (2**64 - 1, np.uint64)],
    ids=["int64-min", "2**63", "uint64-max"],
)
def test_conv2d_refuses_an_element_whose_magnitude_passes_int64(value, dtype):
    with refuses(ValueError, f"1 terms of at most {abs(value)} (input) * 1 (filters) could reach {abs(value)} >"):
        conv2d(np.full((1, 1, 1, 1), value, dtype), np.ones((1, 1, 1, 1), np.int8))
