"""Backends of other people: an object in a module or a file, or an entry point of an installed package."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..operations import OPERATIONS
from .protocol import WRAP_A_FUNCTION
from .wrappers import isolation, layers

if TYPE_CHECKING:
    from importlib import metadata

# The group of the entry points: name = "package.module:Object".
GROUP = "reference_impl.backends"
# Files that no name can lead to, as Python does not import them.
_SOURCES = (".c", ".cc", ".cpp", ".cu", ".h", ".rs", ".so", ".ipynb")
# So many names are listed of a module that has not the one that was given.
_MOST_NAMES = 8


def declared(reserved: Collection[str]) -> tuple[dict[str, metadata.EntryPoint], dict[str, str]]:
    """Return the entry points by name; and, by name too, why an entry point cannot be used.

    `reserved` are the names of built-in backends.
    """
    from importlib import metadata  # a process of a backend seldom needs it, and it takes a fifth of its imports

    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(entry)
    refused = {}
    for name, entries in found.items():
        said = f"{name}: {' and '.join(map(_origin, entries))}"
        if name in reserved:
            refused[name] = f"{said} must have another name, as this one is built in"
        elif ":" in name:
            refused[name] = f"{said} must have a name without a colon"
        elif len(entries) > 1:
            refused[name] = f"{said} must be declared once"
    return {name: entries[0] for name, entries in found.items() if name not in refused}, refused


def load_declared(entry: metadata.EntryPoint) -> Any:
    """Return the backend of an entry point. Raise ImportError if anything keeps it from being loaded."""
    try:
        return _made(entry.load(), entry.value)
    except (Exception, SystemExit) as error:
        raise ImportError(f"{_origin(entry)} cannot be loaded: {type(error).__name__}: {error}") from error


def load_object(module: str, attribute: str) -> Any:
    """Return the backend at `module:attribute`, or at `FILE.py:attribute`. A layer of torch or Keras is wrapped."""
    home, found = _found(module, attribute)
    name = f"{module}:{attribute}"
    return _made(layers.wrapped(found, home, name), name)


def load_wrapped(name: str) -> Any:
    """Return the backend that a name such as `torch_style(package.module:f, gradients=False)` describes."""
    wrapper, wrapped, options = isolation.parts_of(name)
    for option in isolation.FUNCTIONS & set(options):
        if isinstance(options[option], str):
            options[option] = named(options[option])
    found = named(wrapped)  # before the wrapper imports its framework: a wrong name is told without it
    home = importlib.import_module(f".wrappers.{isolation.WRAPPERS[wrapper]}", __package__)
    function = getattr(home, wrapper)
    known = [one.name for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise ValueError(f"{wrapper} takes the options {', '.join(known)}; not {option!r}")
    return function(found, **options)


def named(name: str) -> Any:
    """Return the object of a name, "package.module:object" or "FILE.py:object"; None for "None"."""
    if name == "None":
        return None
    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        raise ValueError(f"an object must be named as package.module:object, or FILE.py:object; not {name!r}")
    return _found(module, attribute)[1]


def _found(module: str, attribute: str) -> tuple[Any, Any]:
    """Import a module or a file. Return it, and its attribute.

    From now on, modules are found in the current directory too, and in the folder of the file.
    """
    home: Any = _of_file(Path(module)) if is_file(module) else _of_path(module)
    found = home
    for part in attribute.split("."):
        if not hasattr(found, part):
            own = _own_names(home)
            raise ValueError(f"{module} has no {attribute}" + (f"; it has {own}" if own else ""))
        found = getattr(found, part)
    return home, found


def _own_names(home: Any) -> str:
    """List the classes and functions that a module defines itself, or some of them."""
    own = [
        name
        for name, value in vars(home).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == home.__name__
    ]
    return ", ".join(own[:_MOST_NAMES]) + (", ..." if len(own) > _MOST_NAMES else "")


def is_file(module: str) -> bool:
    """Return True for the name of a file of Python, as `FILE.py` in `FILE.py:Kernel`."""
    return module.endswith(".py")


def no_object(name: str) -> str | None:
    """Say why the name of a file is no name of a backend, or nothing if it names no file."""
    file, _, attribute = name.partition(":")
    if is_file(file):
        return f"{file} must be followed by the name of a backend in it, as {file}:MyKernel; not {attribute!r}"
    if Path(file).suffix in _SOURCES:
        return (
            f"{file} must be called from Python: docs/your-kernel.md shows a class that compiles and calls it, and "
            "FILE.py:Class names that"
        )
    return None


def _of_path(module: str) -> ModuleType:
    _look_here()
    return importlib.import_module(module)


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"{path} must be a file of Python: there is none in {Path.cwd()}")
    folder = str(path.resolve().parent)
    _look_here()
    _look_in(folder)
    # The file may be called torch.py, and may import its neighbours as `from .neighbour import ...`. So its folder is a
    # package, of a name that hides no other module.
    package = f"folder_{hashlib.sha256(folder.encode()).hexdigest()[:8]}"
    sys.modules.setdefault(package, ModuleType(package)).__path__ = [folder]
    name = f"{package}.{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except ImportError as error:
            del sys.modules[name]
            raise ImportError(f"{path}{_line_in(path, error)} cannot import what it needs: {error}") from error
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _line_in(path: Path, error: BaseException) -> str:
    """Name the line of a file in which an error was raised, if it was."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f", line {lines[0]}," if lines else ""


def _look_here() -> None:
    with contextlib.suppress(FileNotFoundError):  # it may have been deleted
        _look_in(os.getcwd())


def _look_in(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _made(found: Any, name: str) -> Any:
    """Return `found`, or an instance if it is a class."""
    if isinstance(found, type):
        try:
            found = found()
        except ImportError:  # its own message says what is missing
            raise
        except Exception as error:
            said = f"{name} must make a backend, called without arguments; it raised {type(error).__name__}: {error}"
            own = f"; call it in its file, as BACKEND = {found.__name__}(...), and name BACKEND"
            raise ValueError(said + (own if isinstance(error, TypeError) else "")) from error
    if not any(callable(getattr(found, operation, None)) for operation in OPERATIONS):
        said = f"{name} must offer at least one of {', '.join(OPERATIONS)}"
        hint = f"{WRAP_A_FUNCTION}; or name a wrapper of functions on tensors: 'torch_style({name})'"
        raise ValueError(f"{said}; {hint}" if callable(found) else said)
    return found


def _origin(entry: metadata.EntryPoint) -> str:
    by = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"{entry.value}{by}"
