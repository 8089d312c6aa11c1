"""Backends that are not ours: an object of a module, or what an installed package declares by an entry point."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from importlib import metadata
from typing import Any

from ..operations import OPERATIONS
from .protocol import OF_A_FUNCTION

# The group of the entry points: name = "package.module:Object".
GROUP = "reference_impl.backends"


def declared(reserved: Collection[str]) -> tuple[dict[str, metadata.EntryPoint], dict[str, str]]:
    """The entry points by name; and, of those whose name cannot be had, a sentence that says why.

    `reserved` are names that stay ours.
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
    """The backend of an entry point. Raises ImportError, whatever keeps it from being loaded."""
    try:
        return _made(entry.load(), entry.value)
    except (Exception, SystemExit) as error:
        raise ImportError(f"{_origin(entry)} cannot be loaded: {type(error).__name__}: {error}") from error


def load_object(module: str, attribute: str) -> Any:
    """The backend at `module:attribute`."""
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{module} has no {attribute}")
        found = getattr(found, part)
    return _made(found, f"{module}:{attribute}")


def _made(found: Any, name: str) -> Any:
    """`found` or, of a class, an instance."""
    if isinstance(found, type):
        try:
            found = found()
        except ImportError:  # it says itself what is not here
            raise
        except Exception as error:
            raise ValueError(f"{name} must make a backend, called without arguments; {error!r}") from error
    if not any(callable(getattr(found, operation, None)) for operation in OPERATIONS):
        said = f"{name} must offer at least one of {', '.join(OPERATIONS)}"
        raise ValueError(f"{said}; {OF_A_FUNCTION}" if callable(found) else said)
    return found


def _origin(entry: metadata.EntryPoint) -> str:
    by = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"{entry.value}{by}"
