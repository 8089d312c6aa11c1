"""The marks that a cell may have."""

from enum import Enum


class Mark(Enum):
    """A mark on a cell; later ones are drawn over earlier ones. The value is the text of the legend."""

    PADDING = "padding"
    BETWEEN = "zero between errors, for the stride"
    LEFTOVER = "zero for what no window reads"
    UNREAD = "no window reads it"
    TAKEN = "enters the sum"
    WRONG = "wrong"
    SUM = "the sum"
    WORST = "the worst"
