"""Known failures of Keras, or of the engine below it (KERAS_BACKEND).

Tried with 3.15.1 on TensorFlow 2.21.0, torch 2.13.0+cpu, JAX 0.10.2 and OpenVINO 2026.4.1, on x86-64 with AVX-512.
To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/keras.md.
The fact `engine` is the engine's name. On TensorFlow alone, `onednn_dtypes` holds the dtypes that it gives to oneDNN.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ...cases.case import Case
from ..known_failure import TRIES, Facts, KnownFailure

TENSORFLOW = "found here: docs/findings/tensorflow.md"
CONV_AND_GRADIENTS = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")
NOT_CONTIGUOUS = (
    "Keras passes a single filter in channels_last memory. torch refuses its gradient: 'grad_weight must be contiguous'"
)


def lacks_channels(case: Case) -> bool:
    return case.input_channels == 0 or case.output_channels == 0


def is_single_filter(case: Case) -> bool:
    """Return whether one undilated filter, larger than 1x1, sums over more than one channel."""
    single = case.input_channels > 1 and case.output_channels == 1
    return single and case.dilations == (1, 1) and case.kernel_size != (1, 1)


def ungrouped_in_onednn(case: Case, facts: Facts) -> bool:
    """Return whether TensorFlow's oneDNN kernel runs; with groups, Keras compiles by XLA."""
    return facts["engine"] == "tensorflow" and case.groups == 1 and case.dtype in facts["onednn_dtypes"]


def changes_shape(case: Case) -> bool:
    """Return whether the output has another shape than the images that Keras gets: padded ones, unless for SAME."""
    same, sizes = case.padding_mode == "SAME", case.convolution
    rows = sizes.height.input_size if same else sizes.height.padded_size
    columns = sizes.width.input_size if same else sizes.width.padded_size
    return case.output_shape[1:] != (rows, columns, case.input_channels)


def float32_in_onednn(case: Case, facts: Facts) -> bool:
    """Return whether TensorFlow's oneDNN kernel runs in float32, the dtype of invalid calls."""
    return facts["engine"] == "tensorflow" and "float32" in facts["onednn_dtypes"]


failure = partial(KnownFailure, backends=("keras",), versions="==3.15.*", link="found here: docs/findings/keras.md")
FAILURES: tuple[KnownFailure, ...] = (
    failure(
        operations=CONV_AND_GRADIENTS,
        when=lambda case, facts: case.input_channels == 0,
        outcome="refused",
        does="Keras divides by the filters' channels to count groups (ZeroDivisionError), "
        "or TensorFlow refuses the filters",
    ),
    failure(
        operations=CONV_AND_GRADIENTS,
        when=lambda case, facts: case.output_channels == 0 and case.batch > 0 and facts["engine"] != "openvino",
        outcome="refused",
        does="Keras takes an output without channels for a kernel that does not fit ('resulted in an empty output'), "
        "or the engine refuses it",
    ),
    failure(
        operations=CONV_AND_GRADIENTS,
        when=lambda case, facts: (
            case.output_channels == 0 and (facts["engine"] == "torch" or ungrouped_in_onednn(case, facts))
        ),
        outcome="refused",
        does="torch, and TensorFlow's oneDNN kernel, refuse filters with no output channels",
    ),
    failure(
        operations=("conv2d_transpose",),
        when=lambda case, facts: facts["engine"] == "torch" and lacks_channels(case),
        outcome="refused",
        does="torch refuses filters with no output channels, and transposed ones that give no channels",
        link="found here: docs/findings/torch.md",
    ),
    failure(
        operations=("conv2d_transpose",),
        when=lambda case, facts: facts["engine"] == "openvino" and lacks_channels(case),
        outcome="refused",
        does="OpenVINO refuses filters without channels: '`convert_to_numpy` failed to convert the tensor'",
        link="found here: docs/findings/openvino.md",
    ),
    failure(
        operations=("conv2d",),
        when=lambda case, facts: facts["engine"] == "openvino" and case.output_channels == 0 and case.groups > 1,
        outcome="refused",
        does="OpenVINO cannot reshape filters without output channels into groups",
    ),
    failure(
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: (
            facts["engine"] == "torch" and case.dtype == "float64" and case.batch > 0 and is_single_filter(case)
        ),
        outcome="refused",
        does=NOT_CONTIGUOUS,
    ),
    failure(
        operations=("conv2d_transpose",),
        when=lambda case, facts: facts["engine"] == "numpy" and case.dtype == "float64",
        outcome="fail",
        does="Keras converts float64 to its default dtype, and answers in float32",
    ),
    # In float32 it fails where torch does not take oneDNN's kernel. The batch, the kernel and the number of threads
    # decide that.
    failure(
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: (
            facts["engine"] == "torch" and case.dtype == "float32" and case.batch == 1 and is_single_filter(case)
        ),
        outcome="refused",
        tries=TRIES,
        does=NOT_CONTIGUOUS,
    ),
    failure(
        operations=("conv2d",),
        when=lambda case, facts: case.batch == 0 and ungrouped_in_onednn(case, facts) and changes_shape(case),
        outcome="fail",
        does="TensorFlow's oneDNN kernel returns an output of the input's shape",
        link=TENSORFLOW,
    ),
    failure(
        operations=("conv2d_transpose",),
        when=lambda case, facts: (
            facts["engine"] == "tensorflow" and case.input_channels == 0 and case.dtype not in facts["onednn_dtypes"]
        ),
        outcome="refused",
        does="TensorFlow refuses filters that give no channels",
        link=TENSORFLOW,
    ),
    failure(
        operations=CONV_AND_GRADIENTS,
        when=lambda case, facts: facts["engine"] == "tensorflow" and case.groups > 1,
        checks=("special_values",),
        outcome="fail",
        tries=TRIES,
        does="XLA multiplies a NaN or infinity in one group by zeros, so that results of other groups are NaN",
    ),
    failure(
        operations=("conv2d_backprop_input", "conv2d_backprop_filter"),
        when=lambda case, facts: facts["engine"] == "tensorflow" and case.dilations != (1, 1),
        checks=("special_values",),
        outcome="fail",
        tries=TRIES,
        does="TensorFlow's space_to_batch adds windows, whose cotangent is zero. "
        "A NaN or infinity times that zero is NaN where no sum takes it",
    ),
    failure(
        operations=("conv2d",),
        when=float32_in_onednn,
        invalid=("kernel-too-large",),
        outcome="fail",
        does="TensorFlow answers where no window fits, with an array of the input's shape",
        link=TENSORFLOW,
    ),
)


def of_layers() -> tuple[KnownFailure, ...]:
    """The entries of keras:layers and keras:depthwise: the layers fail as the functions below them do."""
    both = ("keras:layers", "keras:depthwise")
    # With one channel, the bias that a layer adds to an output of the input's shape makes its shape right.
    wrong_shape = ("conv2d",), "fail", ()
    inherited = (
        replace(entry, backends=both)
        for entry in FAILURES
        if not entry.invalid and (entry.operations, entry.outcome, entry.checks) != wrong_shape
    )
    return (
        *inherited,
        failure(
            backends=both,
            operations=CONV_AND_GRADIENTS,
            when=lambda case, facts: (
                case.batch == 0
                and facts["engine"] == "tensorflow"
                and case.dtype in facts["onednn_dtypes"]
                and changes_shape(case)
            ),
            outcome="refused",
            tries=TRIES,
            does="TensorFlow's oneDNN kernel returns an output of the input's shape, to which no bias can be added",
            link=TENSORFLOW,
        ),
        failure(
            backends=both,
            operations=("conv2d",),
            when=lambda case, facts: (
                case.batch == 0
                and facts["engine"] == "tensorflow"
                and case.dtype in facts["onednn_dtypes"]
                and changes_shape(case)
            ),
            outcome="fail",
            tries=TRIES,
            does="TensorFlow's oneDNN kernel returns an output of the input's shape",
            link=TENSORFLOW,
        ),
        failure(
            backends=("keras:layers",),
            operations=("conv2d_transpose",),
            when=lambda case, facts: case.input_channels == 0,
            outcome="refused",
            does="Keras's layers refuse to give no channels: 'Expected a strictly positive value. Received filters=0'",
        ),
    )


FAILURES += of_layers()
