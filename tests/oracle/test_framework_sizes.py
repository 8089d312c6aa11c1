"""Keras and torch pick the sizes that `transposed_sizes` says they pick."""

from __future__ import annotations

import itertools

import keras
import pytest
import torch

from reference_impl.geometry import transposed_sizes


def keras_size(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    layer = keras.layers.Conv2DTranspose(
        1, kernel, strides=stride, padding=padding.lower(), dilation_rate=dilation, data_format="channels_last"
    )
    _, height, width, _ = layer.compute_output_shape((1, size, size, 1))
    assert height == width
    return height


def torch_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int | None:
    """Return the size that torch picks; None where it refuses because no output is left."""
    images = torch.empty((1, 1, size, size), device="meta")
    filters = torch.empty((1, 1, kernel, kernel), device="meta")
    try:
        output = torch.nn.functional.conv_transpose2d(
            images, filters, stride=stride, padding=padding, dilation=dilation
        )
    except RuntimeError as error:
        if "Output size is too small" not in str(error):
            raise
        return None
    return output.shape[2]


@pytest.mark.parametrize("kernel", range(1, 5))
@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_keras_picks_the_size_that_we_say(padding, kernel):
    wrong = []
    for size, (stride, dilation) in itertools.product(range(1, 6), [(1, 1), (2, 1), (3, 1), (5, 1), (1, 2), (1, 3)]):
        ours = transposed_sizes(size, kernel, stride=stride, dilation=dilation, padding=padding).keras
        theirs = keras_size(size, kernel, stride, dilation, padding)
        if ours != theirs:
            wrong.append((size, stride, dilation, ours, theirs))
    assert not wrong


@pytest.mark.parametrize("kernel", range(1, 5))
@pytest.mark.parametrize("padding", range(4))
def test_torch_picks_the_size_that_we_say(padding, kernel):
    wrong = []
    for size, stride, dilation in itertools.product(range(1, 6), range(1, 5), range(1, 4)):
        ours = transposed_sizes(size, kernel, stride=stride, dilation=dilation, padding=(padding, padding)).torch
        theirs = torch_size(size, kernel, stride, dilation, padding)
        if ours != theirs:
            wrong.append((size, stride, dilation, ours, theirs))
    assert not wrong
