"""The one screen `reference_impl.minimal` as a backend. It has no groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import __version__, minimal
from .protocol import Lack
from .reference import Reference


def _ungrouped(operation: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return a method that drops the option `groups`. The declared lack sees to it that this is 1."""

    def method(self: Minimal, *arguments: Any, groups: int, **options: Any) -> np.ndarray:
        return operation(*arguments, **options)

    return method


class Minimal:
    name = "minimal"
    version = __version__
    capabilities = replace(
        Reference.capabilities,
        lacks=(Lack("knows no groups", lambda operation, case: case.groups > 1),),
        unclaimed={"refuses_invalid_calls": "checks no arguments"},
    )

    conv2d = _ungrouped(minimal.conv2d)
    conv2d_backprop_input = _ungrouped(minimal.conv2d_backprop_input)
    conv2d_backprop_filter = _ungrouped(minimal.conv2d_backprop_filter)
    conv2d_transpose = _ungrouped(minimal.conv2d_transpose)


ROUTES = {"": Minimal}
