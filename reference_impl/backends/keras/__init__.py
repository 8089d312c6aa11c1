"""Keras: its operations on the backend that `KERAS_BACKEND` names."""

from __future__ import annotations

from .functions import Plain

ROUTES = {"": Plain}
