"""JAX: its convolutions called eagerly, under jit and in NCHW, and their derivatives."""

from __future__ import annotations

from .derivatives import ForwardMode, SecondOrder, Transposed, Vjp
from .functions import ChannelsFirst, Jit, Plain

ROUTES = {
    "": Plain,
    "jit": Jit,
    "nchw": ChannelsFirst,
    "vjp": Vjp,
    "transposed": Transposed,
    "forward": ForwardMode,
    "second_order": SecondOrder,
}
