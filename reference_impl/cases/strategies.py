"""Hypothesis strategies. They draw a geometry and a seed, not array elements, so a failure shrinks to one line.

    @given(cases(), seeds())
    def test_my_kernel(case, seed): ...

Needs Hypothesis; `generation.generate` draws the same cases without it.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .case import Case
from .generation import Options, draw_case


def cases(**options: Any) -> st.SearchStrategy[Case]:
    """A strategy that draws a `Case`, often on a boundary; it shrinks towards `n1_h1w1c1_k1x1o1`.

    `options` are those of `generation.Options`: `dtypes=("float32",)`, `paddings=...`, `max_products=20_000`,
    `max_batch=3`, `max_stride=5`, `max_dilation=3`, `max_groups=17`, `empty=True`. Strides above 5 and dilations
    above 3 are never drawn.

    Raises
    ------
    ValueError, TypeError
        If an option is wrong; at once, not at the first draw.
    """
    return _cases(Options(**options))


def seeds() -> st.SearchStrategy[int]:
    """A strategy for the seed of a case's arrays; shrinks towards 0."""
    return st.integers(0, 2**32 - 1)


@st.composite
def _cases(draw: st.DrawFn, options: Options) -> Case:
    return draw_case(lambda low, high: draw(st.integers(low, high)), options)
