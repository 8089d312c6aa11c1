"""The public face of the suite: check a backend of your own. Everything else may change without notice."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..backends.protocol import Capabilities, Lack
    from ..backends.wrappers.from_nchw import from_nchw
    from ..backends.wrappers.jax_style import jax_style
    from ..backends.wrappers.keras_layer import keras_layer
    from ..backends.wrappers.limits import limits
    from ..backends.wrappers.torch_module import torch_module
    from ..backends.wrappers.torch_style import torch_style
    from ..cases.case import Case
    from ..cases.generation import generate
    from .api import Report, check_backend, parametrize_with_checks

__all__ = [
    "Capabilities",
    "Case",
    "Lack",
    "Report",
    "check_backend",
    "from_nchw",
    "generate",
    "jax_style",
    "keras_layer",
    "limits",
    "parametrize_with_checks",
    "torch_module",
    "torch_style",
]

# The module of each name. It is imported when the name is first used, since some of them import a framework.
_HOMES = {
    "Capabilities": "backends.protocol",
    "Case": "cases.case",
    "Lack": "backends.protocol",
    "Report": "conformance.api",
    "check_backend": "conformance.api",
    "from_nchw": "backends.wrappers.from_nchw",
    "generate": "cases.generation",
    "jax_style": "backends.wrappers.jax_style",
    "keras_layer": "backends.wrappers.keras_layer",
    "limits": "backends.wrappers.limits",
    "parametrize_with_checks": "conformance.api",
    "torch_module": "backends.wrappers.torch_module",
    "torch_style": "backends.wrappers.torch_style",
}

# The packages of the extra `verify`, which the report needs.
_OF_VERIFY = ("packaging", "rich", "typer")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        try:
            return getattr(importlib.import_module(f"reference_impl.{_HOMES[name]}"), name)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing not in _OF_VERIFY:
                raise
            said = f"{name} needs the package {missing}: pip install 'conv2d-reference-impl[verify]'"
            raise ImportError(said, name=missing) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
