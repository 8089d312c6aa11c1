"""PyTorch on the CPU, by several routes to its convolutions.

The routes lead to different kernels: oneDNN's and torch's own, those for integers, those for each memory format, and
those that only a derivative reaches.
"""

from __future__ import annotations

from .biased import Biased
from .compiled import Compiled, Dynamic
from .derivatives import Autograd, DoubleBackward, ForwardMode, Func, Transposed, TransposedDoubleBackward
from .functions import Native, Plain
from .layers import Layers
from .memory_formats import ChannelsLast, ChannelsLastFilters, ChannelsLastImages, ChannelsLastLayers, OddStrides

ROUTES = {
    "": Plain,
    "autograd": Autograd,
    "func": Func,
    "forward": ForwardMode,
    "transposed": Transposed,
    "double_backward": DoubleBackward,
    "transposed_double_backward": TransposedDoubleBackward,
    "channels_last": ChannelsLast,
    "channels_last_filters": ChannelsLastFilters,
    "channels_last_images": ChannelsLastImages,
    "channels_last_layers": ChannelsLastLayers,
    "odd_strides": OddStrides,
    "native": Native,
    "bias": Biased,
    "layers": Layers,
}
# Routes that run only where they are named, as each call compiles for seconds.
NAMED = {"compile": Compiled, "compile_dynamic": Dynamic}
