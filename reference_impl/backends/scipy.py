"""SciPy's `signal.correlate` and `signal.convolve`, one pair of planes at a time.

https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.correlate.html
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, ClassVar

import numpy as np
import scipy
from scipy import signal

from .padding import ForwardSizes, cropped
from .protocol import NO_STEPS_NOR_GROUPS, Capabilities, Lack

# "same" is the centre of "full", with the odd zero before.
_MODES = {"VALID": "valid", "FULL": "full", "SAME_LOWER": "same"}
_COMPOSED = {
    "conv2d": "np.pad, then valid",
    "conv2d_backprop_input": "full, then cropped",
    "conv2d_backprop_filter": "np.pad, then valid",
    "conv2d_transpose": "full, then cropped",
}
_MOST_PAIRS = 2000


def _composed(operation: str, case: Any) -> str | None:
    native = _MODES if operation == "conv2d" else ("VALID",)
    return None if case.padding in native else _COMPOSED[operation]


class Plain:
    """The adapter sums over channels and images itself, in the dtype of the arguments."""

    name = "scipy"
    version = scipy.__version__
    capabilities = Capabilities(
        dtypes=("int32", "int64", "float32", "float64"),
        lacks=(
            *NO_STEPS_NOR_GROUPS,
            Lack(
                f"is called once for each pair of planes: too often for more than {_MOST_PAIRS}",
                lambda operation, case: case.batch * case.input_channels * case.output_channels > _MOST_PAIRS,
            ),
        ),
        composed=_composed,
        unclaimed={"refuses_invalid_calls": "is given single planes, which do not show most invalid calls"},
    )
    # These are called; a test puts a wrong one in.
    correlate_function: ClassVar[Callable] = staticmethod(signal.correlate)
    convolve_function: ClassVar[Callable] = staticmethod(signal.convolve)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(input.shape, filters.shape, **options)
        mode = _MODES.get(forward.padding, "valid")
        images = _padded(input, forward) if mode == "valid" else input
        output = np.zeros((len(input), *forward.windows[0], filters.shape[3]), input.dtype)
        for n, i, o in product(range(len(input)), *map(range, filters.shape[2:])):
            output[n, ..., o] += self._correlated(images[n, ..., i], filters[..., i, o], mode, output[n, ..., o])
        return output

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(input_sizes, filters.shape, **options)
        height, width = (size + sum(around) for size, around in zip(forward.sizes, forward.pads, strict=True))
        padded = np.zeros((len(out_backprop), height, width, filters.shape[2]), out_backprop.dtype)
        for n, i, o in product(range(len(out_backprop)), *map(range, filters.shape[2:])):
            # "direct" is the plain sum. By default, SciPy chooses between it and an FFT by size.
            padded[n, ..., i] += self.convolve_function(out_backprop[n, ..., o], filters[..., i, o], "full", "direct")
        return cropped(padded, forward.pads)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        images = _padded(input, ForwardSizes(input.shape, filter_sizes, **options))
        result = np.zeros(filter_sizes, input.dtype)
        for n, i, o in product(range(len(input)), *map(range, filter_sizes[2:])):
            result[..., i, o] += self._correlated(
                images[n, ..., i], out_backprop[n, ..., o], "valid", result[..., i, o]
            )
        return result

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        return self.conv2d_backprop_input(output_shape, filters, input, **options)

    def _correlated(self, plane: np.ndarray, kernel: np.ndarray, mode: str, result: np.ndarray) -> Any:
        """Return SciPy's answer, or 0 for an empty plane or result, where SciPy's has no axes."""
        return self.correlate_function(plane, kernel, mode, "direct") if plane.size and result.size else 0


def _padded(images: np.ndarray, forward: ForwardSizes) -> np.ndarray:
    return np.pad(images, ((0, 0), *forward.pads, (0, 0)))


ROUTES = {"": Plain}
