"""Wrappers that turn a user's own functions into a backend."""
