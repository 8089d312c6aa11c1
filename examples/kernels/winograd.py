"""Winograd's F(2x2, 3x3): each 2x2 outputs from a 4x4 tile, by 16 products in place of 36.

A. Lavin, S. Gray, Fast algorithms for convolutional neural networks, https://arxiv.org/abs/1509.09308, section 4.1.
A kernel of another size is cut into 3x3 pieces, the last of them filled up with zeros.
"""

from __future__ import annotations

import numpy as np

from reference_impl.conformance import Capabilities

from .by_conv2d_alone import ByConv2dAlone

INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
FILTER = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


class Winograd(ByConv2dAlone):
    # Nine products are added for an output, each of a sum of inputs and a sum of taps. Their absolute values come to
    # at most 14.9 times the norms of window and piece. Along each axis, the rows of INPUT have norm sqrt 2. The rows of
    # FILTER that an output takes have the norms 1, sqrt(3/4) and sqrt(3/4). And
    # (sqrt(2) * (1 + 2 * sqrt(3/4)))**2 = 14.9.
    capabilities = Capabilities(
        planewise=True,
        unclaimed={"special_values": "its transforms spread NaN and infinity over their tiles"},
        factor=15,
        citation="B. Barabasz et al., Error analysis and improving the accuracy of Winograd convolution for deep "
        "neural networks, https://arxiv.org/abs/1803.10986, theorem 2",
    )

    def correlate(self, images, kernels):
        (batch, height, width, _), (rows, columns, _, channels) = images.shape, kernels.shape
        outputs = height - rows + 1, width - columns + 1
        result = np.zeros((batch, *(size + size % 2 for size in outputs), channels), images.dtype)
        # Tiles and pieces past the edge are filled up with zeros.
        images = np.pad(images, ((0, 0), (0, 4), (0, 4), (0, 0)))
        for top in range(0, rows, 3):
            for left in range(0, columns, 3):
                piece = kernels[top : top + 3, left : left + 3]
                piece = np.pad(piece, ((0, 3 - piece.shape[0]), (0, 3 - piece.shape[1]), (0, 0), (0, 0)))
                there = images[:, top : top + result.shape[1] + 2, left : left + result.shape[2] + 2]
                result += _f2x2_3x3(there, piece)
        return result[:, : outputs[0], : outputs[1]]


def _f2x2_3x3(images, piece):
    """Images (N H W I) by a piece (3 3 I O): the outputs, an even number of rows and of columns."""
    inputs, filters, outputs = (matrix.astype(images.dtype) for matrix in (INPUT, FILTER, OUTPUT))
    tiles = np.lib.stride_tricks.sliding_window_view(images, (4, 4), (1, 2))[:, ::2, ::2]
    tiles = inputs @ tiles @ inputs.T
    taps = filters @ piece.transpose(2, 3, 0, 1) @ filters.T
    products = np.einsum("nhwiab,ioab->nhwoab", tiles, taps)
    found = (outputs @ products @ outputs.T).transpose(0, 1, 4, 2, 5, 3)
    batch, high, _, wide, _, channels = found.shape
    return found.reshape(batch, 2 * high, 2 * wide, channels)
