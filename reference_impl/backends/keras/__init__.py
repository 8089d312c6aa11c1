"""Keras: its operations and its layers, on the backend that `KERAS_BACKEND` names."""

from __future__ import annotations

from .functions import Plain
from .layers import Depthwise, Layers

ROUTES = {"": Plain, "layers": Layers, "depthwise": Depthwise}
