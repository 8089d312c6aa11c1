"""A backend from a function on torch tensors: your kernel in Triton or CUDA, or a `torch.autograd.Function`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch

from ...operations import OPERATIONS
from ..derivatives import BilinearCall, ReverseMode, Transposed
from ..padding import ForwardSizes
from ..protocol import Capabilities, Lack
from ..torch.call import Mode, by_adapter, composed_by, symmetric
from ..torch.call import transposed as transposed_mode
from ..torch.derivatives import Primitives
from ..torch.functions import Plain
from .isolation import making
from .signatures import Taken, taken

_OPTIONS = ("stride", "padding", "dilation", "groups")
_FORWARD = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")


class _TorchStyle(ReverseMode, Primitives):
    """Call the function with symmetric padding where that is enough, else without padding on a padded input.

    Tensors are contiguous only if the arrays are: users pass views, and gradients of expanded tensors.
    """

    modes: ClassVar[dict[str, Mode]] = {
        **dict.fromkeys(Primitives.modes, symmetric),
        "conv2d_transpose": transposed_mode,
    }
    device: str | torch.device = "cpu"

    def forward(self, call: BilinearCall, images: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return call.convolution(images, filters, *_on(images.device, bias))

    def transpose(self, call: BilinearCall, cotangent: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return call.transposed(cotangent, filters, *_on(filters.device, bias))

    @staticmethod
    def vjp(function: Callable, point: torch.Tensor, cotangent: torch.Tensor) -> torch.Tensor:
        with _kept(cotangent=cotangent):
            point = point.detach().requires_grad_()
            answer = function(point)
            found = (
                torch.autograd.grad(answer, point, cotangent, allow_unused=True)[0] if answer.requires_grad else None
            )
        if found is None:
            raise RuntimeError("autograd found no gradient; for a function that has none, give gradients=False")
        return found

    def _nchw(self, array: np.ndarray) -> torch.Tensor:
        return self._lying_as(array, super()._nchw(array))

    def _oihw(self, array: np.ndarray) -> torch.Tensor:
        return self._lying_as(array, super()._oihw(array))

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def _lying_as(self, array: np.ndarray, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor on the device. If the array is not contiguous, other numbers lie between its elements."""
        there = tensor.to(self.device)
        if array.flags.c_contiguous:
            return there
        larger = torch.full([2 * size for size in there.shape], 77, dtype=there.dtype, device=self.device)
        return larger[::2, ::2, ::2, ::2].copy_(there)


class _OfTransposed(Transposed, _TorchStyle):
    """Call a transposed convolution only. Its gradients are conv2d, and conv2d_backprop_filter."""

    modes: ClassVar[dict[str, Mode]] = dict.fromkeys(Primitives.modes, transposed_mode)

    def forward(self, call: BilinearCall, images: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return ReverseMode.forward(self, call, images, filters)

    def transpose(self, call: BilinearCall, cotangent: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return _TorchStyle.transpose(self, call, cotangent, filters, *bias)


def _on(device: torch.device, tensors: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    return [tensor.to(device) for tensor in tensors]


@contextlib.contextmanager
def _kept(**tensors: torch.Tensor) -> Iterator[None]:
    """Raise RuntimeError if a tensor is written to. The tensors are copies, so the checks on arrays cannot see it."""
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    yield
    for name, tensor in tensors.items():
        if not torch.isclose(tensor.detach(), before[name], rtol=0, atol=0, equal_nan=True).all():
            raise RuntimeError(f"arguments must not be written to; the {name} was")


class _Function:
    """The user's function, called under its own names for the arguments. `out` names the one that it writes to."""

    def __init__(self, operation: str, function: Callable, own: Taken, arguments: Mapping, out: str | None) -> None:
        self.operation, self.function, self.own, self.out = operation, function, own, out
        self.arrays = {name: arguments.get(name) for name in ("input", "filters")}
        self.said = False

    def __call__(self, input: torch.Tensor, filters: torch.Tensor, *bias: torch.Tensor, **options: Any) -> Any:
        given = {"input": input, "filters": filters}
        positional = [value for name, value in given.items() if self.arrays[name] is None]
        named = {own: given[name] for name, own in self.arrays.items() if own is not None}
        named |= self.own.named({**options, **({"bias": bias[0]} if bias else {})})
        if self.out is not None:
            named[self.out] = _unwritten(_shape(self.operation, input, filters, **options), input)
        with _kept(**given):
            answer = self.function(*positional, **named)
        return self._first(answer) if self.out is None else named[self.out]

    def _first(self, answer: Any) -> Any:
        if not isinstance(answer, tuple | list) or not answer:
            return answer
        if not self.said:
            self.said = True
            name = getattr(self.function, "__name__", "the function")
            print(f"{name} returns {len(answer)} values: the first is judged, and no other.", file=sys.stderr)
        return answer[0]


def _shape(
    operation: str, input: Any, filters: Any, stride: Any, padding: Any, dilation: Any, groups: int, **more: Any
) -> tuple[int, ...]:
    """Return the shape of the answer, NCHW, as the documentation of `torch.nn.Conv2d` and `ConvTranspose2d` has it."""
    axes = list(zip(input.shape[2:], filters.shape[2:], stride, padding, dilation))
    if operation == "conv2d":
        sizes = [(size + 2 * pad - step * (taps - 1) - 1) // skip + 1 for size, taps, skip, pad, step in axes]
        return input.shape[0], filters.shape[0], *sizes
    longer = more.get("output_padding", (0, 0))
    sizes = [
        (size - 1) * skip - 2 * pad + step * (taps - 1) + extra + 1
        for (size, taps, skip, pad, step), extra in zip(axes, longer)
    ]
    return input.shape[0], filters.shape[1] * groups, *sizes


def _unwritten(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Return memory whose numbers show if they are left: NaN, or 77 for integers."""
    number = float("nan") if like.dtype.is_floating_point else 77
    return torch.full(shape, number, dtype=like.dtype, device=like.device)


def torch_style(
    function: Callable | None = None,
    *,
    transposed: Callable | None = None,
    gradients: bool | None = None,
    bias: bool | None = None,
    out: str | None = None,
    arguments: Mapping[str, str | None] | None = None,
    device: str | torch.device = "cpu",
    name: str = "",
    version: str = "unversioned",
    capabilities: Capabilities | None = None,
) -> Any:
    """Return a backend that calls `function(input, filters, stride=, padding=, dilation=, groups=)`.

    A function without one of these four, and without `**options`, is not asked for it: that is a lack, which reports
    name. If a function returns several values, the first is judged, and a line on stderr says so.

    Parameters
    ----------
    function : takes and returns NCHW tensors, with OIHW filters; options are pairs, height first, as in
        `torch.nn.functional.conv2d`. None if only `transposed` is given.
    transposed : the same for conv2d_transpose, called as `torch.nn.functional.conv_transpose2d` with `output_padding`
        too. Without `function`, its own gradients are checked: conv2d, and conv2d_backprop_filter.
    gradients : True to check gradients by autograd; the default, unless the function writes to `out`
    bias : True if the functions take a bias, as `bias=`, and add it; by default, if they have a parameter `bias`
    out : name of the parameter into which the function writes its answer. It holds NaN before the call.
    arguments : the function's own names for arguments: {"input": "x", "filters": "w", "stride": "step"}. None for an
        option says that the function does not take it. They hold for `transposed` too.
    device : where the tensors are when the function is called
    name, version : shown in reports; the default name is the function's
    capabilities : what the function lacks; by default nothing but the options that it does not take, in float32 and
        float64. `limits` makes the usual lacks from words.

    Raises
    ------
    ValueError
        If there is no function, a name is unknown, gradients are asked of a function that writes to `out`, or
        `capabilities` names none of the operations that the functions give.
    """
    functions = {"conv2d": function, "conv2d_transpose": transposed}
    given = {operation: one for operation, one in functions.items() if one is not None}
    if not given:
        raise ValueError("torch_style needs a function: torch_style(conv2d), or torch_style(transposed=f)")
    if out is not None and gradients:
        raise ValueError(f"gradients must be False for a function that writes to {out!r}: autograd cannot follow it")
    options = {"gradients": gradients, "bias": bias, "out": out, "arguments": arguments, "capabilities": capabilities}
    shown = {"name": name, "version": version, "device": device}
    named = making("torch_style", function, transposed=transposed, **options, **shown)
    gradients = out is None if gradients is None else gradients
    names = dict(arguments or {})
    if bias:  # what `**options` takes is not known
        names.setdefault("bias", "bias")
    made = {operation: _function(operation, one, names, out) for operation, one in given.items()}
    parent = _TorchStyle if function is not None else _OfTransposed
    offered = _operations(given, gradients=gradients)
    declared = capabilities or Capabilities(operations=offered)
    # The adapter for torch, from which this one is made, has all four.
    claimed = tuple(operation for operation in declared.operations if operation in offered)
    lacks = [lack for operation, one in made.items() for lack in _lacks_of(operation, one.own, alone=len(made) == 1)]
    attributes: dict[str, Any] = {
        "making": named,
        "device": device,
        "name": name or getattr(next(iter(given.values())), "__name__", "torch_style"),
        "version": version,
        "capabilities": replace(
            declared, operations=claimed, lacks=(*declared.lacks, *lacks), composed=composed_by(parent.modes)
        ),
    }
    for operation, one in made.items():
        attributes[_CALLED[operation]] = staticmethod(one)
        if bias or (bias is None and "bias" in one.own.names):
            attributes[operation] = getattr(Plain, operation)
    return type("TorchStyle", (parent,), attributes)()


# The attribute of an adapter for torch that holds the function of an operation.
_CALLED = {"conv2d": "conv2d_function", "conv2d_transpose": "conv_transpose2d_function"}


def _function(operation: str, function: Callable, arguments: dict[str, str | None], out: str | None) -> _Function:
    options = (*_OPTIONS, *(("output_padding",) if operation == "conv2d_transpose" else ()), "bias")
    return _Function(operation, function, taken(function, options, arguments), arguments, out)


def _operations(given: Mapping[str, Callable], *, gradients: bool) -> tuple[str, ...]:
    """Return the operations that the functions give, by autograd too."""
    if not gradients:
        return tuple(given)
    if "conv2d" not in given:
        return ("conv2d", "conv2d_backprop_filter", "conv2d_transpose")
    return (*_FORWARD, *(operation for operation in given if operation == "conv2d_transpose"))


def _lacks_of(operation: str, own: Taken, *, alone: bool) -> Iterator[Lack]:
    """Give the lacks of a function: of the operations that it computes, or whose gradient it is."""
    computes = OPERATIONS if alone else (operation,) if operation == "conv2d_transpose" else _FORWARD
    for lack in own.lacks():
        yield _only(computes, lack)
    if operation == "conv2d_transpose" and "output_padding" not in own:
        yield Lack("takes no output_padding", lambda asked, case: asked in computes and needs_more(case))


def _only(operations: tuple[str, ...], lack: Lack) -> Lack:
    return Lack(lack.reason, lambda operation, case: operation in operations and lack.applies(operation, case))


def needs_more(case: Any) -> bool:
    """Return True if a transposed convolution must add positions at the end."""
    forward = ForwardSizes(case.input_sizes, case.filter_sizes, **case.options)
    return (transposed_mode(forward) or by_adapter(forward)).output_padding != (0, 0)
