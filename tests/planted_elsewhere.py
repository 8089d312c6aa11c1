"""Backends of the functions in planted_there.py, which another process calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from history.elsewhere import Elsewhere


class Flipped(Elsewhere):
    name = function = "flipped"
    file = Path(__file__).with_name("planted_there.py")

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        options = self._options(input.shape, filters.shape, **options)
        return self.other.ask(self.function, input=input, filters=filters, **options)


class Prints(Flipped):
    name = function = "prints"


class Raises(Flipped):
    name = function = "raises"


class Dies(Flipped):
    name = function = "dies"


class NotThere(Flipped):
    name = "not_there"
    file = Path(__file__).with_name("no_such_file.py")
