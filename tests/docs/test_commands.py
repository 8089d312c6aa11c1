"""The command line takes the commands on the pages: their subcommands, options and values."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from reference_impl.cli import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND_LINE = typer.main.get_command(app)


def commands(page):
    """List the commands that a page shows, without `conv2d-reference`, and joined where they go over lines."""
    text = page.read_text("utf-8").replace(" \\\n", " ")
    found = re.findall(r"(?:conv2d-reference|python -m reference_impl) ([a-z][^`\n]*)", text)
    return [shlex.split(words, comments=True) for words in found if " --help" not in words]


def read(words):
    """Read a command as the command line does, and run nothing."""
    command = COMMAND_LINE.get_command(None, words[0])
    assert command is not None, f"there is no command {words[0]}"
    command.make_context(words[0], words[1:])


SHOWN = {" ".join(words): words for page in PAGES if page.name != "CHANGELOG.md" for words in commands(page)}


@pytest.mark.parametrize("words", SHOWN.values(), ids=SHOWN)
def test_command_of_a_page_is_understood(words):
    read(words)


@pytest.mark.parametrize("words", ["verify --bakend torch", "draw n1_h5w5c1_k3x3o1 --seed one"])
def test_command_with_a_wrong_option_or_value_is_not_understood(words):
    with pytest.raises(Exception, match=r"No such option|a valid integer"):
        read(words.split())


def test_command_that_does_not_exist_is_not_understood():
    with pytest.raises(AssertionError, match="no command verfy"):
        read(["verfy"])
