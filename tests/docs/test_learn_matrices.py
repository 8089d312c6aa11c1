"""The page docs/learn/channels-and-matrices.md, which compares with TensorFlow and PyTorch."""

from __future__ import annotations

from worked_pages import run_page


def test_page_runs():
    run_page("channels-and-matrices", "learn")
