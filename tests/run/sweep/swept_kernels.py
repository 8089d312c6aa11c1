"""Kernels to sweep: wrong under conjunctions of conditions, deadly, without some options."""

from __future__ import annotations

import os
import signal
import time

from planted import Flipped, Right

from reference_impl.backends.protocol import Capabilities, Lack


class ThreeBugs(Right):
    """Wrong in three ways, each under three conditions."""

    name = "three bugs"

    def _answer(self, operation, *args, strides, padding, dilations, groups):
        answer = super()._answer(operation, *args, strides=strides, padding=padding, dilations=dilations, groups=groups)
        kernel = args[1].shape[0] if hasattr(args[1], "shape") else args[1][0]
        batch = args[0].shape[0] if hasattr(args[0], "shape") else args[0][0]
        if operation == "conv2d" and kernel == 3 and strides[0] > 1 and dilations[0] > 1:
            answer.flat[0] += 1
        if operation == "conv2d_backprop_filter" and padding == "SAME" and batch > 1 and groups > 1:
            answer.flat[-1] += 1
        if operation == "conv2d_transpose" and padding == "FULL" and max(strides) == 1 and kernel < 3:
            answer[:] = 0
        return answer


class OnlyConv2d:
    """A right conv2d without dilation, and nothing else."""

    name = "only conv2d"
    version = "1.2"
    capabilities = Capabilities(
        operations=("conv2d",), lacks=(Lack("no dilation", lambda operation, case: max(case.dilations) > 1),)
    )

    def conv2d(self, *args, **options):
        return Right()._answer("conv2d", *args, **options)


class Deadly(Right):
    """It dies of strided conv2d in a batch."""

    name = "deadly"

    def conv2d(self, input, filters, *, strides, **options):
        if max(strides) > 1 and input.shape[0] > 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().conv2d(input, filters, strides=strides, **options)


class Stops(Flipped):
    """Wrong, and it stops in its second chunk or soon after."""

    calls = 0

    def spoil(self, answer, arrays):
        self.calls += 1
        if self.calls > 3000:
            time.sleep(600)
        return super().spoil(answer, arrays)
