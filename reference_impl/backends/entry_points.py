"""Backends of other people: an object in a module, or an entry point of an installed package."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Collection
from importlib import metadata
from typing import Any

from ..operations import OPERATIONS
from .protocol import WRAP_A_FUNCTION

# The group of the entry points: name = "package.module:Object".
GROUP = "reference_impl.backends"


def declared(reserved: Collection[str]) -> tuple[dict[str, metadata.EntryPoint], dict[str, str]]:
    """Return the entry points by name; and, by name too, why an entry point cannot be used.

    `reserved` are the names of built-in backends.
    """
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
    """Return the backend at `module:attribute`. From now on, modules are found in the current directory too."""
    with contextlib.suppress(FileNotFoundError):  # it may have been deleted
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{module} has no {attribute}")
        found = getattr(found, part)
    return _made(found, f"{module}:{attribute}")


def _made(found: Any, name: str) -> Any:
    """Return `found`, or an instance if it is a class."""
    if isinstance(found, type):
        try:
            found = found()
        except ImportError:  # its own message says what is missing
            raise
        except Exception as error:
            raise ValueError(f"{name} must make a backend, called without arguments; {error!r}") from error
    if not any(callable(getattr(found, operation, None)) for operation in OPERATIONS):
        said = f"{name} must offer at least one of {', '.join(OPERATIONS)}"
        raise ValueError(f"{said}; {WRAP_A_FUNCTION}" if callable(found) else said)
    return found


def _origin(entry: metadata.EntryPoint) -> str:
    by = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"{entry.value}{by}"
