"""PyTorch's `torch.mkldnn_convolution`, in NCHW and OIHW. `F.conv2d` calls it after checking its arguments.

https://github.com/pytorch/pytorch/blob/v1.12.0/aten/src/ATen/native/mkldnn/Conv.cpp
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from reference_impl.backends.padding import explicit
from reference_impl.backends.protocol import Capabilities


class TorchOneDnn:
    name = "torch-onednn"
    version = torch.__version__
    capabilities = Capabilities(operations=("conv2d",), dtypes=("float32",))

    def conv2d(
        self, input: Any, filters: Any, *, padding: Any, groups: int, strides: Any, dilations: Any
    ) -> np.ndarray:
        (top, bottom), (left, right) = explicit(padding, input.shape[1:3], filters.shape[:2], strides, dilations)
        images = F.pad(torch.tensor(np.ascontiguousarray(input.transpose(0, 3, 1, 2))), (left, right, top, bottom))
        kernel = torch.tensor(np.ascontiguousarray(filters.transpose(3, 2, 0, 1)))
        output = torch.mkldnn_convolution(images, kernel, None, (0, 0), strides, dilations, groups)
        return output.numpy().transpose(0, 2, 3, 1)
