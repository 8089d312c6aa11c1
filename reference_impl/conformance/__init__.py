"""What it means to agree with the oracle. For a backend of your own: `check_backend`, `parametrize_with_checks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..backends.protocol import Capabilities, Lack
    from .own_backend import Report, check_backend, parametrize_with_checks

__all__ = ["Capabilities", "Lack", "Report", "check_backend", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    # Imported when asked for, as the files of this package import one another.
    if name in ("Capabilities", "Lack"):
        from ..backends import protocol

        return getattr(protocol, name)
    if name in __all__:
        from . import own_backend

        return getattr(own_backend, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
