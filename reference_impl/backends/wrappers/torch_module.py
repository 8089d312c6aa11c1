"""A backend from a layer on torch tensors: an `nn.Module`, or its class."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ...cases.case import Case
from ..protocol import Capabilities, Lack
from .isolation import making
from .limits import limits
from .own_shape import only_as, small_image
from .signatures import NAMES, Taken, constructor_of, taken
from .torch_layers import NO_OUTPUT_PADDING, OPTIONS, Kept, Layers, of_layers, tensors_of

CONSTRUCTOR = tuple(name for name in NAMES if name not in ("data_format",))


def torch_module(
    layer: Any,
    *,
    transposed: bool | None = None,
    given: Mapping[str, Any] | None = None,
    arguments: Mapping[str, str | None] | None = None,
    weight: str | None = None,
    device: str | torch.device = "cpu",
    name: str = "",
    version: str = "unversioned",
    capabilities: Capabilities | None = None,
) -> Any:
    """Return a backend that makes layers of a class, puts the filters in as their weight, and calls them.

    The options that the constructor takes are asked: they are found by the names of its parameters, as those of
    `torch.nn.Conv2d`. An option that it does not take is a lack, which reports name. The weight is the parameter or
    buffer of the filters' shape, OIHW or IOHW; if both fit, a layer of other sizes decides. The bias is zero, or that
    of the check `bias`. Gradients are asked of autograd; if it finds none, that is a lack too.

    Parameters
    ----------
    layer : a class of `nn.Module`; or an instance, which is asked with its own channels, kernel and options only
    transposed : True if it computes conv2d_transpose; by default, if it is a `torch.nn.ConvTranspose2d` or takes
        `output_padding`
    given : further arguments of the constructor: {"activation": None}
    arguments : the constructor's own names for options: {"in_channels": "cin"}; None: it does not take the option
    weight : name of the parameter that holds the filters, if several have their shape
    device : where the layer and the tensors are
    name, version : shown in reports; the default name is the class's
    capabilities : what the layer lacks beside that

    Raises
    ------
    ValueError
        If the constructor needs an argument that is no known option and not `given`, or an instance does not say its
        options.
    """
    kind = layer if isinstance(layer, type) else type(layer)
    if not issubclass(kind, torch.nn.Module):
        raise TypeError(f"torch_module needs a torch.nn.Module, or its class; not {layer!r}")
    own = taken(constructor_of(kind), CONSTRUCTOR, arguments)
    if transposed is None:
        transposed = issubclass(kind, torch.nn.ConvTranspose2d) or "output_padding" in own.names
    makes = (
        _Class(kind, own, dict(given or {}), weight, device, transposed=transposed)
        if isinstance(layer, type)
        else _Instance(layer, weight, device, transposed=transposed)
    )
    backend = of_layers(makes, name=name or kind.__name__, version=version, capabilities=capabilities)
    options: dict[str, Any] = {"transposed": transposed or None, "given": given, "arguments": arguments}
    options |= {"weight": weight, "device": device, "capabilities": capabilities}
    type(backend).making = making("torch_module", layer, name=name, version=version, **options)
    return backend


class _Class(Layers):
    """The layers that a constructor makes. Each is kept for later calls of its thread, as in training."""

    def __init__(
        self, kind: type, own: Taken, given: dict[str, Any], weight: str | None, device: Any, *, transposed: bool
    ) -> None:
        super().__init__(weight, device, transposed=transposed)
        self.kind, self.own, self.given = kind, own, given
        self._layers = Kept()
        self._swaps: bool | None = None
        self._require_all()
        self.takes_bias = "bias" in own
        if "dtype" in own:
            self.dtypes = ("float32", "float64")
        self._depthwise = "groups" not in own and "in_channels" in own and self._probed()[1] == 1
        without = [lack for lack in own.lacks() if not (self._depthwise and lack.reason == "takes no groups")]
        self.lacks = (*without, *(limits(groups="depthwise") if self._depthwise else ()), *self._lacks())

    def _require_all(self) -> None:
        known = {name for names in self.own.names.values() for name in names} | set(self.given)
        parameters = list(inspect.signature(constructor_of(self.kind)).parameters.values())[1:]
        needed = [
            one.name
            for one in parameters
            if one.default is one.empty
            and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        ]
        missing = [name for name in needed if name not in known]
        if missing:
            raise ValueError(
                f"{self.kind.__name__} needs {', '.join(missing)}, which is no known option of a convolution; give it: "
                f"torch_module({self.kind.__name__}, given={{{missing[0]!r}: ...}}), or say which option it is: "
                f"arguments={{'kernel_size': {missing[0]!r}}}"
            )

    def _lacks(self) -> Iterator[Lack]:
        """Give the lacks in sizes: the constructor takes no channels, or no kernel. A layer tells what it has."""
        own, transposed = self.own, self.transposed
        if "output_padding" not in own and transposed:
            yield NO_OUTPUT_PADDING
        missing = [name for name in ("in_channels", "out_channels", "kernel_size") if name not in own]
        if not missing:
            return
        outputs, inputs, *kernel = self._probed()
        if "kernel_size" in missing:
            kernel_size = tuple(kernel)
            yield Lack(f"has one kernel, {kernel[0]}x{kernel[1]}", lambda o, case: case.kernel_size != kernel_size)
        if "in_channels" in missing:
            yield Lack(f"has {inputs} input channels", lambda o, case: channels_of(case, transposed)[0] != inputs)
        if "out_channels" in missing and "in_channels" in missing:
            yield Lack(f"has {outputs} output channels", lambda o, case: channels_of(case, transposed)[1] != outputs)
        elif "out_channels" in missing:
            yield from limits(channels="equal")

    def _probed(self) -> tuple[int, ...]:
        """Return the sizes of the weight of a small layer, of 4 channels and a 3x3 kernel where it takes them."""
        sizes = {"in_channels": 4, "out_channels": 4, "kernel_size": (3, 3), "groups": 1}
        layer = self.kind(**{**self.given, **self.own.named(sizes)})
        found = [tuple(tensor.shape) for name, tensor in tensors_of(layer) if tensor.ndim == 4]
        if len(found) != 1:
            raise ValueError(f"{self.kind.__name__} must hold one weight of 4 axes; it holds {len(found)}")
        return found[0]

    def layer(self, images: Any, filters: Any, options: dict[str, Any], *, bias: bool) -> Any:
        groups = options["groups"]
        outputs = filters.shape[1] * groups if self.transposed else filters.shape[0]
        sizes = {"in_channels": images.shape[1], "out_channels": outputs, "kernel_size": tuple(filters.shape[2:])}
        further = {"padding_mode": "zeros", "device": self.device, "dtype": images.dtype}
        further |= {"bias": True} if bias else {}
        return self.made(**sizes, **options, **further)

    def made(self, **options: Any) -> Any:
        self._check(options)
        words = self.own.named(options)
        return self._layers.get(words, lambda: self.kind(**{**self.given, **words}).to(self.device))

    def _check(self, options: dict[str, Any]) -> None:
        """Refuse an option that the constructor does not take: invalid calls ask that."""
        for option in OPTIONS:
            groups = options["in_channels"] if self._depthwise else 1
            single = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": groups}[option]
            if option not in self.own and options[option] != single:
                raise ValueError(f"{self.kind.__name__} takes no {option}; not {options[option]}")

    def swaps(self, layer: Any, name: str) -> bool:
        """Make a layer whose inputs and outputs differ in number, and see in which order its weight is."""
        if self._swaps is None:
            if "in_channels" not in self.own or "out_channels" not in self.own:
                return False  # torch's order
            sizes = {"in_channels": 2, "out_channels": 3, "kernel_size": (1, 1), "groups": 1}
            shape = tuple(dict(tensors_of(self.kind(**{**self.given, **self.own.named(sizes)})))[name].shape)
            self._swaps = shape[:2] == ((3, 2) if self.transposed else (2, 3))
        return self._swaps


class _Instance(Layers):
    """One layer that is there: its channels, kernel and options are fixed, the batch and the image are not."""

    def __init__(self, layer: Any, weight: str | None, device: Any, *, transposed: bool) -> None:
        super().__init__(weight, device, transposed=transposed)
        self.the_layer, self._copies = layer.to(device), Kept()
        self.options = _options_of(layer)
        self.dtypes = (str(next(tensor.dtype for _, tensor in tensors_of(layer))).removeprefix("torch."),)
        case = case_of(layer, self.options, transposed=transposed)
        self.made_for = (str(case),)
        self.takes_bias = any(tensor.ndim == 1 for _, tensor in tensors_of(layer))
        self.lacks = (only_as(case, "is one layer"), *([NO_OUTPUT_PADDING] if transposed else []))

    def layer(self, images: Any, filters: Any, options: dict[str, Any], *, bias: bool) -> Any:
        different = [f"{name} {self.options[name]}" for name in OPTIONS if options[name] != self.options[name]]
        if different:
            raise ValueError(f"an instance has its own options: {', '.join(different)}")
        # `functional_call` puts the filters into the layer for the time of a call, so each thread has a copy.
        return self._copies.get({}, lambda: copy.deepcopy(self.the_layer))


def _options_of(layer: Any) -> dict[str, Any]:
    """Read the options of the one module in `layer` that has those of a convolution."""
    found = [each for each in layer.modules() if all(hasattr(each, name) for name in (*OPTIONS, "weight"))]
    if len(found) != 1:
        raise ValueError(
            f"an instance must hold one module with the attributes {', '.join(OPTIONS)} and weight; "
            f"{type(layer).__name__} holds {len(found)}: give the class"
        )
    if set(pair_of(getattr(found[0], "output_padding", 0))) != {0}:
        raise ValueError(f"an instance must have no output_padding; {type(layer).__name__} has: give the class")
    if getattr(found[0], "padding_mode", "zeros") != "zeros":
        mode = found[0].padding_mode
        raise ValueError(f"an instance must have padding_mode 'zeros'; {type(layer).__name__} has {mode!r}")
    options = {name: pair_of(getattr(found[0], name)) if name != "groups" else found[0].groups for name in OPTIONS}
    return {**options, "padding": pads_in_numbers(options["padding"], options["dilation"], found[0].weight.shape[2:])}


def pads_in_numbers(padding: Any, dilation: Any, kernel: Any) -> tuple[int, ...]:
    """Return the padding in numbers. torch has the words "valid" and "same"; the latter with stride 1 only."""
    if padding == ("valid", "valid"):
        return 0, 0
    if padding != ("same", "same"):
        return tuple(padding)
    both = [step * (taps - 1) for step, taps in zip(dilation, kernel)]
    if any(total % 2 for total in both):
        raise ValueError(
            f"an instance must pad both sides alike; padding='same' with a kernel of {kernel[0]}x{kernel[1]} and "
            f"dilation {dilation[0]}x{dilation[1]} adds {both[0]} rows and {both[1]} columns: give the class"
        )
    return tuple(total // 2 for total in both)


def case_of(layer: Any, options: dict[str, Any], *, transposed: bool, images: Any = None) -> Case:
    """Return the case of a layer, with the shape of its images, or a small one."""
    held = [tuple(tensor.shape) for _, tensor in tensors_of(layer) if tensor.ndim == 4]
    if len(held) != 1:
        raise ValueError(f"{type(layer).__name__} must hold one weight of 4 axes; it holds {len(held)}")
    (outputs, inputs, *kernel), groups = held[0], options["groups"]
    batch, sizes = (2, None) if images is None else (images[0], images[2:])
    if sizes is None:
        sizes = (
            tuple(size + 2 for size in kernel)
            if transposed
            else small_image(kernel, options["stride"], options["dilation"])
        )
    if transposed:
        sizes = tuple(
            (size - 1) * skip - 2 * pad + step * (taps - 1) + 1
            for size, taps, skip, pad, step in zip(sizes, kernel, *(options[name] for name in OPTIONS[:3]))
        )
    top, left = options["padding"]
    pads: Any = (top, top), (left, left)
    height, width = sizes
    return Case(
        batch,
        height,
        width,
        inputs * groups,
        tuple(kernel),
        outputs,
        options["stride"],
        options["dilation"],
        groups,
        "VALID" if pads == ((0, 0), (0, 0)) else pads,
    )


def pair_of(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def channels_of(case: Case, transposed: bool) -> tuple[int, int]:
    both = case.input_channels, case.output_channels
    return both[::-1] if transposed else both
