"""Six kernels in a file, as a user has them: the first screens of their reports stand in docs/report.md."""

from __future__ import annotations

import os

import numpy as np

import reference_impl as ref
from reference_impl.conformance import Capabilities, limits

RANDOM = np.random.default_rng()


class Right:
    """A right conv2d, without the other three operations."""

    name, version = "my_kernel", "1.0"

    def conv2d(self, input, filters, **options):
        return ref.conv2d(input, filters, **options).astype(input.dtype)


class Wrong(Right):
    """Rotates the kernel."""

    def conv2d(self, input, filters, **options):
        return super().conv2d(input, filters[::-1, ::-1], **options)


class Fragile(Right):
    """Refuses arrays that are read-only, as Cython does."""

    def conv2d(self, input, filters, **options):
        if not input.flags.writeable:
            raise ValueError("buffer source array is read-only")
        return super().conv2d(input, filters, **options)


class OneShape(Right):
    """Is compiled for few shapes, none of which is in the smoke cases."""

    capabilities = Capabilities(operations=("conv2d",), lacks=limits(image=2, batch="one", channels=1, kernel=1))


class Unsteady(Right):
    """Adds in another order each time, as with atomic additions on a GPU: real numbers get other bits."""

    def conv2d(self, input, filters, **options):
        answer = super().conv2d(input, filters, **options)
        noise = RANDOM.integers(-1, 2, answer.shape) * np.spacing(np.abs(answer))
        return answer + np.where(answer == np.rint(answer), 0, noise).astype(answer.dtype)


class Dies(Right):
    """Dies of strides."""

    def conv2d(self, input, filters, **options):
        if tuple(options["strides"]) != (1, 1):
            os.abort()
        return super().conv2d(input, filters, **options)
