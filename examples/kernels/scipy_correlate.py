"""`scipy.signal.correlate`, one image, input channel and output channel at a time."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import signal

from .by_conv2d_alone import ByConv2dAlone


class ScipyCorrelate(ByConv2dAlone):
    def correlate(self, images, kernels):
        (batch, height, width, inputs), (rows, columns, _, outputs) = images.shape, kernels.shape
        result = np.zeros((batch, height - rows + 1, width - columns + 1, outputs), images.dtype)
        for n, i, o in itertools.product(range(batch), range(inputs), range(outputs)):
            # "direct" is the sum; left to itself, SciPy chooses between it and an FFT by size.
            result[n, ..., o] += signal.correlate(images[n, ..., i], kernels[..., i, o], "valid", "direct")
        return result
