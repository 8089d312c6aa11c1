"""Mistakes about zeros: how many, on which side, of which axis, and whether they are zeros."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..cases import OPERATIONS
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family
from .question import Question, Slide

FAMILY = Family("padding")
mistake = FAMILY.mistake

_BOTH = "SAME SAME_LOWER"


def _split(mode: str, total: int) -> int:
    """How much of SAME's or SAME_LOWER's total goes before."""
    return total // 2 if mode == "SAME" else total - total // 2


@mistake(
    "SAME padding puts the odd element before; TensorFlow and this oracle put it after.",
    links=(
        "https://github.com/vtjeng/MIPVerify.jl/issues/23",
        "https://github.com/root-project/root/issues/21793",
    ),
)
def same_odd_element_before(q: Question) -> Question:
    return q.padded("SAME", lambda axis: axis.total - axis.total // 2)


@mistake(
    "SAME_LOWER padding puts the odd element after, as SAME does; ONNX and this oracle put it before.",
    links=("https://github.com/microsoft/onnxruntime/issues/8769",),
)
def same_lower_odd_element_after(q: Question) -> Question:
    return q.padded("SAME_LOWER", lambda axis: axis.total // 2)


@mistake(
    "SAME padding is computed from the kernel without its dilation; TensorFlow and this oracle use the extent of the "
    "dilated kernel.",
    links=("https://github.com/jax-ml/jax/blob/main/jax/_src/lax_reference.py",),
)
def same_without_dilation(q: Question) -> Question:
    return q.padded(_BOTH, lambda axis: _split(q.mode, replace(axis, dilation=1).total))


@mistake(
    "SAME padding is computed as for stride 1, the extent of the kernel less one in all; TensorFlow and this oracle pad "
    "only as far as the last strided window reaches.",
    links=(
        "https://github.com/taehoonlee/tensornets/issues/25",
        "https://github.com/pytorch/pytorch/issues/67551",
    ),
)
def same_without_stride(q: Question) -> Question:
    return q.padded(_BOTH, lambda axis: _split(q.mode, axis.extent - 1))
