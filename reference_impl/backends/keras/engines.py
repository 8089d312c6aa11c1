"""What lies below Keras: what each of its backends lacks, and how it differentiates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol import Lack

# Half precision is not asked for: of what goes wrong in it below, Keras decides nothing.
FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Engine:
    """One of Keras's backends.

    Parameters
    ----------
    vjp : the gradient of a linear function, for (function, shape of its argument, cotangent), if there is one; at ones,
        as at zeros a derivative that keeps some of the function's value would look right
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
    import tensorflow as tf

    from ..tensorflow.functions import FLUSHES, ONEDNN_DTYPES

    def vjp(function: Callable, shape: Any, cotangent: Any) -> Any:
        point = tf.ones(shape, cotangent.dtype)
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = function(point)
        return tape.gradient(value, point, cotangent)

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
    facts = {"onednn_dtypes": ONEDNN_DTYPES}
    # With groups, Keras compiles by XLA, anew for every call.
    lacks = dilated_and_strided, undilated
    return Engine("tensorflow", vjp, lacks=lacks, flushes=FLUSHES, share=0.25, facts=facts)


def _torch() -> Engine:
    import torch

    from ..torch.functions import FLUSHES, NO_EMPTY_IMAGE, NO_INTEGER_DILATION

    def vjp(function: Callable, shape: Any, cotangent: Any) -> Any:
        point = torch.ones(tuple(shape), dtype=cotangent.dtype, requires_grad=True)
        return torch.autograd.grad(function(point), point, cotangent)[0]

    return Engine("torch", vjp, lacks=(NO_EMPTY_IMAGE, NO_INTEGER_DILATION), flushes=FLUSHES)


def _jax() -> Engine:
    import jax

    jax.config.update("jax_enable_x64", True)  # without, JAX rounds float64 to float32

    def vjp(function: Callable, shape: Any, cotangent: Any) -> Any:
        return jax.vjp(function, jax.numpy.ones(shape, cotangent.dtype))[1](cotangent)[0]

    # XLA's CPU client has the processor take subnormals for zero: ScopedFlushDenormal, xla/pjrt/cpu/cpu_client.cc.
    return Engine("jax", vjp, flushes=FLOATS, share=0.1)


def _numpy() -> Engine:
    """Its convolutions are JAX's; it differentiates nothing."""
    return replace(_jax(), name="numpy", vjp=None)


def _openvino() -> Engine:
    """It differentiates nothing, and computes float64 and integers in float32 (docs/findings/openvino.md)."""
    return Engine("openvino", dtypes=("float32",), share=0.25)  # compiled anew for every call


_ENGINES: dict[str, Callable[[], Engine]] = {
    "tensorflow": _tensorflow,
    "torch": _torch,
    "jax": _jax,
    "numpy": _numpy,
    "openvino": _openvino,
}


def engine(name: str) -> Engine:
    """That of Keras's backend of this name; ValueError if it is none of ours."""
    if name not in _ENGINES:
        raise ValueError(f"Keras's backend (KERAS_BACKEND) must be one of {', '.join(_ENGINES)}; not {name!r}")
    return _ENGINES[name]()
