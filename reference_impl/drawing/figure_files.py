"""Figures as files. The same figure gives the same bytes, and no file is left half written."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..files import check_writable, write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png", ".gif")

_DOTS_PER_INCH = {".png": 150, ".gif": 100}
_MILLISECONDS_PER_FRAME = 700
_COLOURS = 64


def check_path(path: Path) -> None:
    """Raise ValueError if no picture can be written to `path`."""
    if path.suffix not in SUFFIXES:
        raise ValueError(f"a picture's name must end in one of {', '.join(SUFFIXES)}; not {path.name!r}")
    check_writable(path)


def save(figures: Figure | Iterable[Figure], path: str | os.PathLike[str]) -> None:
    """Write a figure to a .svg or .png file, or several as the frames of a .gif file; replace the file if it exists.

    The file also says in words what it shows.

    Raises
    ------
    ValueError
        If the suffix is another, the folder does not exist, or the format cannot hold so many figures.
    """
    path = Path(path)
    check_path(path)
    frames = list(figures) if isinstance(figures, Iterable) else [figures]
    if (len(frames) != 1 and path.suffix != ".gif") or not frames:
        raise ValueError(f"a {path.suffix} file holds one picture, not {len(frames)}; save an animation as a .gif")
    written = io.BytesIO()
    {".svg": _write_svg, ".png": _write_png, ".gif": _write_gif}[path.suffix](frames, written)
    write_file(path, written.getvalue())


def _write_svg(frames: Sequence[Figure], file: IO[bytes]) -> None:
    from matplotlib import rc_context

    # Ids are made from the content, glyphs are shapes, and date and version are left out: the same bytes everywhere.
    with rc_context({"svg.hashsalt": "reference_impl", "svg.fonttype": "path"}):
        frames[0].savefig(file, format="svg", metadata={"Date": None, "Creator": None, **_words(frames)})


def _write_png(frames: Sequence[Figure], file: IO[bytes]) -> None:
    metadata = {"Software": None, **_words(frames)}
    frames[0].savefig(file, format="png", dpi=_DOTS_PER_INCH[".png"], metadata=metadata)


def _write_gif(frames: Sequence[Figure], file: IO[bytes]) -> None:
    from PIL import Image

    images = [_pixels(frame) for frame in frames]
    # All frames share one palette, so that nothing flickers. These three frames have all colours between them.
    some = [images[0], images[len(images) // 2], images[-1]]
    strip = Image.fromarray(np.concatenate([np.asarray(image) for image in some]))
    palette = strip.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE)
    first, *others = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    first.save(
        file,
        format="gif",
        save_all=True,
        append_images=others,
        duration=_MILLISECONDS_PER_FRAME,
        loop=0,
        comment=_words(frames)["Description"].encode(),
    )


def _pixels(frame: Figure) -> Any:
    from PIL import Image

    buffer = io.BytesIO()
    frame.savefig(buffer, format="png", dpi=_DOTS_PER_INCH[".gif"])
    return Image.open(buffer).convert("RGB")


def _words(frames: Sequence[Figure]) -> dict[str, str]:
    """Return the first figure's description, for readers who cannot see it."""
    description = str(frames[0].get_label())
    return {"Title": description.partition("\n")[0], "Description": description}
