"""Find backends by name: "framework", "framework:route", a package's own, "package.module:Object" or "FILE.py:Object".

"torch_style(package.module:f)" names an object and its wrapper. Each may be followed by an environment:
"framework@environment" (environments.py).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import entry_points, environments
from .wrappers import isolation

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# The framework that each adapter needs; None if it needs none.
ADAPTERS: dict[str, str | None] = {
    "reference": None,
    "definition": None,
    "minimal": None,
    "tensorflow": "tensorflow",
    "torch": "torch",
    "jax": "jax",
    "onnxruntime": "onnxruntime",
    "onnx": "onnx",
    "keras": "keras",
    "mlx": "mlx",
    "openvino": "openvino",
    "scipy": "scipy",
    "tinygrad": "tinygrad",
    "autograd": "autograd",
}
# The module of an adapter whose name is not the backend's.
_MODULES = {"onnx": "onnx.reference_evaluator", "onnxruntime": "onnx.runtime"}
# The meaning of "all": what the extra `all` installs. The other adapters are checked where they are installed.
ALL = ("reference", "definition", "minimal", "tensorflow", "torch")


def installed() -> dict[str, bool]:
    """Return True or False for each adapter: can its framework be imported here? Declared backends follow, all True."""
    adapters = {
        name: framework is None or importlib.util.find_spec(framework) is not None
        for name, framework in ADAPTERS.items()
    }
    return adapters | dict.fromkeys(declared(), True)


def declared() -> dict[str, EntryPoint]:
    """Return the backends of installed packages: entry points of the group `reference_impl.backends`."""
    return entry_points.declared((*ADAPTERS, "all"))[0]


def refused() -> dict[str, str]:
    """Return why an entry point cannot be used, by its name."""
    return entry_points.declared((*ADAPTERS, "all"))[1]


def require(words: Iterable[str]) -> None:
    """Raise ImportError if a framework that `words` name is not installed. Import no framework.

    Raises ValueError if they name an unknown environment.
    """
    for word in words:
        backend, environment = environments.split(word)
        for name in ALL if backend == "all" else (backend,):
            if "@" in word and environment != environments.ANY:
                environments.variables_of(f"{name}@{environment}")
            adapter = adapter_of(name)
            if adapter is not None:
                _require(adapter)


def adapter_of(name: str) -> str | None:
    """Return the adapter that a full name begins with. None for a backend of others."""
    adapter = environments.split(name)[0].partition(":")[0]
    return adapter if adapter in ADAPTERS else None


def routes(name: str) -> list[str]:
    """Return the full names of all routes of one adapter, the plain one first. Import its framework."""
    name, environment = environments.split(name)
    if name not in ADAPTERS:
        return [environments.join(name, environment)]
    found = [f"{name}:{route}" if route else name for route in _adapter(name).ROUTES]
    return [environments.join(one, environment) for one in found]


def expand(words: Iterable[str] = (), routes: Callable[[str], list[str]] = routes) -> list[str]:
    """Return the full names that `words` stand for; without words, all routes of everything installed.

    "torch:*" is every route of torch; "all" is every route of the adapters in `ALL`, installed or not. "torch@*" is
    torch in each of its environments, and in none. `routes` lists the routes of one adapter.
    """
    known = installed()
    words = list(words) or [f"{name}:*" for name, there in known.items() if there]
    names: list[str] = []
    for word in words:
        backend, environment = environments.split(word)
        for one in [f"{adapter}:*" for adapter in ALL] if backend == "all" else [backend]:
            adapter, _, route = one.partition(":")
            chosen = environments.names_for(adapter) if environment == environments.ANY else [environment]
            listed = [one]
            if route == "*" and (adapter in known or backend == "all"):
                listed = [environments.split(name)[0] for name in routes(environments.join(adapter, chosen[0]))]
            names += [environments.join(name, each) for each in chosen for name in listed]
    return list(dict.fromkeys(names))


def load(name: str) -> Any:
    """Return the backend called `name`: "torch", "torch:autograd", a package's own, or yours.

    Yours is "package.module:Object", "FILE.py:Object", or "torch_style(package.module:f)", with any wrapper. A layer
    of torch or Keras is wrapped. If `Object` is another class, it is called without arguments to make the backend.

    Raises
    ------
    ValueError
        If the name is unknown, the object offers none of the four operations, or the variables of the environment
        are not set in this process.
    ImportError
        If the framework, or your module, cannot be imported.
    """
    environments.check_set(name)
    name = environments.split(name)[0]
    if isolation.is_wrapped(name):
        return entry_points.load_wrapped(name)
    if unknown := isolation.unknown_wrapper(name):
        raise ValueError(unknown)
    adapter, _, route = name.partition(":")
    if adapter in ADAPTERS:
        found = _adapter(adapter)
        known = found.ROUTES | getattr(found, "NAMED", {})  # the latter run only where they are named
        if route not in known:
            names = [f"{adapter}:{name}" if name else adapter for name in known]
            raise ValueError(f"{adapter} has no route {route!r}; it has {', '.join(names)}")
        return known[route]()
    entry = None if ":" in name else declared().get(name)  # the name of a declared backend has no colon
    if entry is not None:
        return entry_points.load_declared(entry)
    file, _, attribute = name.rpartition(":")
    if entry_points.is_file(file) and all(attribute.split(".")):
        return entry_points.load_object(file, attribute)
    if reason := entry_points.no_object(name):
        raise ValueError(reason)
    if not route or not all(name.replace(":", ".").split(".")):
        raise ValueError(
            f"backend must be one of {', '.join(installed())}, or package.module:Object, or FILE.py:Object; "
            f"not {name!r}" + (f": {refused()[name]}" if name in refused() else "")
        )
    return entry_points.load_object(adapter, route)


def _adapter(name: str) -> Any:
    _require(name)
    return importlib.import_module(f".{_MODULES.get(name, name)}", __package__)


def _require(name: str) -> None:
    framework = ADAPTERS[name]
    if framework is not None and importlib.util.find_spec(framework) is None:
        raise ImportError(
            f"backend {name} needs {framework}, which is not installed: pip install 'conv2d-reference-impl[{name}]'"
        )
