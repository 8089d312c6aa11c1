"""Layers that a backend's name may lead to: of torch, of Keras, or the layer of a KernelBench file."""

from __future__ import annotations

import sys
from typing import Any

from ...operations import OPERATIONS


def wrapped(found: Any, home: Any, name: str) -> Any:
    """Return a backend of `found` if it is a layer of torch or Keras, or the class of one; else `found` itself.

    `home` is the module that it was found in. The framework is there already, as the layer is made of it.
    """
    kind = found if isinstance(found, type) else type(found)
    if any(callable(getattr(kind, operation, None)) for operation in OPERATIONS):
        return found
    # With torch below Keras, a layer of Keras is a module of torch too.
    if _is_a(kind, "keras", "Layer"):
        from .keras_layer import keras_layer

        return keras_layer(found)
    if _is_a(kind, "torch", "nn", "Module"):
        if isinstance(found, type) and all(hasattr(home, part) for part in ("get_inputs", "get_init_inputs", "Model")):
            from .kernelbench import of_file

            return of_file(home, found, name)
        from .torch_module import torch_module

        return torch_module(found)
    return found


def _is_a(kind: type, framework: str, *path: str) -> bool:
    parent: Any = sys.modules.get(framework)
    for part in path:
        parent = getattr(parent, part, None)
    return isinstance(parent, type) and issubclass(kind, parent)
