"""Known failures of PyTorch: tried with 2.13.0+cpu on x86-64 with AVX-512 (BF16; BF16 and FP16) and without (AVX2).

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/torch.md.
An empty batch is right everywhere. An image of height or width 0 is a declared lack ("Only zero batch or zero channel
inputs are supported"). The fact `onednn_path` is the code path that oneDNN chooses for the CPU (backends/cpu.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ...backends.cpu import at_least
from ...cases.case import Case
from ...operations import OPERATIONS
from ..known_failure import TRIES, Facts, KnownFailure, always

GRADIENTS = ("conv2d_backprop_input", "conv2d_backprop_filter")
TRANSPOSE_REFUSES = (
    "conv_transpose2d refuses filters that give no channels. With an empty batch, it raises an IndexError"
)
WANTS_NO_CHANNELS = (
    "torch wants a cotangent with 0 channels, because F.conv2d of 0 input channels gives 0 output channels"
)
READS_ONLY_PADDING = (
    "torch dies (segmentation fault) where, along the width, every window of a dilated kernel lies in the padding"
)


def no_input_channels(case: Case, facts: Facts) -> bool:
    return case.input_channels == 0 and case.output_channels > 0


def is_symmetric(case: Case) -> bool:
    """Return whether each axis has equal padding before and after, as torch pads it."""
    axes = case.convolution.height, case.convolution.width
    return all(axis.pad_before == axis.pad_after for axis in axes)


def may_read_only_padding(case: Case) -> bool:
    """Return whether dilated windows may lie in the padding along the width: the stride is longer than the image."""
    width = case.convolution.width
    return width.dilation > 1 and width.stride > 1 and width.input_size < width.stride and width.pad_before > 0


def windows_read_only_padding(case: Case) -> bool:
    """Return whether two or more dilated windows may lie in the padding along the width."""
    return may_read_only_padding(case) and case.output_shape[2] > 1 and is_symmetric(case)


def has_bf16(facts: Facts) -> bool:
    """Return whether oneDNN uses the bfloat16 instructions of AVX-512, or better ones."""
    return at_least(facts["onednn_path"], "avx512_core_bf16")


def adds_many_images(case: Case) -> bool:
    """Return whether sums of the images in a half may be off by 16 eps: each image may add half of one."""
    return case.batch > 32


def own_kernel_adds_many_images(case: Case, facts: Facts) -> bool:
    """Return whether torch's own kernel does so in bfloat16: oneDNN is not asked below these code paths."""
    return case.dtype == "bfloat16" and adds_many_images(case) and not at_least(facts["onednn_path"], "avx2_vnni_2")


def has_fp16(facts: Facts) -> bool:
    """Return whether oneDNN uses the float16 instructions of AVX-512, or better ones."""
    return at_least(facts["onednn_path"], "avx512_core_fp16")


def windows_read_only_padding_in_float16(case: Case, facts: Facts) -> bool:
    return case.dtype == "float16" and has_fp16(facts) and windows_read_only_padding(case)


def sums_one_column_wrongly(case: Case, facts: Facts) -> bool:
    """Return whether groups have one input channel and more outputs, and the output is one column wide."""
    single_inputs = case.groups > 1 and case.groups == case.input_channels and case.output_channels > case.groups
    column = case.output_shape[1] > 1 and case.output_shape[2] == 1
    steps = case.strides[0] == 1 and case.strides[1] > 1 and case.dilations[1] == 1
    in_bf16 = case.dtype == "bfloat16" and has_bf16(facts)
    return in_bf16 and single_inputs and case.kernel_size[1] > 1 and column and steps


def taps_read_only_padding(case: Case, facts: Facts) -> bool:
    """Return whether some taps of an undilated kernel may see only padding along the width."""
    if case.dtype != "bfloat16" or not has_bf16(facts):
        return False
    if case.input_channels <= 1 or case.kernel_size[1] <= 1 or case.dilations[1] > 1:
        return False
    return case.width < case.strides[1] and case.convolution.width.pad_before > 0 and is_symmetric(case)


def dilated_depthwise_kernel_is_wider(case: Case, facts: Facts) -> bool:
    """Return whether a depthwise kernel, dilated along the height, is wider than the image."""
    depthwise = case.groups > 1 and case.groups == case.input_channels == case.output_channels
    width = case.convolution.width
    wider = width.kernel_extent > case.width and width.pad_before > 0 and width.pad_before == width.pad_after
    return case.dtype == "bfloat16" and has_fp16(facts) and depthwise and case.dilations[0] > 1 and wider


def has_one_input_channel_and_one_column(case: Case) -> bool:
    """Return whether oneDNN may read the wrong rows of such a case. tensorflow.py uses this too."""
    column = case.output_shape[1] > 1 and case.output_shape[2] == 1
    steps = case.strides[0] == 1 and case.strides[1] > 1 and case.dilations[1] == 1 and case.kernel_size[1] > 1
    return case.input_channels == 1 and column and steps


def takes_rows_for_columns(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN may read the wrong rows in the memory formats of images and filters of one channel.

    Not every case inside is wrong. Where the width, the kernel, the stride and the padding along the width have a
    common divisor, none was.
    """
    least = {"float32": "avx512_core", "bfloat16": "avx512_core_bf16"}.get(case.dtype)
    in_avx512 = least is not None and at_least(facts["onednn_path"], least)
    return in_avx512 and case.batch > 1 and has_one_input_channel_and_one_column(case)


def splits_rows_behind_wide_pads(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN's filter gradient may be wrong: dilated and strided along the width, with wide pads there.

    oneDNN takes up to 28 columns of the output at once. It was seen with 29 to 50 columns and 15 to 28 zeros before the
    image. Not every case inside is wrong. tensorflow.py uses this too.
    """
    width = case.convolution.width
    steps = width.kernel_size > 1 and width.dilation > 1 and width.stride > 1
    sizes = 15 <= width.pad_before <= 28 and 29 <= width.output_size <= 56 and 0 not in case.input_sizes
    return case.dtype == "float32" and at_least(facts["onednn_path"], "avx512_core") and steps and sizes


def splits_grouped_rows_behind_wide_pads(case: Case, facts: Facts) -> bool:
    """Return whether the filter gradient of groups may be. It was right without groups."""
    return case.groups > 1 and is_symmetric(case) and splits_rows_behind_wide_pads(case, facts)


WIDE_PADS = (
    "oneDNN's filter gradient of a kernel that is dilated and strided along the width is wrong, the same each time, "
    "with 15 or more zeros before the image and more than 28 columns of the output"
)


def dilated_depthwise_rows_are_wide(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN's depthwise filter gradient is wrong: bfloat16, dilated along the height, over 28 columns.

    A kernel of one row is enough. tensorflow.py uses this too.
    """
    depthwise = case.groups > 1 and case.groups == case.input_channels == case.output_channels
    wide = case.dilations[0] > 1 and case.output_shape[2] > 28
    return case.dtype == "bfloat16" and has_bf16(facts) and depthwise and wide and case.batch > 0


DILATED_DEPTHWISE = (
    "oneDNN's bfloat16 filter gradient of depthwise kernels dilated along the height is wrong, where the output "
    "has more than 28 columns"
)


def adds_in_pairs(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN adds bfloat16 products in pairs: seen on these code paths, and not with AMX."""
    path = facts["onednn_path"]
    return case.dtype == "bfloat16" and at_least(path, "avx512_core") and not at_least(path, "avx512_core_amx")


def pairs_leave_an_input_channel(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN, which sums bfloat16 in pairs, has an odd number of input channels to sum."""
    return adds_in_pairs(case, facts) and case.filter_sizes[2] % 2 == 1


def pairs_leave_an_output_channel(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN, which sums bfloat16 in pairs, has an odd number of output channels to sum."""
    return adds_in_pairs(case, facts) and case.output_channels // case.groups % 2 == 1


def pairs_leave_a_column(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN, which sums bfloat16 in pairs, has an odd number of output columns to sum."""
    return adds_in_pairs(case, facts) and case.output_shape[2] % 2 == 1


def sums_in_pairs(failure: Callable[..., KnownFailure], backends: tuple[str, ...]) -> list[KnownFailure]:
    """The entries of oneDNN's sums in pairs. Each operation sums along another axis. tensorflow.py uses these too."""
    left = {
        "conv2d": pairs_leave_an_input_channel,
        "conv2d_backprop_input": pairs_leave_an_output_channel,
        "conv2d_backprop_filter": pairs_leave_a_column,
        "conv2d_transpose": pairs_leave_an_output_channel,
    }
    return [
        failure(
            backends=backends,
            operations=(operation,),
            when=when,
            checks=("special_values",),
            outcome="fail",
            does="oneDNN sums bfloat16 in pairs. Where the number of terms is odd, it multiplies a neighbour by zero: "
            "a NaN or infinity there makes the sum NaN",
            tries=TRIES,
        )
        for operation, when in left.items()
    ]


def overruns_a_workspace(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN's filter gradient may write beyond its workspace, with channels last.

    The kernel is 1x1 and strided, and the channels do not fill a block. It was seen only where windows leave rows or
    columns over, and without groups: in float32, and in bfloat16 with AVX-512. tensorflow.py uses this too.
    """
    path, axes = facts["onednn_path"], (case.convolution.height, case.convolution.width)
    block = 16 if at_least(path, "avx512_core") else 8
    leaves = any((axis.padded_size - 1) % axis.stride for axis in axes)
    strided = case.kernel_size == (1, 1) and max(case.strides) > 1 and leaves
    least = {"float32": "avx2", "bfloat16": "avx512_core"}.get(case.dtype)
    fits = case.groups == 1 and 0 < case.input_channels < block
    return least is not None and at_least(path, least) and fits and strided


def strides_over_one_pixel(case: Case, facts: Facts) -> bool:
    """Return whether the filter gradient of a strided 1x1 kernel on one pixel may be wrong: bfloat16, few channels."""
    pixel = case.height == case.width == 1 and case.kernel_size == (1, 1) and max(case.strides) > 1
    few = case.groups == 1 and 0 < case.input_channels < 16 and 0 not in case.output_shape
    return case.dtype == "bfloat16" and at_least(facts["onednn_path"], "avx512_core") and pixel and few


OVERRUNS = (
    "oneDNN's filter gradient of a strided 1x1 kernel, channels last, writes beyond its workspace if the channels do "
    "not fill a block: {} (docs/findings/tensorflow.md)"
)
OVERRUNS_LINK = "https://github.com/uxlfoundation/oneDNN/issues/6035"


def overruns_the_input_buffer(case: Case, facts: Facts) -> bool:
    """Return whether oneDNN may copy more of the input than its buffer holds, with channels last.

    The windows leave rows between them. oneDNN copies the input of one column's windows, and that of wide kernels of
    one input channel. Its buffer takes multiples of 4096 numbers, so small inputs fit. tensorflow.py uses this too.
    """
    least = {"float32": "avx512_core", "bfloat16": "avx512_core_bf16"}.get(case.dtype)
    if least is None or not at_least(facts["onednn_path"], least):
        return False
    channels, (rows, columns), height = case.filter_sizes[2], case.kernel_size, case.convolution.height
    one_column = case.output_shape[2] == 1 and columns == 1 and rows > 1
    copied = one_column or (channels == 1 and columns > 1)
    numbers = height.padded_size * case.convolution.width.padded_size * case.input_channels
    return 0 not in case.output_shape and copied and height.stride > rows and numbers > 4096


BUFFER = (
    "oneDNN's conv2d whose windows leave rows between them, channels last, writes beyond its copy of the input, "
    "in an output one column wide or with one input channel: {}"
)
BUFFER_LINK = "https://github.com/uxlfoundation/oneDNN/pull/5494"
BUFFER_OUTCOMES = (("fail", "wrong sums on two threads"), ("crashed", "the process dies"))

# All but torch:native, which does without oneDNN.
BY_ONEDNN = (
    "torch",
    "torch:autograd",
    "torch:func",
    "torch:forward",
    "torch:transposed",
    "torch:double_backward",
    "torch:transposed_double_backward",
    "torch:channels_last",
    "torch:channels_last_filters",
)

# The reproducers of docs/findings/torch.md were run with 2.2.2, 2.6.0, 2.9.1, 2.13.0 and 2.14.1. Those of the entries
# with `seen_in_all` print the same in each. What was found later was run with 2.2.2 and 2.6.0.
failure = partial(KnownFailure, versions="==2.13.*", link="found here: docs/findings/torch.md")
seen_in_all = partial(failure, versions=">=2.2.2,<2.15")
seen_since_2_2 = partial(failure, versions=">=2.2.2,<2.14")
FAILURES = (
    seen_in_all(
        backends=("torch:*",),
        operations=OPERATIONS,
        when=lambda case, facts: case.output_channels == 0,
        outcome="refused",
        does="torch refuses filters with no output channels: 'expected weight to be at least 1 at dimension 0'",
    ),
    seen_in_all(
        backends=(
            "torch",
            "torch:channels_last",
            "torch:channels_last_filters",
            "torch:native",
            "torch:func",
            "torch:forward",
        ),
        operations=("conv2d",),
        when=no_input_channels,
        outcome="fail",
        does="F.conv2d of 0 input channels gives 0 output channels",
    ),
    failure(
        backends=("torch:autograd", "torch:transposed_double_backward"),
        operations=("conv2d",),
        when=no_input_channels,
        outcome="refused",
        does=TRANSPOSE_REFUSES,
    ),
    seen_in_all(
        backends=("torch:*",),
        operations=("conv2d_transpose",),
        when=lambda case, facts: no_input_channels(case, facts) and not facts.get("compiled"),
        outcome="refused",
        does=TRANSPOSE_REFUSES,
    ),
    failure(
        backends=("torch:transposed", "torch:transposed_double_backward"),
        operations=GRADIENTS,
        when=no_input_channels,
        outcome="refused",
        does=TRANSPOSE_REFUSES,
    ),
    failure(
        backends=("torch:double_backward",),
        operations=("conv2d",),
        when=no_input_channels,
        outcome="refused",
        does=WANTS_NO_CHANNELS,
    ),
    failure(
        backends=("torch:autograd", "torch:func", "torch:forward", "torch:double_backward"),
        operations=GRADIENTS,
        when=no_input_channels,
        outcome="refused",
        does=WANTS_NO_CHANNELS,
    ),
    # The next entries fail sometimes. All failures seen lie inside their conditions, but not every case inside fails:
    # the kernels read memory that is not theirs, or depend on the data. All are oneDNN's. Those that ask for FP16 were
    # seen on a CPU with FP16, and not in 23 or more calls each on one with BF16 alone (AMD EPYC).
    failure(
        backends=("torch", "torch:channels_last", "torch:channels_last_filters"),
        operations=("conv2d",),
        when=windows_read_only_padding_in_float16,
        outcome="crashed",
        does=READS_ONLY_PADDING,
        tries=TRIES,
    ),
    failure(
        backends=("torch:autograd", "torch:func", "torch:forward"),
        operations=OPERATIONS,
        when=windows_read_only_padding_in_float16,
        outcome="crashed",
        does=f"{READS_ONLY_PADDING}. This conv2d is differentiated here, or is a derivative",
        tries=TRIES,
    ),
    failure(
        backends=("torch:double_backward", "torch:transposed_double_backward"),
        operations=OPERATIONS,
        when=lambda case, facts: case.dtype == "float16" and has_fp16(facts) and may_read_only_padding(case),
        outcome="crashed",
        does=f"{READS_ONLY_PADDING}. A convolution of the second derivative does so with a single window too",
        tries=TRIES,
    ),
    failure(
        backends=("torch:channels_last",),
        operations=("conv2d",),
        when=lambda case, facts: case.dtype == "bfloat16" and has_fp16(facts) and windows_read_only_padding(case),
        outcome="crashed",
        does=READS_ONLY_PADDING,
        tries=TRIES,
    ),
    seen_in_all(
        backends=("torch:channels_last", "torch:channels_last_filters"),
        operations=("conv2d",),
        when=sums_one_column_wrongly,
        outcome="fail",
        does="torch gives wrong sums (5 for 9), the same each time, "
        "where groups have one input channel and the output is one column wide",
        tries=TRIES,
    ),
    seen_since_2_2(
        backends=("torch:channels_last_filters", "torch:channels_last_images", "torch:channels_last_layers"),
        operations=("conv2d",),
        when=takes_rows_for_columns,
        outcome="fail",
        does="torch gives wrong sums of images of one channel in channels_last where the output is one column wide",
        tries=TRIES,
    ),
    seen_since_2_2(
        backends=("torch:channels_last",),
        operations=("conv2d_backprop_filter",),
        when=dilated_depthwise_rows_are_wide,
        outcome="fail",
        does=DILATED_DEPTHWISE,
        tries=TRIES,
    ),
    failure(
        backends=("torch",),
        operations=("conv2d_backprop_filter",),
        when=strides_over_one_pixel,
        outcome="fail",
        does="torch gives other sums at times in the gradient of a strided 1x1 kernel on images of one pixel",
        tries=TRIES,
    ),
    seen_since_2_2(
        backends=("torch:channels_last",),
        operations=("conv2d_backprop_filter",),
        when=splits_grouped_rows_behind_wide_pads,
        outcome="fail",
        does=f"{WIDE_PADS}, in groups",
        tries=TRIES,
    ),
    seen_in_all(
        # The routes in which it was seen.
        backends=(
            "torch",
            "torch:autograd",
            "torch:func",
            "torch:transposed",
            "torch:bias",
            "torch:layers",
            "torch:channels_last",
        ),
        operations=("conv2d_backprop_filter",),
        when=taps_read_only_padding,
        outcome="fail",
        does="torch leaves uninitialised memory in the gradient of taps that see only padding along the width",
        tries=TRIES,
    ),
    seen_in_all(
        backends=("torch:channels_last",),
        operations=("conv2d_backprop_filter",),
        when=dilated_depthwise_kernel_is_wider,
        outcome="fail",
        does="torch leaves uninitialised memory in the gradient of dilated depthwise filters "
        "whose kernel is wider than the image",
        tries=TRIES,
    ),
    seen_in_all(
        backends=("torch",),
        operations=GRADIENTS,
        when=always,
        invalid=("dilation-zero",),
        outcome="fail",
        does="torch.nn.grad answers with a dilation of 0, which F.conv2d refuses",
    ),
    seen_in_all(
        backends=("torch:*",),
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: case.dtype == "float16" and adds_many_images(case),
        outcome="fail",
        checks=("wide_sums",),
        does="the float16 filter gradient adds the images in float16",
        tries=TRIES,
    ),
    *(
        failure(
            backends=backends,
            operations=("conv2d_backprop_filter",),
            when=when,
            outcome="fail",
            checks=("wide_sums",),
            does="without oneDNN, the bfloat16 filter gradient adds the images in bfloat16",
            tries=TRIES,
        )
        for backends, when in (
            (("torch:native",), lambda case, facts: case.dtype == "bfloat16" and adds_many_images(case)),
            (("torch:*",), own_kernel_adds_many_images),
        )
    ),
    *(
        seen_in_all(
            backends=("torch:channels_last",),
            operations=("conv2d_backprop_filter",),
            when=overruns_a_workspace,
            outcome=outcome,
            does=OVERRUNS.format(does),
            link=OVERRUNS_LINK,
            tries=TRIES,
        )
        for outcome, does in (("fail", "wrong values on two threads"), ("crashed", "the process dies, or hangs"))
    ),
    *(
        seen_in_all(
            backends=("torch:channels_last", "torch:channels_last_filters"),
            operations=("conv2d",),
            when=overruns_the_input_buffer,
            outcome=outcome,
            does=BUFFER.format(does),
            link=BUFFER_LINK,
            tries=TRIES,
        )
        for outcome, does in BUFFER_OUTCOMES
    ),
    *sums_in_pairs(seen_in_all, BY_ONEDNN),
)


def of_functions(*backends: str) -> tuple[KnownFailure, ...]:
    """The entries of a route through F.conv2d: its failures without channels, and oneDNN's in half precision."""
    of_routes = partial(failure, backends=backends, operations=("conv2d",))
    return (
        of_routes(
            when=no_input_channels,
            outcome="fail",
            does="F.conv2d of 0 input channels gives 0 output channels",
        ),
        of_routes(
            when=windows_read_only_padding_in_float16,
            outcome="crashed",
            does=READS_ONLY_PADDING,
            tries=TRIES,
        ),
        *sums_in_pairs(failure, backends),
    )


def of_gradients(*backends: str) -> tuple[KnownFailure, ...]:
    """The entries of a route that differentiates F.conv2d."""
    of_routes = partial(failure, backends=backends, operations=GRADIENTS)
    return (
        of_routes(when=no_input_channels, outcome="refused", does=WANTS_NO_CHANNELS),
        of_routes(
            when=windows_read_only_padding_in_float16,
            outcome="crashed",
            does=READS_ONLY_PADDING,
            tries=TRIES,
        ),
    )


def of_channels_last(*backends: str) -> tuple[KnownFailure, ...]:
    """The entries of a route whose images are channels_last, as those of torch:channels_last."""
    return tuple(
        replace(entry, backends=backends) for entry in FAILURES if entry.backends[:1] == ("torch:channels_last",)
    )


def of_compiled() -> tuple[KnownFailure, ...]:
    """The further entries of torch:compile and torch:compile_dynamic."""
    return (
        failure(
            backends=("torch:compile", "torch:compile_dynamic"),
            operations=GRADIENTS,
            when=lambda case, facts: case.batch == 0 and case.output_channels > 0 and case.input_channels > 0,
            outcome="refused",
            does="torch.compile refuses the gradient of an empty batch: it expects other strides than torch gives",
        ),
    )


_DIFFERENTIATED = ("torch:bias", "torch:layers", "torch:channels_last_layers", "torch:compile", "torch:compile_dynamic")
FAILURES += (
    *of_functions(*_DIFFERENTIATED, "torch:channels_last_images", "torch:odd_strides"),
    *of_gradients(*_DIFFERENTIATED),
    *of_channels_last("torch:channels_last_images", "torch:channels_last_layers"),
    *of_compiled(),
)
