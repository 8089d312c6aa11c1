"""The assertions fail on an answer of every known wrong convolution."""

from __future__ import annotations

import pytest
from asserted import RAISES, is_caught

from reference_impl.mistakes import MISTAKES
from reference_impl.testing import message


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_caught(mistake, monkeypatch):
    monkeypatch.setattr(message, "fits", lambda *args: [])  # to name it takes longer than to see it
    assert is_caught(mistake, mistake.operations[0]) == (mistake.name not in RAISES)
