"""Subjects: thin adapters, NumPy in and NumPy out. One is named "framework" or "framework:route"."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import Any

from .protocol import OPERATIONS, Backend, Capabilities, Lack

# The framework that each adapter needs, None where it is our own.
ADAPTERS: dict[str, str | None] = {
    "reference": None,
    "definition": None,
    "tensorflow": "tensorflow",
    "torch": "torch",
    "keras": "keras",
    "mlx": "mlx",
    "openvino": "openvino",
}
# What "all" stands for: what the extra `all` installs. The others are checked where they are installed.
ALL = ("reference", "definition", "tensorflow", "torch")

__all__ = ["ADAPTERS", "ALL", "OPERATIONS", "Backend", "Capabilities", "Lack", "expand", "installed", "load", "routes"]


def installed() -> dict[str, bool]:
    """Each adapter's name, and whether its framework can be imported here."""
    return {
        name: framework is None or importlib.util.find_spec(framework) is not None
        for name, framework in ADAPTERS.items()
    }


def routes(name: str) -> list[str]:
    """The full names of all routes of one adapter, the plain one first. Imports the framework."""
    return [f"{name}:{route}" if route else name for route in _adapter(name).ROUTES]


def expand(words: Iterable[str] = ()) -> list[str]:
    """The full names that `words` stand for; without any, all routes of everything installed.

    "torch:*" is every route of torch, "all" every route of those in `ALL`, installed or not.
    """
    words = list(words) or [f"{name}:*" for name, there in installed().items() if there]
    names: list[str] = []
    for word in words:
        adapter, _, route = word.partition(":")
        if word == "all":
            names += [name for known in ALL for name in routes(known)]
        elif adapter in ADAPTERS and route == "*":
            names += routes(adapter)
        else:
            names.append(word)
    return list(dict.fromkeys(names))


def load(name: str) -> Any:
    """The backend called `name`: "torch", "torch:autograd", or "package.module:Object", yours.

    An `Object` that is a class is called, without arguments, to make the backend.

    Raises
    ------
    ValueError
        If the name is unknown, or the object offers none of the four operations.
    ImportError
        If the framework, or your module, cannot be imported.
    """
    adapter, _, route = name.partition(":")
    if adapter in ADAPTERS:
        known = _adapter(adapter).ROUTES
        if route not in known:
            raise ValueError(f"{adapter} has no route {route!r}; it has {', '.join(routes(adapter))}")
        return known[route]()
    if not route:
        raise ValueError(f"backend must be one of {', '.join(ADAPTERS)}, or package.module:Object; not {name!r}")
    return _load_object(adapter, route)


def _adapter(name: str) -> Any:
    framework = ADAPTERS[name]
    if framework is not None and importlib.util.find_spec(framework) is None:
        raise ImportError(
            f"backend {name} needs {framework}, which is not installed: pip install 'conv2d-reference-impl[{name}]'"
        )
    return importlib.import_module(f".{name}_backend", __name__)


def _load_object(module: str, attribute: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{module} has no {attribute}")
        found = getattr(found, part)
    if isinstance(found, type):
        found = found()
    if not any(callable(getattr(found, operation, None)) for operation in OPERATIONS):
        raise ValueError(f"{module}:{attribute} must offer at least one of {', '.join(OPERATIONS)}")
    return found
