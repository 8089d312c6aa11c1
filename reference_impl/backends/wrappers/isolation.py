"""Names by which another process makes a wrapped backend again: `torch_style(package.module:f, bias=True)`."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The wrappers that a name may begin with, and their modules.
WRAPPERS = {
    "torch_style": "torch_style",
    "torch_module": "torch_module",
    "jax_style": "jax_style",
    "keras_layer": "keras_layer",
}
# Options of wrappers that are functions: their names stand in quotes.
FUNCTIONS = frozenset({"transposed"})
_DEFAULTS = {"device": "cpu", "name": "", "version": "unversioned"}


@dataclass(frozen=True)
class Making:
    """The call of a wrapper that made a backend."""

    wrapper: str
    wrapped: Any
    options: Mapping[str, Any] = field(default_factory=dict)

    def name(self) -> str:
        """Return a name by which another process makes the backend. Raise ValueError, with the reason, if it cannot."""
        words = [importable(self.wrapped)]
        for option, value in self.options.items():
            value = importable(value) if option in FUNCTIONS and callable(value) else value
            value = str(value) if option == "device" else value
            if not _is_literal(value):
                raise ValueError(
                    f"{self.wrapper}(..., {option}=...) cannot be written in a name; assign the backend to a name in a "
                    "module that can be imported, and give 'package.module:NAME'"
                )
            words.append(f"{option}={value!r}")
        return f"{self.wrapper}({', '.join(words)})"


def making(wrapper: str, wrapped: Any, **options: Any) -> Making:
    """Return the making of a backend, without the options that are left at their defaults."""
    told = {name: value for name, value in options.items() if value is not None and value != _DEFAULTS.get(name)}
    return Making(wrapper, wrapped, told)


def is_wrapped(name: str) -> bool:
    """Return True for a name such as `torch_style(package.module:f)`."""
    return name.partition("(")[0] in WRAPPERS and name.endswith(")")


def unknown_wrapper(name: str) -> str | None:
    """Say which wrappers there are, if a name has the form of a wrapper's and is none; nothing otherwise."""
    word = name.partition("(")[0]
    if not (name.endswith(")") and "(" in name and word.isidentifier()) or word in WRAPPERS:
        return None
    return f"a wrapper must be one of {', '.join(WRAPPERS)}; not {word!r}"


def parts_of(name: str) -> tuple[str, str, dict[str, Any]]:
    """Return the wrapper of a name, the name of the wrapped object, and the options. Raise ValueError if unreadable."""
    wrapper, _, inner = name[:-1].partition("(")
    wrapped, _, rest = inner.partition(",")
    if "=" in wrapped:  # options alone, as in torch_style(transposed="package.module:f")
        wrapped, rest = "None", inner
    try:
        call = ast.parse(f"f({rest})", mode="eval").body
        words = call.keywords if isinstance(call, ast.Call) and not call.args else None
        options = {str(word.arg): ast.literal_eval(word.value) for word in words}  # type: ignore[union-attr]
    except (SyntaxError, TypeError, ValueError):
        raise ValueError(
            f"a wrapped backend must be named as {wrapper}(package.module:object, option=value, ...); not {name!r}"
        ) from None
    if not wrapped.strip():
        raise ValueError(f"{wrapper}() must be told what to wrap, as {wrapper}(package.module:object); not {name!r}")
    return wrapper, wrapped.strip(), options


def importable(found: Any) -> str:
    """Return "package.module:object" for a function or class. Raise ValueError if another process cannot import it."""
    if found is None:
        return "None"
    module, path = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    if not module or not path:
        raise ValueError(f"{found!r} has no name that another process can import; give 'package.module:NAME'")
    name = f"{module}:{path}"
    if module == "__main__":
        raise ValueError(f"{name} is in the script that runs; move it to a module that another process can import")
    if "<" in path:
        raise ValueError(f"{name} is inside a function; move it to the top of its module")
    at: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in path.split("."):
        at = getattr(at, part, None)
    if at is not found:
        raise ValueError(f"{name} is another object than the one that was wrapped; give the name of the latter")
    return name


def _is_literal(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (SyntaxError, ValueError):
        return False
