"""The backends that the suite asks."""

from __future__ import annotations

import functools

from reference_impl.run.subject import Loaded, NotLoaded, load


@functools.cache
def loaded(words: tuple[str, ...]) -> Loaded:
    """Load the backends that `words` name, once. Raises NotLoaded if a word is wrong, or names what is no backend."""
    found = load(words)
    for error in found.errors.values():
        if words and isinstance(error, NotLoaded) and error.is_misuse:
            raise error
    return found
