"""Pictures of convolutions: the cells that feed each other, and the wrong elements of an answer. The extra `draw`."""

from .figure_files import save
from .figures import animate, draw, draw_difference

__all__ = ["animate", "draw", "draw_difference", "save"]
