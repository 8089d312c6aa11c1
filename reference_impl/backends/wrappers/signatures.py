"""Names of a callable's parameters for the options of a convolution: by its signature, or as its user says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..protocol import Lack
from .limits import limits
from .own_shape import pads_of

# Other names that people give to the same option. The first in the signature is taken.
NAMES: dict[str, tuple[str, ...]] = {
    "in_channels": ("in_channels", "input_channels", "in_planes", "inplanes", "channels_in", "c_in", "cin", "channels"),
    "out_channels": ("out_channels", "output_channels", "out_planes", "channels_out", "filters", "c_out", "cout"),
    "kernel_size": ("kernel_size", "kernel", "kernels", "ksize", "filter_size"),
    "stride": ("stride", "strides"),
    "padding": ("padding", "pad", "pads"),
    "output_padding": ("output_padding", "out_padding"),
    "dilation": ("dilation", "dilations", "dilation_rate"),
    "groups": ("groups", "num_groups", "group"),
    "bias": ("bias", "use_bias"),
    "padding_mode": ("padding_mode",),
    "data_format": ("data_format",),
    "device": ("device",),
    "dtype": ("dtype",),
}
# An option may also be two parameters, height first: kernel_size_h and kernel_size_w, stride_height and stride_width.
_PAIRED = ("kernel_size", "stride", "padding", "output_padding", "dilation")
_ENDINGS = (("_h", "_w"), ("_height", "_width"))
# A function that hands `**options` on need not add a bias.
_NOT_IN_OPTIONS = ("bias",)
# A kernel that does not take one of these has one value of it. A composed call still needs `padding` of 0.
_WITHOUT = {"stride": "stride", "padding": "padding", "dilation": "dilation", "groups": "groups"}
_SINGLE = {"stride": "one", "padding": "none", "dilation": "one", "groups": "one"}


@dataclass(frozen=True)
class Taken:
    """The parameters of a callable that stand for options: option -> one name, or two names, height first."""

    names: Mapping[str, tuple[str, ...]]
    single: frozenset[str] = frozenset()
    """Options whose parameter is annotated as one integer: it stands for both axes."""
    everything: bool = False
    """True if the callable has no signature: then it takes all that its user does not deny."""
    denied: frozenset[str] = frozenset()

    def __contains__(self, option: str) -> bool:
        return option in self.names or (self.everything and option not in self.denied)

    def named(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that are taken under the callable's own names.

        Raises ValueError if a pair is given where the callable takes one integer.
        """
        given: dict[str, Any] = {}
        for option, value in options.items():
            names = self.names.get(option, (option,) if option in self else ())
            if len(names) == 2:
                given.update(zip(names, value, strict=True))
            elif names:
                given[names[0]] = self._one(option, value) if option in self.single else value
        return given

    def _one(self, option: str, value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        if value[0] != value[1]:
            raise ValueError(f"{option} must be one integer, as its annotation says; not {value}")
        return value[0]

    def lacks(self) -> tuple[Lack, ...]:
        """Return a lack for each option that is not taken, and for each that is one integer for both axes."""
        missing = {option: _SINGLE[option] for option in _WITHOUT if option not in self}
        found = [
            Lack(f"takes no {option}", lack.applies)
            for option, word in missing.items()
            for lack in limits(**{option: word})
        ]
        for option, limit in (("kernel_size", "kernel"), ("stride", "stride"), ("dilation", "dilation")):
            if option in self.single and option in self.names:
                found += limits(**{limit: "square" if limit == "kernel" else "equal"})
        if "padding" in self.single:
            found.append(Lack("takes one padding for both axes", _pads_differ))
        return tuple(found)


def _pads_differ(operation: str, case: Any) -> bool:
    (top, bottom), (left, right) = pads_of(case)
    return top == bottom and left == right and top != left


def taken(
    callable: Callable,
    options: Iterable[str],
    mapping: Mapping[str, str | None] | None = None,
    *,
    open_ended: bool = True,
) -> Taken:
    """Read which of `options` a callable takes. `mapping` gives its own name for an option; None: it takes none.

    A callable with `**options` takes all of them but a bias, unless `open_ended` is False: then these are for something
    else.

    Raises
    ------
    ValueError
        If `mapping` names an unknown option, or a parameter that the callable does not have.
    """
    options, mapping = tuple(options), dict(mapping or {})
    unknown = set(mapping) - {*options, "input", "filters"}
    if unknown:
        raise ValueError(f"arguments may name {', '.join(('input', 'filters', *options))}; not {', '.join(unknown)}")
    try:
        parameters = inspect.signature(callable).parameters
    except (TypeError, ValueError):  # a function in C, often
        denied = frozenset(option for option, name in mapping.items() if name is None)
        named = {option: (name,) for option, name in mapping.items() if name}
        return Taken(named, everything=True, denied=denied)
    any_name = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for option, name in mapping.items():
        if name is not None and name not in parameters and not any_name:
            there = ", ".join(parameters) or "none"
            raise ValueError(f"arguments[{option!r}] must be a parameter, one of {there}; not {name!r}")
    names: dict[str, tuple[str, ...]] = {}
    for option in options:
        if option in mapping:
            own = mapping[option]
            if own is not None:
                names[option] = (own,)
            continue
        found: list[tuple[str, ...]] = [(name,) for name in NAMES.get(option, (option,)) if name in parameters]
        if option in _PAIRED:
            pairs = [tuple(f"{name}{ending}" for ending in endings) for name in NAMES[option] for endings in _ENDINGS]
            found += [pair for pair in pairs if all(name in parameters for name in pair)]
        if found:
            names[option] = found[0]
        elif any_name and open_ended and option not in _NOT_IN_OPTIONS:
            names[option] = (option,)
    single = {option for option, (name, *more) in names.items() if not more and _is_int(parameters.get(name))}
    return Taken(names, frozenset(single & set(_PAIRED)))


def constructor_of(kind: type) -> Callable:
    """Return the first constructor, of the class or a parent, that names its parameters: `*args` names none."""
    for each in kind.__mro__:
        made_by: Callable = each.__init__  # type: ignore[misc]
        parameters = list(inspect.signature(made_by).parameters.values())[1:]
        if any(one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters):
            return made_by
    return kind.__init__  # type: ignore[misc]


def _is_int(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and parameter.annotation in (int, "int")
