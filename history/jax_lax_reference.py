"""JAX's own NumPy reference of its convolution, `lax_reference.conv_general_dilated`, in NHWC, without groups.

https://github.com/jax-ml/jax/blob/main/jax/_src/lax_reference.py
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax._src import lax_reference

from reference_impl.backends.padding import explicit
from reference_impl.backends.protocol import Capabilities, Lack


class LaxReference:
    name = "jax-lax-reference"
    version = jax.__version__
    capabilities = Capabilities(
        operations=("conv2d",),
        lacks=(
            Lack("it takes no groups", lambda _, case: case.groups > 1),
            Lack("it knows no SAME_LOWER", lambda _, case: case.padding == "SAME_LOWER"),
        ),
    )

    def conv2d(
        self, input: Any, filters: Any, *, padding: Any, groups: int, strides: Any, dilations: Any
    ) -> np.ndarray:
        words = ("VALID", "SAME")
        pads = (
            padding if padding in words else explicit(padding, input.shape[1:3], filters.shape[:2], strides, dilations)
        )
        return lax_reference.conv_general_dilated(
            input, filters, strides, pads, (1, 1), dilations, ("NHWC", "HWIO", "NHWC")
        )
