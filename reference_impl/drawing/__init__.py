"""Pictures of convolutions: which cells feed which, and which elements of an answer are wrong. The extra `draw`."""

from .figures import animate, draw, draw_difference
from .files import save

__all__ = ["animate", "draw", "draw_difference", "save"]
