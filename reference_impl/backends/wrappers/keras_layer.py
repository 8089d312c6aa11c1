"""A backend from a layer of Keras, or its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras

from ...cases.case import Case
from ..keras.engines import FLOATS
from ..keras.functions import ENGINE, Plain
from ..padding import explicit
from ..protocol import Capabilities, Lack
from .isolation import making
from .own_shape import only_as, small_image
from .signatures import NAMES, Taken, constructor_of, taken

_CONSTRUCTOR = tuple(name for name in NAMES if name not in ("in_channels", "device", "padding_mode"))
_STRIDED_AND_DILATED = Lack(
    "takes no strides together with dilations, as layers of Keras",
    lambda operation, case: max(case.strides) > 1 and max(case.dilations) > 1,
)
_NOTHING_EMPTY = Lack(
    "layers of Keras take no empty channels or images",
    lambda operation, case: 0 in (case.height, case.width, case.input_channels, case.output_channels),
)


class _Layers:
    """Layers of one kind, called with given filters as their kernel, and a bias of zeros."""

    lacks: tuple[Lack, ...] = ()
    dtypes: tuple[str, ...] = tuple(dtype for dtype in ENGINE.dtypes if dtype in FLOATS)
    made_for: tuple[str, ...] = ()

    def layer(self, images: Any, filters: Any, outputs: int, groups: int, options: dict[str, Any]) -> Any:
        """Return a layer of these sizes and options, with weights."""
        raise NotImplementedError

    def convolution(self, images: Any, filters: Any, **options: Any) -> Any:
        groups = images.shape[3] // filters.shape[2] if filters.shape[2] else 1
        return self._called(images, filters, filters.shape[3], groups, options)

    def transposed(self, images: Any, filters: Any, **options: Any) -> Any:
        return self._called(images, filters, filters.shape[2], 1, options)

    def _called(self, images: Any, filters: Any, outputs: int, groups: int, options: dict[str, Any]) -> Any:
        layer = self.layer(images, filters, outputs, groups, options)
        shape, values = tuple(filters.shape), []
        other = (*shape[:2], shape[3], shape[2])
        found = [tuple(each.shape) in (shape, other) for each in layer.trainable_variables]
        biases = [len(each.shape) == 1 and each.shape[0] == outputs for each in layer.trainable_variables]
        if sum(found) != 1 or sum(biases) > 1 or sum(found) + sum(biases) != len(found):
            held = ", ".join(f"{each.name} {tuple(each.shape)}" for each in layer.trainable_variables) or "nothing"
            raise ValueError(
                f"{type(layer).__name__} must hold one weight of the filters' shape, {shape} or {other}, and a bias of "
                f"{outputs} at most; it holds {held}"
            )
        for each, is_kernel in zip(layer.trainable_variables, found):
            swapped = tuple(each.shape) != shape
            kernel = keras.ops.transpose(filters, (0, 1, 3, 2)) if swapped else filters
            values.append(kernel if is_kernel else keras.ops.zeros(outputs, filters.dtype))
        rest = [each.value for each in layer.non_trainable_variables]
        return layer.stateless_call(values, rest, images)[0]


class _Class(_Layers):
    """The layers that a constructor makes."""

    def __init__(self, kind: type, own: Taken, given: dict[str, Any]) -> None:
        self.kind, self.own, self.given = kind, own, given
        missing = [name for name in ("out_channels", "kernel_size") if name not in own and name not in given]
        if missing:
            raise ValueError(f"{kind.__name__} must take {' and '.join(missing)}; name its own words in `arguments`")
        self.lacks = own.lacks()

    def convolution(self, images: Any, filters: Any, **options: Any) -> Any:
        """Ask a layer that takes no padding for SAME where that adds nothing, as its lack leaves such calls in."""
        steps = options["strides"], options["dilation_rate"]
        if "padding" not in self.own and options["padding"] == "same":
            pads = explicit("SAME", images.shape[1:3], tuple(filters.shape[:2]), *steps)
            options["padding"] = "same" if any(map(any, pads)) else "valid"
        return super().convolution(images, filters, **options)

    def layer(self, images: Any, filters: Any, outputs: int, groups: int, options: dict[str, Any]) -> Any:
        asked = {"out_channels": outputs, "kernel_size": tuple(filters.shape[:2]), "stride": options["strides"]}
        asked |= {"padding": options["padding"], "dilation": options["dilation_rate"], "groups": groups}
        if options.get("output_padding") is not None:
            asked["output_padding"] = options["output_padding"]
        for option, single in (("stride", (1, 1)), ("dilation", (1, 1)), ("groups", 1), ("padding", "valid")):
            if option not in self.own and asked[option] != single:
                raise ValueError(f"{self.kind.__name__} takes no {option}; not {asked[option]}")
        dtype = keras.backend.standardize_dtype(images.dtype)
        layer = self.kind(**{**self.given, **self.own.named(asked), "dtype": dtype})
        layer.build(tuple(images.shape))
        return layer


class _Instance(_Layers):
    """One layer that has been built: its channels, kernel and options are fixed, the batch and the image are not."""

    def __init__(self, layer: Any) -> None:
        kernels = [tuple(each.shape) for each in layer.trainable_variables if len(each.shape) == 4]
        if len(kernels) != 1:
            raise ValueError(
                f"an instance of {type(layer).__name__} must be built, and hold one weight of 4 axes; it holds "
                f"{len(kernels)}: call it once, or give the class"
            )
        self.the_layer, (kh, kw, inputs, outputs) = layer, kernels[0]
        strides, dilations = (tuple(getattr(layer, name, (1, 1))) for name in ("strides", "dilation_rate"))
        padding, dtype = str(getattr(layer, "padding", "valid")), str(layer.compute_dtype)
        self.options = {"strides": strides, "dilation_rate": dilations, "padding": padding}
        groups, image = getattr(layer, "groups", 1), small_image((kh, kw), strides, dilations)
        forward = inputs * groups, (kh, kw), outputs, strides, dilations, groups, padding.upper(), dtype
        case = Case(2, *image, *forward)  # type: ignore[call-arg, arg-type]
        self.made_for, self.lacks, self.dtypes = (str(case),), (only_as(case, "is one layer"),), (dtype,)

    def layer(self, images: Any, filters: Any, outputs: int, groups: int, options: dict[str, Any]) -> Any:
        different = [f"{name} {own}" for name, own in self.options.items() if options[name] != own]
        if different:
            raise ValueError(f"an instance has its own options: {', '.join(different)}")
        return self.the_layer


def keras_layer(
    layer: Any,
    *,
    transposed: bool | None = None,
    given: Mapping[str, Any] | None = None,
    arguments: Mapping[str, str | None] | None = None,
    name: str = "",
    version: str = "unversioned",
    capabilities: Capabilities | None = None,
) -> Any:
    """Return a backend that makes layers of a class of Keras, puts the filters in as their kernel, and calls them.

    The options that the constructor takes are asked, as those of `keras.layers.Conv2D`: filters, kernel_size, strides,
    padding, dilation_rate, groups and use_bias. An option that it does not take is a lack, which reports name. The
    kernel is the weight of the filters' shape, HWIO or with the channels exchanged. The bias is zero.

    Parameters
    ----------
    layer : a class of `keras.Layer`; or an instance that is built, which is asked with its own channels, kernel and
        options only
    transposed : True if it computes conv2d_transpose; by default, if it is a `keras.layers.Conv2DTranspose`
    given : further arguments of the constructor
    arguments : the constructor's own names for options: {"out_channels": "units"}; None: it does not take the option
    name, version : shown in reports; the default name is the class's
    capabilities : what the layer lacks beside that
    """
    kind = layer if isinstance(layer, type) else type(layer)
    if not issubclass(kind, keras.Layer):
        raise TypeError(f"keras_layer needs a keras.Layer, or its class; not {layer!r}")
    if transposed is None:
        transposed = issubclass(kind, keras.layers.Conv2DTranspose)
    own = taken(constructor_of(kind), _CONSTRUCTOR, arguments, open_ended=False)
    layers: _Layers = _Class(kind, own, dict(given or {})) if isinstance(layer, type) else _Instance(layer)
    operations: tuple[str, ...] = ("conv2d_transpose",) if transposed else ("conv2d",)
    if ENGINE.vjp and not transposed:
        operations = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")
    declared = capabilities or Capabilities(operations=operations, dtypes=layers.dtypes, flushes=ENGINE.flushes)
    claimed = tuple(operation for operation in declared.operations if operation in operations)
    lacks = (*declared.lacks, *ENGINE.lacks, _NOTHING_EMPTY, _STRIDED_AND_DILATED, *layers.lacks)
    composed = Plain.capabilities.composed
    # The engine below Keras flushes, whatever the layer is.
    flushes = tuple(dict.fromkeys((*declared.flushes, *ENGINE.flushes)))
    attributes = {
        "name": name or kind.__name__,
        "version": version,
        "capabilities": replace(
            declared, operations=claimed, lacks=lacks, composed=composed, made_for=layers.made_for, flushes=flushes
        ),
        "making": making(
            "keras_layer",
            layer,
            transposed=transposed or None,
            given=given,
            arguments=arguments,
            name=name,
            version=version,
            capabilities=capabilities,
        ),
        "conv_function": staticmethod(layers.convolution),
        "conv_transpose_function": staticmethod(layers.transposed),
    }
    return type("KerasLayer", (Plain,), attributes)()
