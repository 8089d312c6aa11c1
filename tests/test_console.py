"""Text of others is shown as text: brackets, control characters and surrogates, however long it is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from reference_impl.console import PlainConsole, plain_name, plain_text, shortened
from reference_impl.exit_status import ExitStatus

HOSTILE = {
    "markup": ("pip install 'conv2d-reference-impl[torch]' [/x] [bold]", None),
    "unclosed markup": ("[/x", None),
    "emoji": (":smile:", None),
    "escape": ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
    "carriage return": ("FAIL\rPASS", r"FAIL\rPASS"),
    "surrogate": ("lone \ud800", r"lone \ud800"),
    "direction": ("abc\u202ecba", r"abc\u202ecba"),
    "line separator": ("a\u2028b", r"a\u2028b"),
    "letters": ("naïve ü 卷积", None),
}


@pytest.fixture(params=HOSTILE)
def hostile(request):
    given, shown = HOSTILE[request.param]
    return given, shown or given


def test_plain_text_makes_control_characters_visible(hostile):
    given, shown = hostile
    assert plain_text(given) == plain_name(given) == shown
    assert plain_text(plain_text(given)) == shown


def test_console_prints_it_alike_in_lines_and_tables(hostile):
    given, shown = hostile
    console = PlainConsole(width=200)
    table = Table(given, title=given)
    table.add_row(given)
    with console.capture() as captured:
        console.print(given)
        console.print(given, style="red", soft_wrap=True)
        console.print(table)
    assert captured.get().count(shown) == 5


def test_name_stays_on_one_line():
    assert plain_name("torch\nPASS  mine") == "torch\\nPASS  mine"


def test_long_text_is_cut_and_says_how_long_it_was():
    assert shortened("abcdef", 4) == "abcd... (6 letters)"
    assert shortened("abcd", 4) == "abcd"
    shown = plain_text("a" * 100_000 + "\nb")
    assert shown == "a" * 2000 + "... (100,000 letters)\nb"
    lines = plain_text("a\n" * 1000).split("\n")
    assert lines[-1] == "... (1,001 lines)"
    assert len(lines) == 201


def test_long_text_takes_no_time(monkeypatch):
    """It is cut before Rich lays it out, which takes a second for a million letters."""
    console, laid_out, lay_out = PlainConsole(width=80), [], Console.render_str
    monkeypatch.setattr(
        Console, "render_str", lambda self, text, **given: laid_out.append(len(text)) or lay_out(self, text, **given)
    )
    with console.capture():
        console.print("12.5 [a] " * 1_000_000)
    assert laid_out
    assert max(laid_out) < 30_000


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_terminal_that_cannot_print_a_tick_gets_another_sign(monkeypatch, encoding):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding))
    console = PlainConsole(width=80)
    console.print("✗1 卷")
    console.verdict("done")
    sign = "✗1 卷" if encoding == "utf-8" else r"x1 \u5377"
    assert written.getvalue().decode(encoding).splitlines() == [sign, "done"]
    assert console.exit_status(1) == 1


class Failing(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error

    def fileno(self):
        raise OSError("it has none")


@pytest.mark.parametrize(
    ("error", "statuses"),
    [
        (BrokenPipeError(32, "Broken pipe"), (0, 1)),
        (OSError(28, "No space left on device"), (ExitStatus.NOT_WRITTEN, 1)),
    ],
    ids=["closed pipe", "full disk"],
)
def test_verdict_is_printed_on_stderr_if_stdout_fails(monkeypatch, capsys, error, statuses):
    monkeypatch.setattr("sys.stdout", Failing(error))
    console = PlainConsole()
    console.print("a table")
    console.verdict("the verdict")
    assert (console.exit_status(0), console.exit_status(1)) == statuses
    assert "the verdict" in capsys.readouterr().err
