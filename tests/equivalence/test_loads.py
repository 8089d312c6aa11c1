"""Every backend can be loaded."""

from __future__ import annotations

import pytest

from reference_impl.run.processes.worker import Died
from reference_impl.run.subject import NotLoaded


def test_loads(error: NotLoaded | Died | None) -> None:
    if error is not None:
        pytest.fail(f"it cannot be loaded: {error}", pytrace=False)
