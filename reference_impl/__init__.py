"""A NumPy oracle for 2-D convolution and its gradients. Needs NumPy and nothing else."""

from . import axis_order, exact, geometry
from .operations import conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_matrix, conv2d_transpose

__version__ = "0.1.0"

layout = axis_order  # the name under which README shows it

__all__ = [
    "__version__",
    "axis_order",
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_input",
    "conv2d_matrix",
    "conv2d_transpose",
    "exact",
    "geometry",
    "layout",
]
