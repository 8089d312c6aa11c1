"""A backend from a file of KernelBench: `Model`, the layer; `ModelNew`, in its place; their sizes and options.

Its function `get_inputs()` returns a list of one tensor, the images; `get_init_inputs()` returns the arguments of both
constructors. See https://github.com/ScalingIntelligence/KernelBench.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ...cases.case import Case
from ..protocol import Lack
from .own_shape import pads_of
from .signatures import taken
from .torch_layers import NO_OUTPUT_PADDING, OPTIONS, Kept, Layers, of_layers
from .torch_module import CONSTRUCTOR, case_of, channels_of, pads_in_numbers, pair_of
from .torch_style import needs_more

# The case that is asked first has as many images as this number of multiply-adds allows, and at least one.
MOST = 500_000_000


def of_file(home: Any, layer: type, name: str) -> Any:
    """Return a backend of `layer`, which has the interface of the file's `Model`. `home` is the file's module.

    It runs on the GPU if torch sees one.

    Raises
    ------
    ValueError
        If `Model` does not hold one `torch.nn.Conv2d` or `ConvTranspose2d` alone, or the images are not one tensor.
    """
    images, init = list(home.get_inputs()), list(home.get_init_inputs())
    if len(images) != 1 or getattr(images[0], "ndim", 0) != 4:
        shapes = ", ".join(str(tuple(getattr(one, "shape", ()))) for one in images) or "nothing"
        raise ValueError(f"get_inputs() of {name} must return one tensor of 4 axes, the images; not {shapes}")
    problem = _Problem(home.Model, init, images[0])
    stem = Path(name.rpartition(":")[0]).stem
    who = stem if layer.__name__ == "ModelNew" else f"{stem}.{layer.__name__}"
    # As KernelBench does. The images are made on the CPU.
    device = "cuda" if torch.cuda.is_available() else images[0].device
    return of_layers(_New(layer, problem, device), name=who, version="unversioned")


class _Problem:
    """The convolution of the file's `Model`: its own case, and the cases that it has with other arguments."""

    def __init__(self, model: type, init: list[Any], images: Any) -> None:
        self.model, self.init = model, init
        self.signature = inspect.signature(model)  # reading it takes as long as a small call
        self.names = dict(self.signature.bind(*init).arguments)
        parameters = self.signature.parameters
        self.defaults = {name: one.default for name, one in parameters.items()}
        # `*args` have no names, so nothing in them can be replaced.
        self.is_fixed = any(one.kind is one.VAR_POSITIONAL for one in parameters.values())
        self.own = taken(model, CONSTRUCTOR)
        made = model(*init)
        layer = _convolution(made)
        self.transposed = isinstance(layer, torch.nn.ConvTranspose2d)
        self.options = {name: getattr(layer, name) for name in OPTIONS}
        pads = pair_of(layer.padding), layer.dilation, layer.kernel_size
        self.options["padding"] = pads_in_numbers(*pads)
        self.dtype = str(images.dtype).removeprefix("torch.")
        case = case_of(layer, self.options, transposed=self.transposed, images=images.shape)
        case = case.with_dtype(self.dtype)
        images_within = max(MOST * case.batch // max(case.multiply_adds, 1), 1)
        self.case = replace(case, batch=min(case.batch, images_within)) if case.batch else case
        self.values = _values(case, self.options["padding"], self.transposed)
        self._known: dict[Any, bool] = {}

    def arguments(self, **asked: Any) -> dict[str, Any]:
        """Return the constructor's arguments for these sizes and options: its own, with those that differ replaced.

        Raises ValueError if a pair is asked where the constructor was given one integer.
        """
        names = dict(self.names)
        for option, value in asked.items():
            own = self.own.names.get(option, ()) if self.values.get(option) != value else ()
            if len(own) == 2:
                names |= dict(zip(own, value))
            elif own:
                names[own[0]] = self._like_own(own[0], value)
        return names

    def _like_own(self, name: str, value: Any) -> Any:
        """Return one integer where the file gives one. Problem 83 has kernels of one column, and gives their height."""
        mine = self.names.get(name, self.defaults[name])
        return value[0] if isinstance(value, tuple) and isinstance(mine, int) else value

    def has(self, case: Case) -> bool:
        """Return True if `Model` with the case's arguments is the case's convolution."""
        pads = pads_of(case)
        symmetric = all(before == after for before, after in pads)
        if not symmetric and "padding" not in self.own:
            return False
        if self.transposed and "output_padding" not in self.own and needs_more(case):
            return False
        # Where the sides differ, the adapter pads first.
        padding = tuple(before for before, _ in pads) if symmetric else (0, 0)
        asked = (case.filter_sizes, case.strides, case.dilations, case.groups, padding)
        if asked not in self._known:
            self._known[asked] = self._makes(case, padding)
        return self._known[asked]

    def _makes(self, case: Case, padding: Any) -> bool:
        values = _values(case, padding, self.transposed)
        if values == self.values or self.is_fixed:
            return values == self.values
        try:
            with torch.device("meta"):
                layer = _convolution(self.model(**self.arguments(**values)))
        except Exception:  # torch refuses these sizes
            return False
        shape = tuple(case.filter_sizes[axis] for axis in (3, 2, 0, 1))
        return tuple(layer.weight.shape) == shape and all(
            pair_of(getattr(layer, name)) == pair_of(values[name]) for name in OPTIONS
        )


def _values(case: Case, padding: Any, transposed: bool) -> dict[str, Any]:
    """Return the sizes and options of a layer."""
    inputs, outputs = channels_of(case, transposed)
    sizes = {"in_channels": inputs, "out_channels": outputs, "kernel_size": case.kernel_size}
    return {**sizes, "stride": case.strides, "padding": padding, "dilation": case.dilations, "groups": case.groups}


def _convolution(model: Any) -> Any:
    found = [each for each in model.modules() if isinstance(each, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    weights = sum(bool(list(each.parameters(recurse=False))) for each in model.modules())
    if len(found) != 1 or weights != 1:
        raise ValueError(
            f"Model must hold one torch.nn.Conv2d or ConvTranspose2d, and no other weights; it holds {len(found)}: "
            "this file is no single convolution"
        )
    return found[0]


class _New(Layers):
    """The layers of the file's `ModelNew`, made with the arguments that `Model` takes for the same case."""

    def __init__(self, kind: type, problem: _Problem, device: Any) -> None:
        super().__init__(None, device, transposed=problem.transposed)
        self.kind, self.problem = kind, problem
        self.dtypes, self.made_for = (problem.dtype,), (str(problem.case),)
        parameters = list(inspect.signature(kind).parameters.values())
        any_name, any_number = (
            any(one.kind is open_ended for one in parameters)
            for open_ended in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        )
        own = {one.name for one in parameters}
        # The arguments of `Model` that it takes: by their names if it has those, else by their places.
        self.by_name = any_name or set(problem.names) <= own
        order = tuple(problem.defaults)
        by_place = order if any_number else order[: len(parameters)]
        self.takes = tuple(name for name in order if any_name or name in own) if self.by_name else by_place
        self.takes_bias = self._takes("bias")
        self.lacks = tuple(self._lacks())
        self._layers = Kept()

    def _lacks(self) -> Iterator[Lack]:
        """Give a lack for each argument of `Model` that `ModelNew` does not take, and one for what `Model` is not."""
        case, options = self.problem.case, ("in_channels", "out_channels", "kernel_size", *OPTIONS)
        for option in options:
            if option in self.problem.own and not self._takes(option):
                yield Lack(f"{self.kind.__name__} takes no {option}", _differs(option, case, self.transposed))
        if self.transposed and not self._takes("output_padding"):
            yield NO_OUTPUT_PADDING
        yield Lack("the file's Model has no such layer", lambda operation, asked: not self.problem.has(asked))

    def _takes(self, option: str) -> bool:
        names = self.problem.own.names.get(option, ())
        return bool(names) and all(name in self.takes for name in names)

    def layer(self, images: Any, filters: Any, options: dict[str, Any], *, bias: bool) -> Any:
        outputs = filters.shape[1] * options["groups"] if self.transposed else filters.shape[0]
        sizes = {"in_channels": images.shape[1], "out_channels": outputs, "kernel_size": tuple(filters.shape[2:])}
        self._require_same(options)
        if self.problem.is_fixed:
            return self._layers.get({}, lambda: self.kind(*self.problem.init).to(self.device))
        words = self.problem.arguments(**sizes, **options, **({"bias": True} if bias else {}))
        given = {name: words[name] for name in self.takes if name in words}
        return self._layers.get(given, lambda: self._made(given).to(self.device))

    def _made(self, given: dict[str, Any]) -> Any:
        if self.by_name:
            return self.kind(**given)
        # An argument that is left out takes its default of `Model`, up to the last that is given.
        last = max((place for place, name in enumerate(self.takes) if name in given), default=-1)
        return self.kind(*(given.get(name, self.problem.defaults[name]) for name in self.takes[: last + 1]))

    def _require_same(self, options: dict[str, Any]) -> None:
        """Refuse an option that the file does not take: invalid calls ask that."""
        for name in OPTIONS:
            own, asked = pair_of(self.problem.options[name]), pair_of(options[name])
            if name not in self.problem.own and asked != own and self.problem.options["groups"] == 1:
                raise ValueError(f"the file's Model takes no {name}: it is {own}, not {asked}")


def _differs(option: str, case: Case, transposed: bool) -> Any:
    def value(one: Case) -> Any:
        return _values(one, pads_of(one), transposed)[option]

    return lambda operation, asked: value(asked) != value(case)
