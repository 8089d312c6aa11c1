"""Keras's own backends, here called engines: their gradients, and what each of them lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .. import cpu
from ..protocol import Lack

# Half precision is left out: errors in it come from the engine, and Keras decides none of them.
FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Engine:
    """One of Keras's backends.

    Parameters
    ----------
    vjp : its reverse mode, as in `derivatives.Primitives`; None if it has none
    dtypes, lacks, flushes, share : as in `Capabilities`
    facts : as in `Backend`
    """

    name: str
    vjp: Callable[[Callable, Any, Any], Any] | None = None
    dtypes: tuple[str, ...] = ("int32", *FLOATS)
    lacks: tuple[Lack, ...] = ()
    flushes: tuple[str, ...] = ()
    share: float = 1.0
    facts: dict[str, Any] = field(default_factory=dict)


def _tensorflow() -> Engine:
    from ..tensorflow.derivatives import Primitives
    from ..tensorflow.functions import FLUSHES, ONEDNN_DTYPES

    dilated_and_strided = Lack(
        "`strides > 1` not supported in conjunction with `dilation_rate > 1` (tf.nn.convolution)",
        lambda operation, case: operation != "conv2d_transpose" and max(case.strides) > 1 and max(case.dilations) > 1,
    )
    undilated = Lack(
        "Current CPU implementations do not yet support dilation rates larger than 1 (but oneDNN's)",
        lambda operation, case: (
            operation == "conv2d_transpose" and max(case.dilations) > 1 and case.dtype not in ONEDNN_DTYPES
        ),
    )
    facts = {"onednn_dtypes": ONEDNN_DTYPES, "onednn_path": cpu.onednn_path()}
    lacks = dilated_and_strided, undilated
    # The share is small, as Keras compiles by XLA where there are groups, anew for every call.
    return Engine("tensorflow", Primitives.vjp, lacks=lacks, flushes=FLUSHES, share=0.25, facts=facts)


def _torch() -> Engine:
    from ..torch.derivatives import Primitives
    from ..torch.functions import FLUSHES, NO_EMPTY_IMAGE, NO_INTEGER_DILATION

    return Engine("torch", Primitives.vjp, lacks=(NO_EMPTY_IMAGE, NO_INTEGER_DILATION), flushes=FLUSHES)


def _jax() -> Engine:
    from ..jax.derivatives import Primitives  # its import switches float64 on

    # XLA's CPU client has the processor take subnormals for zero: ScopedFlushDenormal, xla/pjrt/cpu/cpu_client.cc.
    return Engine("jax", Primitives.vjp, flushes=FLOATS, share=0.1)


def _numpy() -> Engine:
    """NumPy: its convolutions are JAX's, and it has no gradients."""
    return replace(_jax(), name="numpy", vjp=None)


def _openvino() -> Engine:
    """OpenVINO: it has no gradients, and computes float64 and integers in float32 (docs/findings/openvino.md)."""
    return Engine("openvino", dtypes=("float32",), share=0.25)  # compiled anew for every call


_ENGINES: dict[str, Callable[[], Engine]] = {
    "tensorflow": _tensorflow,
    "torch": _torch,
    "jax": _jax,
    "numpy": _numpy,
    "openvino": _openvino,
}


def engine(name: str) -> Engine:
    """Return the engine of this name. Raise ValueError if it is unknown here."""
    if name not in _ENGINES:
        raise ValueError(f"Keras's backend (KERAS_BACKEND) must be one of {', '.join(_ENGINES)}; not {name!r}")
    return _ENGINES[name]()
