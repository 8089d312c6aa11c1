"""Layers on torch tensors, called with given filters and bias, and the backend that they make."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.func import functional_call

from ...cases.case import Case
from ...cases.narrowing import plain_cases
from ..protocol import Capabilities, Lack
from . import torch_style as style
from .own_shape import pads_of

_FORWARD = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")
_TRANSPOSED = ("conv2d_transpose", "conv2d", "conv2d_backprop_filter")
OPTIONS = ("stride", "padding", "dilation", "groups")
_MOST_KEPT = 64
NO_OUTPUT_PADDING = Lack("takes no output_padding", lambda operation, case: style.needs_more(case))


class Layers:
    """Layers of one kind, each called with given filters and bias."""

    lacks: tuple[Lack, ...] = ()
    dtypes: tuple[str, ...] = ("float32",)
    made_for: tuple[str, ...] = ()
    takes_bias = False

    def __init__(self, weight: str | None, device: Any, *, transposed: bool) -> None:
        self.weight, self.device, self.transposed = weight, device, transposed

    def layer(self, images: Any, filters: Any, options: dict[str, Any], *, bias: bool) -> Any:
        """Return a layer for these sizes and options."""
        raise NotImplementedError

    def swaps(self, layer: Any, name: str) -> bool:
        """Return True if a weight whose shape fits in both orders is IOHW."""
        return False

    def __call__(
        self,
        input: Any,
        filters: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: Any,
        output_padding: Any = (0, 0),
        bias: Any = None,
    ) -> Any:
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        if self.transposed:
            options["output_padding"] = output_padding
        layer = self.layer(input, filters, options, bias=bias is not None)
        name, swapped = self._weight(layer, tuple(filters.shape))
        # The order of torch's transposed layers, (input, output / groups, kh, kw), is OIHW of the forward filters.
        held = {name: filters.transpose(0, 1).contiguous() if swapped else filters}
        outputs = filters.shape[1] * groups if self.transposed else filters.shape[0]
        held |= self._bias(layer, name, outputs, filters.new_zeros(outputs) if bias is None else bias, bias is not None)
        return functional_call(layer, held, (input,))

    def _weight(self, layer: Any, shape: tuple[int, ...]) -> tuple[str, bool]:
        """Return the name of the weight, and True if its order is IOHW."""
        other = (shape[1], shape[0], *shape[2:])
        there = {name: tuple(tensor.shape) for name, tensor in tensors_of(layer)}
        found = [name for name, size in there.items() if size in (shape, other)]
        if self.weight is not None:
            found = [name for name in found if name == self.weight]
        if len(found) != 1:
            held = ", ".join(f"{name} {size}" for name, size in there.items()) or "nothing"
            raise ValueError(
                f"one parameter of {type(layer).__name__} must have the shape of the filters, {shape} or {other}; "
                f"{len(found)} have it, and the layer holds {held}"
            )
        (name,) = found
        swapped = there[name] == other if shape != other else self.swaps(layer, name)
        return name, swapped

    def _bias(self, layer: Any, weight: str, outputs: int, bias: Any, asked: bool) -> dict[str, Any]:
        """Return the layer's bias by its name. All its parameters must be the weight and the bias."""
        parameters = {name for name, _ in layer.named_parameters()} - {weight}
        rest = {name: tensor for name, tensor in tensors_of(layer) if name != weight}
        biases = [name for name, tensor in rest.items() if tensor.numel() == outputs and _is_flat(tensor)]
        named = [name for name in biases if "bias" in name.lower()] or [name for name in biases if name in parameters]
        strange = sorted(parameters - set(named[:1]))
        if strange:
            raise ValueError(f"a layer must hold a weight and a bias only; {type(layer).__name__} also has {strange}")
        if not named:
            if asked:
                raise ValueError(f"{type(layer).__name__} takes a bias, but holds no parameter of {outputs} elements")
            return {}
        return {named[0]: bias.reshape(rest[named[0]].shape)}


class Kept:
    """The layers that a thread has made, by their arguments: a layer is called many times, as in training."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def get(self, arguments: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        kept, key = self._of_thread.__dict__, repr(sorted(arguments.items()))
        if key not in kept:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            kept[key] = make()
        return kept[key]


def tensors_of(layer: Any) -> list[tuple[str, Any]]:
    return [*layer.named_parameters(), *layer.named_buffers()]


def _is_flat(tensor: Any) -> bool:
    return tensor.ndim >= 1 and max(tensor.shape, default=0) == tensor.numel()


_NOTHING_EMPTY = Lack(
    "layers of torch take no empty channels or images",
    lambda operation, case: 0 in (case.height, case.width, case.input_channels, case.output_channels),
)


def of_layers(layers: Layers, *, name: str, version: str, capabilities: Capabilities | None = None) -> Any:
    """Return the backend of layers, with what they lack."""
    operations = _TRANSPOSED if layers.transposed else _FORWARD
    declared = capabilities or Capabilities(operations=operations, dtypes=layers.dtypes)
    lacks = (*declared.lacks, _NOTHING_EMPTY, *layers.lacks)
    declared = replace(declared, lacks=(*lacks, *_without_gradient(layers, lacks)), made_for=layers.made_for)
    called = {"transposed": layers} if layers.transposed else {"function": layers}
    return style.torch_style(
        **called,  # type: ignore[arg-type]
        bias=layers.takes_bias,
        device=layers.device,
        name=name,
        version=version,
        capabilities=declared,
    )


def _without_gradient(layers: Layers, lacks: tuple[Lack, ...]) -> Iterator[Lack]:
    """Give a lack for each gradient that autograd does not find. A small call shows it, when this is first asked."""
    found: dict[str, bool] = {}
    wanted = (
        {_TRANSPOSED[1]: "input", _TRANSPOSED[2]: "filters"}
        if layers.transposed
        else {
            _FORWARD[1]: "input",
            _FORWARD[2]: "filters",
        }
    )

    def is_missing(argument: str) -> Callable[[str, Any], bool]:
        def applies(operation: str, case: Any) -> bool:
            if wanted.get(operation) != argument:
                return False
            if not found:
                found.update(_gradients(layers, lacks))
            return not found[argument]

        return applies

    for argument, word in (("input", "input"), ("filters", "weight")):
        yield Lack(f"gives autograd no gradient of its {word}", is_missing(argument))


def _gradients(layers: Layers, lacks: tuple[Lack, ...]) -> dict[str, bool]:
    """Return which gradients autograd finds. Both, if no call succeeds: then its error shows when it is judged."""
    operation = "conv2d_transpose" if layers.transposed else "conv2d"
    own = [replace(Case.parse(spec), batch=1) for spec in layers.made_for]
    for case in [*own, *plain_cases("float32")]:
        if any(lack.holds(operation, case) for lack in lacks):
            continue
        try:
            return _gradients_on(layers, case)
        except Exception:  # the layer may not take this one: another shows it
            continue
    return {"input": True, "filters": True}


def _gradients_on(layers: Layers, case: Case) -> dict[str, bool]:
    pads = pads_of(case)
    if any(before != after for before, after in pads):
        raise ValueError("no symmetric padding")
    shape = case.output_shape if layers.transposed else case.input_sizes
    kernel = case.filter_sizes
    kwargs = {"dtype": getattr(torch, layers.dtypes[0]), "device": layers.device, "requires_grad": True}
    with torch.enable_grad():
        images = torch.ones([shape[axis] for axis in (0, 3, 1, 2)], **kwargs)
        filters = torch.ones([kernel[axis] for axis in (3, 2, 0, 1)], **kwargs)
        answer = layers(images, filters, case.strides, tuple(before for before, _ in pads), case.dilations, case.groups)
        if not answer.requires_grad:
            return {"input": False, "filters": False}
        both = torch.autograd.grad(answer.sum(), (images, filters), allow_unused=True)
    return dict(zip(("input", "filters"), (one is not None for one in both)))
