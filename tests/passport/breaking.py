"""Kernels that keep all promises of bits, or break one each. Another process loads them by name."""

from __future__ import annotations

import os

import numpy as np

import reference_impl
from reference_impl.backends.protocol import Capabilities, Lack

_SMALL = (Lack("takes small cases only", lambda operation, case: case.multiply_adds > 100_000),)


class Steady:
    """The oracle, answering in the dtype of its arguments."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("float32",), lacks=_SMALL)

    def conv2d(self, input, filters, **options):
        return self.altered(reference_impl.conv2d(input, filters, **options), input).astype(input.dtype)

    def altered(self, answer, input):
        return answer


class Promises(Steady):
    """Keeps what it declares."""

    capabilities = Capabilities(
        operations=("conv2d",),
        dtypes=("float32",),
        lacks=_SMALL,
        requires=("deterministic", "batch-invariant", "layout-invariant"),
    )


class Races(Steady):
    """Gives other bits at random."""

    def altered(self, answer, input):
        return answer * (1 + 1e-6 * np.random.default_rng().random())


class ByBatch(Steady):
    """Adds in another way where the batch is large."""

    def altered(self, answer, input):
        return answer * (1 + 1e-6 * (len(input) > 4))


class ByLayout(Steady):
    """Adds in another way where the input is not contiguous."""

    def altered(self, answer, input):
        return answer * (1 + 1e-6 * (not input.flags.c_contiguous))


class ByThreads(Steady):
    """Splits its sums between threads."""

    def altered(self, answer, input):
        return answer * (1 + 1e-6 * int(os.environ.get("OMP_NUM_THREADS", "1")))


class BreaksItsPromise(ByBatch):
    """Declares what it does not keep."""

    capabilities = Capabilities(
        operations=("conv2d",), dtypes=("float32",), lacks=_SMALL, requires=("batch-invariant",)
    )
