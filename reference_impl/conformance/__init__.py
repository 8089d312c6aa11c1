"""What it means to agree with the oracle. For a backend of your own: `check_backend`, `parametrize_with_checks`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..backends.protocol import Capabilities, Lack
    from ..backends.wrappers.from_nchw import from_nchw
    from ..backends.wrappers.jax_style import jax_style
    from ..backends.wrappers.torch_style import torch_style
    from .api import Report, check_backend, parametrize_with_checks

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
    "Report": "reference_impl.conformance.api",
    "check_backend": "reference_impl.conformance.api",
    "from_nchw": "reference_impl.backends.wrappers.from_nchw",
    "jax_style": "reference_impl.backends.wrappers.jax_style",
    "parametrize_with_checks": "reference_impl.conformance.api",
    "torch_style": "reference_impl.backends.wrappers.torch_style",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
