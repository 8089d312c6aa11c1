"""Pictures of convolutions: which cells feed which, and which elements of an answer are wrong. The extra `draw`."""

from .figure_files import save
from .figures import animate, draw, draw_difference

__all__ = ["animate", "draw", "draw_difference", "save"]
