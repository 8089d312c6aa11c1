"""The pages in docs/learn that compare with TensorFlow and PyTorch."""

from __future__ import annotations

import pytest
from worked_pages import run_page


@pytest.mark.parametrize("page", ["channels-and-matrices", "upsampling"])
def test_page_runs(page):
    run_page(page, "learn")
