"""TensorFlow: its operations called eagerly, through its derivatives, in a graph, compiled by XLA, and in NCHW."""

from __future__ import annotations

import os

# TensorFlow reads it when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from .depthwise import Depthwise
from .derivatives import ForwardMode, SecondOrder, Tape, Transposed, TransposedSecondOrder
from .functions import XLA, Biased, ChannelsFirst, Graph, Plain
from .waiting import sleep_while_waiting

sleep_while_waiting()

ROUTES = {
    "": Plain,
    "tape": Tape,
    "forward": ForwardMode,
    "transposed": Transposed,
    "second_order": SecondOrder,
    "transposed_second_order": TransposedSecondOrder,
    "function": Graph,
    "xla": XLA,
    "nchw": ChannelsFirst,
    "bias": Biased,
    "depthwise": Depthwise,
}
