"""Known failures of TensorFlow: tried with 2.21.0 on x86-64 with AVX-512 (with and without BF16, and with FP16) and
without (AVX2), where TensorFlow leaves oneDNN off.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/tensorflow.md.
The fact `onednn_dtypes` holds the dtypes that TensorFlow gives to oneDNN's kernels on this CPU: none with
TF_ENABLE_ONEDNN_OPTS=0. The fact `onednn_path` is the code path that oneDNN chooses for the CPU (backends/cpu.py).
"""

from __future__ import annotations

from functools import partial

from ...backends.cpu import at_least
from ...cases.case import Case
from ...operations import OPERATIONS
from ..known_failure import TRIES, Facts, KnownFailure, always
from .jax import filter_gradient_mixes, single_input_channels, single_output_channels
from .torch import (
    BUFFER,
    BUFFER_LINK,
    BUFFER_OUTCOMES,
    DILATED_DEPTHWISE,
    OVERRUNS,
    OVERRUNS_LINK,
    WIDE_PADS,
    dilated_depthwise_rows_are_wide,
    has_one_input_channel_and_one_column,
    overruns_a_workspace,
    overruns_the_input_buffer,
    splits_rows_behind_wide_pads,
    sums_in_pairs,
    sums_one_column_wrongly,
)

GRADIENTS = ("conv2d_backprop_input", "conv2d_backprop_filter")
INPUT_GRADIENTS = ("conv2d_backprop_input", "conv2d_transpose")
DERIVED = (*GRADIENTS, "conv2d_transpose")
# These differentiate conv2d in reverse mode.
TAPES = ("tensorflow:tape", "tensorflow:second_order", "tensorflow:transposed_second_order")
# In these, conv2d comes down to tf.nn.conv2d, without XLA.
CONV2D = ("tensorflow", "tensorflow:function", "tensorflow:nchw", *TAPES)
# Here oneDNN computes convolutions and their gradients: all but XLA.
BY_ONEDNN = (*CONV2D, "tensorflow:forward", "tensorflow:transposed")
# Routes through other functions, where oneDNN computes too.
FURTHER = ("tensorflow:bias", "tensorflow:depthwise")
REFUSES_NO_OUTPUTS = "refuses filters with no output channels"
DIES_IN_PADDING = "oneDNN dies (SIGSEGV) where windows lie in the padding on both sides and none touches the input"
DIES_IN_DERIVATIVES = f"{DIES_IN_PADDING}. This conv2d is differentiated here, or is a derivative"


# The least code path of oneDNN that has instructions for the dtype.
_PATHS = {"bfloat16": "avx512_core_bf16", "float16": "avx512_core_fp16"}


def in_onednn(case: Case, facts: Facts) -> bool:
    """Return whether conv2d runs oneDNN's kernel."""
    return case.dtype in facts["onednn_dtypes"]


def float32_in_onednn(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN's kernel runs in float32, the dtype of invalid calls."""
    return "float32" in facts["onednn_dtypes"]


def no_input_channels(case: Case, facts: Facts) -> bool:
    return case.input_channels == 0


def no_input_channels_in_own_gradient(case: Case, facts: Facts) -> bool:
    """Return whether TensorFlow's own kernel gives the gradient: oneDNN's takes no padding but SAME and VALID."""
    return case.input_channels == 0 and (case.padding_mode not in ("SAME", "VALID") or not in_onednn(case, facts))


def no_output_channels_in_onednn(case: Case, facts: Facts) -> bool:
    return case.output_channels == 0 and case.input_channels > 0 and in_onednn(case, facts)


def empty_batch_changes_shape(case: Case, facts: Facts) -> bool:
    only_the_batch = case.batch == 0 and case.input_channels > 0 and case.output_channels > 0
    return only_the_batch and case.output_shape != case.input_sizes and in_onednn(case, facts)


def windows_surround_the_input(case: Case, facts: Facts) -> bool:
    """Return whether windows lie in the padding left and right of the input, and none touches it.

    This is narrower than the bug, so that entries can be strict: docs/findings/tensorflow.md. The kernels that die are
    those with the instructions of AVX-512 for the dtype. With ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI it does not happen.
    """
    if isinstance(case.padding, str) or 0 in (case.batch, case.input_channels, case.output_channels):
        return False
    vertical, (left, _) = case.padding
    stride, (_, rows, columns, _) = case.strides[1], case.output_shape
    windows_left = (left - 1) // stride + 1
    # The first window that is not left of the input begins directly after it.
    surround = left > 0 and -left % stride == case.width and columns > windows_left
    return (
        surround
        and columns != 2 * windows_left  # never seen with as many windows on the right as on the left
        and case.kernel_size[1] == 1
        and case.dilations[1] == 1
        and vertical == (0, 0)
        and rows > 1
        and (case.groups == 1 or case.filter_sizes[2] > 1)
        and case.dtype in _PATHS
        and in_onednn(case, facts)
        and at_least(facts["onednn_path"], _PATHS[case.dtype])
    )


def windows_surround_with_a_bias(case: Case, facts: Facts) -> bool:
    """Return whether windows lie in the padding left and right of the input, and none touches it.

    TensorFlow hands oneDNN the bias too, and then float32 dies as well. Not every case inside does.
    """
    if isinstance(case.padding, str) or 0 in (case.batch, case.input_channels, case.output_channels):
        return False
    width, columns = case.convolution.width, case.output_shape[2]
    starts = [column * width.stride - width.pad_before for column in range(columns)]
    left = [start for start in starts if start + width.kernel_extent <= 0]
    right = [start for start in starts if start >= case.width]
    taps = [start + tap * width.dilation for start in starts for tap in range(width.kernel_size)]
    untouched = not any(0 <= tap < case.width for tap in taps)
    least = _PATHS.get(case.dtype, "avx2")
    return bool(left and right) and untouched and in_onednn(case, facts) and at_least(facts["onednn_path"], least)


def windows_lie_beside_a_low_image(case: Case, facts: Facts, paths: dict[str, str] = _PATHS) -> bool:
    """Return whether windows lie in the padding beside an image that is lower than the kernel. Some such cases die."""
    if isinstance(case.padding, str) or 0 in (case.batch, case.input_channels, case.output_channels):
        return False
    width, low = case.convolution.width, case.height < case.kernel_size[0]
    last = (width.output_size - 1) * width.stride - width.pad_before
    beside = last >= case.width or width.pad_before >= width.kernel_extent
    least = paths.get(case.dtype)
    return least is not None and low and beside and in_onednn(case, facts) and at_least(facts["onednn_path"], least)


def windows_lie_beside_a_low_image_with_a_bias(case: Case, facts: Facts) -> bool:
    """Return whether they do so where TensorFlow hands oneDNN the bias too. Then float32 dies as well."""
    return windows_lie_beside_a_low_image(case, facts, _PATHS | {"float32": "avx512_core"})


def own_kernel_takes_the_bias_of_groups(case: Case, facts: Facts) -> bool:
    """Return whether TensorFlow's own kernel for conv2d with a bias, which takes no groups, is given some."""
    grouped = case.groups > 1 and 0 not in (*case.output_shape, case.input_channels)
    return grouped and not facts["onednn_dtypes"] and case.dtype in ("float32", "float64")


def filter_gradient_reads_what_nothing_wrote(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN's filter gradient in bfloat16 may take in memory that nothing was written to.

    So do taps that see only padding along the width, and sums over one input channel.
    """
    if case.dtype != "bfloat16" or not in_onednn(case, facts) or case.padding_mode not in ("SAME", "VALID"):
        return False
    steps_over = case.padding_mode == "SAME" and case.width < case.strides[1] and case.kernel_size[1] > 1
    return at_least(facts["onednn_path"], _PATHS["bfloat16"]) and (case.input_channels == 1 or steps_over)


def takes_rows_for_columns(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN may read the wrong rows: one input channel, and an output one column wide.

    It was seen in float32 with a batch above 1, and in bfloat16 with any; float16 was not tried. Not every case inside
    is wrong: none was seen where the width, the kernel, the stride and the padding along the width have a common
    divisor. The others were wrong each time.
    """
    images = case.batch > 1 or case.dtype == "bfloat16"
    return images and depthwise_takes_rows_for_columns(case, facts)


def depthwise_takes_rows_for_columns(case: Case, facts: Facts) -> bool:
    """Return whether it may do so in depthwise_conv2d: there it does with one image too."""
    in_avx512 = in_onednn(case, facts) and at_least(facts["onednn_path"], _PATHS.get(case.dtype, "avx512_core"))
    return in_avx512 and case.batch > 0 and has_one_input_channel_and_one_column(case)


def gradient_overruns_a_workspace(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN computes the gradient, and may write beyond its workspace."""
    in_words = case.padding_mode in ("SAME", "VALID")
    return in_onednn(case, facts) and in_words and overruns_a_workspace(case, facts)


def gradient_splits_rows_behind_wide_pads(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN computes the gradient, and may be wrong behind wide pads."""
    in_words = case.padding_mode in ("SAME", "VALID")
    return in_onednn(case, facts) and in_words and splits_rows_behind_wide_pads(case, facts)


def depthwise_gradient_overruns_a_workspace(case: Case, facts: Facts) -> bool:
    """Return whether the depthwise gradient may do so. It was seen on AVX2, and not in 27 calls on AVX-512."""
    return gradient_overruns_a_workspace(case, facts) and not at_least(facts["onednn_path"], "avx512_core")


def forward_overruns_a_buffer(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN computes conv2d, and may write beyond its copy of the input."""
    return in_onednn(case, facts) and overruns_the_input_buffer(case, facts)


def halves(case: Case, facts: Facts) -> bool:
    return case.dtype in ("float16", "bfloat16")


# What comes of memory that was written over, here or in a later call: an outcome, and what happens.
DAMAGES = (
    ("fail", "wrong values on two threads"),
    ("crashed", "the process dies, or hangs"),
    ("refused", "oneDNN gives errors"),
)
# The reproducers of docs/findings/tensorflow.md were run with 2.16.2, 2.18.1, 2.20.0 and 2.21.0. Those of the entries
# with `seen_in_all` print the same in each. What was found later was run with 2.18.1.
failure = partial(KnownFailure, versions="==2.21.*", link="found here: docs/findings/tensorflow.md")
seen_in_all = partial(failure, versions=">=2.16.2,<2.22")
seen_since_2_18 = partial(failure, versions=">=2.18,<2.22")
FAILURES = (
    seen_in_all(
        backends=(*CONV2D, *FURTHER),
        operations=("conv2d",),
        when=empty_batch_changes_shape,
        outcome="fail",
        does="oneDNN's kernel returns an output of the input's shape",
    ),
    failure(
        backends=(*CONV2D, "tensorflow:forward"),
        operations=("conv2d",),
        when=no_input_channels,
        outcome="refused",
        does="TensorFlow refuses filters with no input channels, where the output is all zeros",
    ),
    failure(
        backends=("tensorflow", "tensorflow:function"),
        operations=DERIVED,
        when=no_input_channels_in_own_gradient,
        outcome="refused",
        does="TensorFlow refuses filters with no input channels, where the gradient is empty. "
        "oneDNN's kernel returns that",
    ),
    failure(
        backends=(*TAPES, "tensorflow:forward"),
        operations=DERIVED,
        when=no_input_channels,
        outcome="refused",
        does="TensorFlow refuses filters with no input channels, already in the operation that is differentiated",
    ),
    failure(
        backends=("tensorflow:transposed",),
        operations=("conv2d_backprop_input",),
        when=no_input_channels_in_own_gradient,
        outcome="refused",
        does="conv2d_transpose refuses filters that give no channels. oneDNN's kernel returns the empty output",
    ),
    failure(
        backends=("tensorflow:transposed",),
        operations=("conv2d_backprop_filter",),
        when=no_input_channels,
        outcome="refused",
        does="conv2d_transpose, or its gradient, refuses filters that give no channels",
    ),
    seen_in_all(
        backends=(*CONV2D, "tensorflow:forward", "tensorflow:bias"),
        operations=("conv2d",),
        when=no_output_channels_in_onednn,
        outcome="refused",
        does=f"oneDNN's kernel {REFUSES_NO_OUTPUTS}. TensorFlow's own kernel returns the empty output",
    ),
    failure(
        backends=TAPES,
        operations=DERIVED,
        when=no_output_channels_in_onednn,
        outcome="refused",
        does=f"oneDNN's conv2d {REFUSES_NO_OUTPUTS}. It is differentiated here, or is a derivative",
    ),
    failure(
        backends=("tensorflow:forward",),
        operations=GRADIENTS,
        when=no_output_channels_in_onednn,
        outcome="refused",
        does=f"oneDNN's conv2d {REFUSES_NO_OUTPUTS}. It is differentiated here",
    ),
    failure(
        backends=("tensorflow:transposed",),
        operations=("conv2d_backprop_filter",),
        when=no_output_channels_in_onednn,
        outcome="refused",
        does=f"oneDNN's conv2d {REFUSES_NO_OUTPUTS}. The gradient comes down to it here",
    ),
    failure(
        backends=("tensorflow:xla",),
        operations=("conv2d", "conv2d_backprop_filter"),
        when=no_input_channels,
        outcome="refused",
        does="TensorFlow refuses filters with no input channels",
    ),
    failure(
        backends=("tensorflow:xla",),
        operations=INPUT_GRADIENTS,
        when=no_input_channels,
        outcome="crashed",
        does="XLA dies while it compiles (SIGFPE, a division by zero)",
    ),
    failure(
        backends=("tensorflow", "tensorflow:function", "tensorflow:bias"),
        operations=("conv2d",),
        when=windows_surround_the_input,
        outcome="crashed",
        does=DIES_IN_PADDING,
    ),
    failure(
        backends=TAPES,
        operations=OPERATIONS,
        when=windows_surround_the_input,
        outcome="crashed",
        does=DIES_IN_DERIVATIVES,
    ),
    failure(
        backends=("tensorflow:forward",),
        operations=("conv2d", *GRADIENTS),
        when=windows_surround_the_input,
        outcome="crashed",
        does=DIES_IN_DERIVATIVES,
    ),
    failure(
        backends=("tensorflow:transposed",),
        operations=("conv2d_backprop_filter",),
        when=windows_surround_the_input,
        outcome="crashed",
        does=DIES_IN_DERIVATIVES,
    ),
    # Invalid calls that oneDNN's kernel dies of, or that are answered.
    failure(
        backends=("tensorflow",),
        operations=OPERATIONS,
        when=float32_in_onednn,
        invalid=("dilation-2**31",),
        outcome="crashed",
        does="oneDNN's kernel dies (SIGABRT) of a dilation that does not fit in 32 bits",
    ),
    failure(
        backends=("tensorflow",),
        operations=("conv2d", "conv2d_backprop_filter"),
        when=float32_in_onednn,
        invalid=("first-array-of-rank-1", "first-array-of-rank-3"),
        outcome="crashed",
        does="oneDNN's kernel dies (SIGABRT) of an input that does not have 4 axes",
    ),
    failure(
        backends=("tensorflow",),
        operations=("conv2d_backprop_filter",),
        when=float32_in_onednn,
        invalid=("second-array-of-rank-1", "second-array-of-rank-3"),
        outcome="crashed",
        does="oneDNN's kernel dies (SIGABRT) of an out_backprop that does not have 4 axes",
    ),
    failure(
        backends=("tensorflow",),
        operations=INPUT_GRADIENTS,
        when=float32_in_onednn,
        invalid=("sizes-negative",),
        outcome="crashed",
        does="oneDNN's kernel dies (SIGABRT) of negative input_sizes",
    ),
    seen_in_all(
        backends=("tensorflow",),
        operations=("conv2d",),
        when=always,
        invalid=("kernel-too-large",),
        outcome="fail",
        does="TensorFlow answers where no window fits: with an empty output, or by oneDNN's kernel "
        "with an array of the input's shape",
    ),
    failure(
        backends=BY_ONEDNN,
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: (
            case.padding_mode in ("SAME", "VALID")
            and in_onednn(case, facts)
            and dilated_depthwise_rows_are_wide(case, facts)
        ),
        outcome="fail",
        does=DILATED_DEPTHWISE,
        tries=TRIES,
    ),
    seen_since_2_18(
        backends=BY_ONEDNN,
        operations=("conv2d_backprop_filter",),
        when=gradient_splits_rows_behind_wide_pads,
        outcome="fail",
        does=WIDE_PADS,
        tries=TRIES,
    ),
    failure(
        backends=(*BY_ONEDNN, "tensorflow:depthwise"),
        operations=("conv2d_backprop_filter",),
        when=filter_gradient_reads_what_nothing_wrote,
        outcome="fail",
        does="oneDNN leaves uninitialised memory in the gradient of taps that see only padding along the width, "
        "or multiplies it by zeros",
        tries=TRIES,
    ),
    seen_in_all(
        backends=("tensorflow:xla",),
        operations=("conv2d_backprop_filter",),
        when=filter_gradient_mixes,
        checks=("special_values",),
        outcome="fail",
        does="XLA multiplies a NaN or infinity in one group of the cotangent by zeros, "
        "so that gradients of other groups are NaN",
        tries=TRIES,
    ),
    seen_in_all(
        backends=("tensorflow:xla",),
        operations=("conv2d",),
        when=single_input_channels,
        checks=("special_values",),
        outcome="fail",
        does="XLA lets a NaN or infinity in one group of the input reach the answers of others, "
        "if each group has one input channel",
        tries=TRIES,
    ),
    failure(
        backends=("tensorflow:xla",),
        operations=INPUT_GRADIENTS,
        when=single_output_channels,
        checks=("special_values",),
        outcome="fail",
        does="XLA lets a NaN or infinity in one group of the cotangent reach the answers of others, "
        "if each group has one output channel",
        tries=TRIES,
    ),
    seen_in_all(
        backends=("tensorflow:*",),
        operations=DERIVED,
        when=halves,
        outcome="fail",
        checks=("wide_sums",),
        does="TensorFlow's own kernels add float16 and bfloat16 in their own type, mostly in the filter gradient",
        tries=TRIES,
    ),
    seen_in_all(
        backends=(*CONV2D, "tensorflow:forward", *FURTHER),
        operations=("conv2d",),
        when=sums_one_column_wrongly,
        outcome="fail",
        does="oneDNN gives wrong sums, the same each time, "
        "where groups have one input channel and the output is one column wide",
        tries=TRIES,
    ),
    *(
        seen_in_all(
            backends=backends,
            operations=("conv2d",),
            when=when,
            outcome="fail",
            does="oneDNN (brg_conv_fwd:avx512_core) gives wrong sums, the same each time, in all rows but the first, "
            "where there is one input channel, the output is one column wide and, in float32 and not depthwise, "
            "the batch is above 1",
            tries=TRIES,
        )
        for backends, when in (
            ((*CONV2D, "tensorflow:forward", "tensorflow:bias"), takes_rows_for_columns),
            (("tensorflow:depthwise",), depthwise_takes_rows_for_columns),
        )
    ),
    *(
        seen_in_all(
            backends=BY_ONEDNN,
            operations=("conv2d_backprop_filter",),
            when=gradient_overruns_a_workspace,
            outcome=outcome,
            does=OVERRUNS.format(does),
            link=OVERRUNS_LINK,
            tries=TRIES,
        )
        for outcome, does in DAMAGES
    ),
    failure(
        backends=(*TAPES, "tensorflow:forward", "tensorflow:transposed"),
        operations=("conv2d", *INPUT_GRADIENTS),
        when=gradient_overruns_a_workspace,
        outcome="crashed",
        does=OVERRUNS.format("the process dies, or hangs. It is computed here with every operation"),
        link=OVERRUNS_LINK,
        tries=TRIES,
    ),
    *(
        failure(
            backends=("tensorflow:depthwise",),
            operations=("conv2d_backprop_filter",),
            when=depthwise_gradient_overruns_a_workspace,
            outcome=outcome,
            does=OVERRUNS.format(does),
            link=OVERRUNS_LINK,
            tries=TRIES,
        )
        for outcome, does in DAMAGES[:2]
    ),
    *(
        failure(
            backends=backends,
            operations=operations,
            when=forward_overruns_a_buffer,
            outcome=outcome,
            does=BUFFER.format(does),
            link=BUFFER_LINK,
            tries=TRIES,
        )
        for outcome, does in BUFFER_OUTCOMES
        for backends, operations in (
            (("tensorflow", "tensorflow:function", "tensorflow:nchw", "tensorflow:bias"), ("conv2d",)),
            # This conv2d is differentiated here, or is a derivative.
            (TAPES, OPERATIONS),
            (("tensorflow:forward",), ("conv2d", *GRADIENTS)),
            (("tensorflow:transposed",), ("conv2d_backprop_filter",)),
        )
    ),
    *sums_in_pairs(seen_in_all, (*BY_ONEDNN, *FURTHER)),
)


def of_bias() -> tuple[KnownFailure, ...]:
    """The entries of tensorflow:bias that no other route has. Then those of a bias that is added eagerly."""
    of_route = partial(failure, backends=("tensorflow:bias",))
    return (
        of_route(
            operations=("conv2d",),
            when=no_input_channels,
            outcome="refused",
            does="TensorFlow refuses filters with no input channels, where the output is the bias",
        ),
        of_route(
            operations=("conv2d_transpose",),
            when=no_input_channels_in_own_gradient,
            outcome="refused",
            does="TensorFlow refuses filters that give no channels. oneDNN's kernel returns the empty output",
        ),
        of_route(
            operations=("conv2d",),
            when=windows_surround_with_a_bias,
            outcome="crashed",
            does=f"{DIES_IN_PADDING}. With a bias, float32 does too",
            tries=TRIES,
        ),
        failure(
            backends=("tensorflow", "tensorflow:function"),
            operations=("conv2d",),
            when=lambda case, facts: case.dtype in _PATHS and windows_surround_with_a_bias(case, facts),
            outcome="crashed",
            does=f"{DIES_IN_PADDING}. Dilated, or with vertical padding, some cases do",
            tries=TRIES,
        ),
        of_route(
            operations=("conv2d",),
            when=windows_lie_beside_a_low_image_with_a_bias,
            outcome="crashed",
            does="oneDNN dies (SIGSEGV) where windows lie in the padding beside an image that is lower than the kernel"
            ". With a bias, float32 does too",
            tries=TRIES,
        ),
        failure(
            backends=("tensorflow", "tensorflow:function"),
            operations=("conv2d",),
            when=windows_lie_beside_a_low_image,
            outcome="crashed",
            does="oneDNN dies (SIGSEGV) where windows lie in the padding beside an image that is lower than the kernel",
            tries=TRIES,
        ),
        failure(
            backends=("tensorflow", "tensorflow:nchw"),
            operations=("conv2d",),
            when=empty_batch_changes_shape,
            checks=("bias",),
            outcome="refused",
            does="oneDNN's kernel returns an output of the input's shape, to which bias_add cannot add",
        ),
        failure(
            backends=("tensorflow:function",),
            operations=("conv2d",),
            when=own_kernel_takes_the_bias_of_groups,
            checks=("bias",),
            outcome="refused",
            does="a graph makes one operation of conv2d and its bias; without oneDNN, that takes no groups",
        ),
    )


FAILURES += of_bias()


def dilation_matters(case: Case) -> bool:
    """Return whether the kernel has more than one tap along an axis that is dilated."""
    axes = case.convolution.height, case.convolution.width
    return any(axis.dilation > 1 and axis.kernel_size > 1 for axis in axes)


def runs_own_gradient(case: Case, facts: Facts) -> bool:
    """Return whether TensorFlow's own kernel gives the gradient: oneDNN's takes no padding but SAME and VALID."""
    return case.padding_mode not in ("SAME", "VALID") or not in_onednn(case, facts)


def no_batch_in_own_depthwise_gradient(case: Case, facts: Facts) -> bool:
    return case.batch == 0 and 0 not in (case.input_channels, case.output_channels) and runs_own_gradient(case, facts)


def no_outputs_in_own_depthwise_gradient(case: Case, facts: Facts) -> bool:
    return case.output_channels == 0 and 0 not in (case.batch, case.input_channels) and runs_own_gradient(case, facts)


# Upstream knows it of the forward operation.
_DEPTHWISE_DILATIONS = "https://github.com/tensorflow/tensorflow/issues/56498"


def of_depthwise() -> tuple[KnownFailure, ...]:
    """The entries of tensorflow:depthwise that no other route has."""
    of_route = partial(seen_in_all, backends=("tensorflow:depthwise",))
    of_new = partial(failure, backends=("tensorflow:depthwise",))
    return (
        of_route(
            operations=GRADIENTS,
            when=lambda case, facts: case.padding_mode == "SAME" and dilation_matters(case),
            outcome="fail",
            does="tf.nn.depthwise_conv2d_backprop_input and _filter ignore dilations: the gradients are silently wrong",
            link=_DEPTHWISE_DILATIONS,
            tries=TRIES,
        ),
        of_route(
            operations=GRADIENTS,
            when=lambda case, facts: case.padding_mode != "SAME" and dilation_matters(case),
            outcome="refused",
            does="tf.nn.depthwise_conv2d_backprop_input and _filter ignore dilations. "
            "They refuse out_backprop, where its shape depends on these",
            link=_DEPTHWISE_DILATIONS,
        ),
        of_route(
            operations=("conv2d_backprop_filter",),
            when=no_batch_in_own_depthwise_gradient,
            outcome="fail",
            does="TensorFlow's own kernel leaves the gradient of an empty batch unwritten, where it is all zeros",
            tries=TRIES,
        ),
        of_new(
            operations=("conv2d_backprop_input",),
            when=no_outputs_in_own_depthwise_gradient,
            outcome="fail",
            does="TensorFlow's own kernel leaves the gradient unwritten without output channels, where it is all zeros",
            tries=TRIES,
        ),
        of_new(
            operations=("conv2d",),
            when=no_output_channels_in_onednn,
            outcome="refused",
            does=f"oneDNN's kernel {REFUSES_NO_OUTPUTS}. TensorFlow's own kernel returns the empty output",
        ),
    )


FAILURES += of_depthwise()


def of_invalid_sizes() -> tuple[KnownFailure, ...]:
    """The entries of input_sizes that are not 4 integers, which the adapter gives to TensorFlow as they are."""
    return (
        failure(
            backends=("tensorflow",),
            operations=INPUT_GRADIENTS,
            when=float32_in_onednn,
            invalid=("sizes-scalar", "sizes-of-3"),
            outcome="crashed",
            does="oneDNN's kernel dies (SIGABRT) of input_sizes, or an output_shape, that are not 4 integers",
        ),
    )


FAILURES += of_invalid_sizes()
