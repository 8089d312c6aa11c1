"""The page as HTML, and the file that it is written to.

Text of others stays text: Jinja2 escapes all of it, control characters become visible, and the page's own policy
(Content-Security-Policy) lets the browser run the page's script alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from ... import __version__
from ...files import check_writable, write_file
from .calls import cut
from .content import AnyPage, Page, kind_of

FILE = "index.html"
_TEMPLATES = Path(__file__).parent / "templates"
_MARK = b'<meta name="generator" content="conv2d-reference"'
_MARKED_WITHIN = 2_000  # bytes
_PACKAGES = ("jinja2", "matplotlib")


def check_folder(folder: Path) -> None:
    """Raise before a long run if no page can be made, or written to a folder. The folder is made if it is missing.

    Raises
    ------
    ModuleNotFoundError
        If a package of the extra `report` is missing.
    OSError, ValueError
        If the folder cannot be written to, or has an index.html that is no page of ours.
    """
    for package in _PACKAGES:
        require(package)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    check_writable(path)
    if path.exists() and not _is_ours(path):
        raise ValueError(f"must be a folder without {FILE}, or with a page of ours; {path} is another file")


def require(package: str) -> None:
    try:
        __import__(package)
    except ModuleNotFoundError as error:
        said = f"the report page needs {package}: pip install 'conv2d-reference-impl[report]'"
        raise ModuleNotFoundError(said, name=package) from error


def write_page(folder: Path, page: AnyPage) -> Path:
    """Write the page to index.html of a folder: all of it, or nothing. Other files there stay as they are.

    Raises OSError, as `write_file` does.
    """
    path = folder / FILE
    write_file(path, as_html(page).encode())
    return path


def as_html(page: AnyPage) -> str:
    """Return the whole page."""
    script, style = _text("page.js"), _text("page.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _render(page.template, page, script=script, style=style, digest=digest)


def as_part(page: Page) -> str:
    """Return the verdict, the matrix and the bugs, for a notebook: without a script."""
    return _render("part.html", page, style=_text("page.css"))


def _render(template: str, page: AnyPage, **trusted: Any) -> str:
    require("jinja2")
    return _environment().get_template(template).render(page=page, version=__version__, kind_of=kind_of, **trusted)


@cache
def _environment() -> Any:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # A string that is no markup may be of others. This is in one place, so that no template can forget it.
        finalize=lambda value: cut(value) if type(value) is str else value,
    )
    made.filters["base64"] = _base64
    made.filters["breakable"] = _breakable
    return made


def _breakable(name: str) -> Any:
    """Allow a line to break after each underscore or colon of a name."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([_:])", r"\1<wbr>", str(escape(cut(name)))))


def _base64(data: bytes) -> Any:
    from markupsafe import Markup

    return Markup(base64.b64encode(data).decode())


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK in file.read(_MARKED_WITHIN)
