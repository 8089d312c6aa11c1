"""What it means to agree with the oracle. For a backend of your own: `check_backend`, `parametrize_with_checks`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..backends.jax_style import jax_style
    from ..backends.layouts import from_nchw
    from ..backends.protocol import Capabilities, Lack
    from ..backends.torch_style import torch_style
    from .own_backend import Report, check_backend, parametrize_with_checks

__all__ = [
    "Capabilities",
    "Lack",
    "Report",
    "check_backend",
    "from_nchw",
    "jax_style",
    "parametrize_with_checks",
    "torch_style",
]

# Where each is; imported when asked for, as files import one another, and two of them a framework.
_HOMES = {
    "Capabilities": "reference_impl.backends.protocol",
    "Lack": "reference_impl.backends.protocol",
    "Report": "reference_impl.conformance.own_backend",
    "check_backend": "reference_impl.conformance.own_backend",
    "from_nchw": "reference_impl.backends.layouts",
    "jax_style": "reference_impl.backends.jax_style",
    "parametrize_with_checks": "reference_impl.conformance.own_backend",
    "torch_style": "reference_impl.backends.torch_style",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
