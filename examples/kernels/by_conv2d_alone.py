"""The two gradients and the transposed convolution, written with nothing but `conv2d`, in full generality.

    d_input   = conv2d of (out_backprop dilated by the stride, padded, cropped)
                with (filters rotated by 180 degrees, input and output channels swapped), at the same dilation
    d_filters = conv2d of (input padded, batch and channels swapped)
                with (out_backprop as a filter, its batch as input channels), at dilation = stride, stride = dilation

Exact for strides, dilations, groups, many channels and images, padding words and explicit pads, and leftover rows.
Both use `conv2d` VALID, without explicit padding. So any `conv2d` with strides, dilations and groups will do. Override
it in a subclass.
"""

from __future__ import annotations

import numpy as np

from reference_impl.conformance import Capabilities

from .kernel import Plan


class ByConv2dAlone:
    capabilities = Capabilities(unclaimed={"special_values": "multiplies the zeros that it puts between the taps"})

    def correlate(self, images, kernels):
        """The plain case of `conv2d`: stride 1, dilation 1, one group, VALID."""
        windows = np.lib.stride_tricks.sliding_window_view(images, kernels.shape[:2], (1, 2))
        return np.einsum("nhwipq,pqio->nhwo", windows, kernels)

    def conv2d(self, input, filters, *, strides, padding="VALID", dilations, groups):
        """Zeros between the taps for the dilation; what the stride passes over is computed and thrown away."""
        plan = Plan.of(input.shape[1:3], filters.shape[:2], strides, padding, dilations)
        spread = np.zeros((*plan.extents, *filters.shape[2:]), filters.dtype)
        spread[:: dilations[0], :: dilations[1]] = filters
        parts = zip(np.split(plan.pad(input), groups, axis=3), np.split(spread, groups, axis=3))
        output = np.concatenate([self.correlate(x, w) for x, w in parts], axis=3)
        return np.ascontiguousarray(output[:, :: strides[0], :: strides[1]])

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, *, strides, padding, dilations, groups):
        """A leftover of rows or columns is zeros at the end; padding is cropped off."""
        plan = Plan.of(input_sizes[1:3], filters.shape[:2], strides, padding, dilations)
        before = [extent - 1 for extent in plan.extents]
        batch, *_, channels = out_backprop.shape
        sizes = [size + room for size, room in zip(plan.padded_sizes, before)]
        spread = np.zeros((batch, *sizes, channels), filters.dtype)
        ends = [room + (count - 1) * stride + 1 for room, count, stride in zip(before, plan.outputs, strides)]
        spread[:, before[0] : ends[0] : strides[0], before[1] : ends[1] : strides[1]] = out_backprop
        turned = _rotated_and_swapped(filters, groups)
        return plan.crop(self.conv2d(spread, turned, strides=(1, 1), dilations=dilations, groups=groups))

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, *, strides, padding, dilations, groups):
        """The taps past the kernel, which a leftover allows when it is at least the dilation, are cut off."""
        plan = Plan.of(input.shape[1:3], filter_sizes[:2], strides, padding, dilations)
        padded = plan.pad(input)
        batch, height, width, channels = padded.shape
        # (N, H, W, groups * i) to (i, H, W, groups * N): each group's images become its channels.
        swapped = padded.reshape(batch, height, width, groups, channels // groups).transpose(4, 1, 2, 3, 0)
        swapped = swapped.reshape(channels // groups, height, width, groups * batch)
        as_filters = out_backprop.transpose(1, 2, 0, 3)
        result = self.conv2d(swapped, as_filters, strides=dilations, dilations=strides, groups=groups)
        return result.transpose(1, 2, 0, 3)[: filter_sizes[0], : filter_sizes[1]]

    def conv2d_transpose(self, input, filters, output_shape, **options):
        return self.conv2d_backprop_input(output_shape, filters, input, **options)


def _rotated_and_swapped(filters, groups):
    """(kh, kw, i, groups * o) to (kh, kw, o, groups * i), turned by 180 degrees."""
    kernel_height, kernel_width, inputs, outputs = filters.shape
    split = filters[::-1, ::-1].reshape(kernel_height, kernel_width, inputs, groups, outputs // groups)
    return split.transpose(0, 1, 4, 3, 2).reshape(kernel_height, kernel_width, outputs // groups, groups * inputs)
