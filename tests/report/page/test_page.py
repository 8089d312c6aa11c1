"""The page has what a report has, needs nothing from outside, and shows text of others as text."""

from __future__ import annotations

import base64
import errno
import gzip
import hashlib
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from reference_impl.cli import app
from reference_impl.exit_status import ExitStatus
from reference_impl.report.page import page as pages
from reference_impl.report.page import verify_page
from reference_impl.report.page.calls import cut, packed
from reference_impl.report.page.content import Cell, Section, Table
from reference_impl.report.page.page import as_html, check_folder, write_page
from reference_impl.run.outcome import FAIL, PASS, Record

pytestmark = [pytest.mark.framework("jinja2"), pytest.mark.framework("matplotlib")]
CASE = "n2_h7w9c3_k3x2o4_s2x3"
VOID = ("meta", "input", "img", "br", "wbr")


class Seen(HTMLParser):
    """The elements and texts of a page. Tags that do not match raise."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts, self.links = [], [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())


def calls_in(page):
    return json.loads(gzip.decompress(base64.b64decode(page.calls.packed)))


def test_page_has_the_verdict_first_and_each_section(failing_page):
    text = Seen(as_html(failing_page)).text
    words = [
        "Verdict 1 of 2 backends RIGHT; WRONG: planted",
        "Backends and operations",
        "✗ 2 of 3 fail",
        "Distinct bugs",
        "Diagnosis",
        "matches *kernel-flipped*",
        "Run it again check_backend(your_backend, [",
        "Accuracy against number of terms",
        "What was covered, and what was not",
        "24 of 24 calls were judged: 3 cases, 2 backends, seed 3.",
        "Not here: mxnet: no such package",
        "Judged calls by padding mode",
        "Versions and machine",
        "NumPy",
    ]
    assert [word for word in words if word not in text] == []
    places = [text.index(word) for word in words]
    assert places == sorted(places)


def test_page_has_a_picture_of_the_bug_and_a_plot_of_each_operation(failing_page):
    tags = Seen(as_html(failing_page)).tags
    (picture,) = [one["src"] for tag, one in tags if tag == "img"]
    assert base64.b64decode(picture.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    assert sum(tag == "svg" for tag, _ in tags) == 4


def test_page_of_a_right_backend_names_no_bug(passing_page):
    text = Seen(as_html(passing_page)).text
    assert "Verdict good unversioned: RIGHT" in text
    assert "None was found." in text
    assert "✗" not in text.replace("✗: failed", "")


@pytest.mark.parametrize("name", ["passing_page", "failing_page", "hostile_page"])
def test_page_needs_nothing_from_outside(name, request):
    html = as_html(request.getfixturevalue(name))
    seen = Seen(html)
    assert [one for one in seen.links if not one.startswith(("#", "data:image/png;base64,"))] == []
    assert not re.search(r"url\((?!#)|@import", html)
    policy = next(one["content"] for tag, one in seen.tags if tag == "meta" and "http-equiv" in one)
    assert policy.startswith("default-src 'none'")


def test_policy_allows_the_script_of_the_page_alone(failing_page):
    html = as_html(failing_page)
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)[1]
    (digest,) = re.findall(r"script-src 'sha256-([^']*)'", html)
    assert base64.b64decode(digest) == hashlib.sha256(script.encode()).digest()


@pytest.mark.parametrize("form", [as_html, pages.as_part])
def test_hostile_text_is_text(hostile_page, form):
    html = form(hostile_page)
    seen = Seen(html)
    assert not [one for tag, one in seen.tags if tag == "img" and not one["src"].startswith("data:")]
    assert sum(tag == "script" for tag, _ in seen.tags) == (2 if form is as_html else 0)
    assert not [name for _, one in seen.tags for name in one if name.startswith("on")]
    assert '</script><img src=x onerror="window.hacked=1">' in seen.text
    assert r"\u202egnp.exe\x1b[2J\x00" in seen.text
    assert "{{ 7 * 7 }}" in seen.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert len(html) < 2_000_000


def test_hostile_text_of_calls_is_text(hostile_page):
    data = calls_in(hostile_page)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\ud800-\udfff]", "".join(data["texts"] + data["backends"])
    )
    assert max(map(len, data["texts"])) < 5_000
    assert any("letters: --json FILE has them all" in one for one in data["texts"])


def test_long_text_is_cut():
    assert cut("short") == "short"
    assert len(cut("m" * 1_000_000)) < 4_100
    assert len(cut("\x1b" * 1_000_000)) < 4_100
    assert len(cut("m\n" * 1_000_000)) < 4_100


def test_texts_have_a_limit_together():
    records = [
        Record("b", "1", "conv2d", CASE, "exact", FAIL, message=f"{number} " + "m" * 3_900) for number in range(5_000)
    ]
    records = [replace(one, invalid_call=str(number)) for number, one in enumerate(records)]
    texts = json.loads(gzip.decompress(base64.b64decode(packed(records, ["b"]).packed)))["texts"]
    assert sum(map(len, texts)) < 9_000_000
    assert "(The page has no room for this text: --json FILE has it.)" in texts


def test_packed_calls_have_each_record_and_the_worst_call_first(failing_page):
    data = calls_in(failing_page)
    backends, operations, _, _, _, counts = data["calls"]
    checks, outcomes, *_ = data["records"]
    assert sum(counts) == len(checks) == failing_page.calls.records
    first = data["backends"][backends[0]], data["operations"][operations[0]], data["outcomes"][outcomes[0]]
    assert first == ("planted", "conv2d", FAIL)
    assert data["outcomes"][outcomes[-1]] != FAIL


def test_infinite_ratio_is_left_out():
    record = Record("b", "1", "conv2d", CASE, "exact", FAIL, ratio=float("inf"))
    assert json.loads(gzip.decompress(base64.b64decode(packed([record], ["b"]).packed)))["records"][3] == [None]


def test_cell_says_failures_before_all_else():
    assert Cell({PASS: 5}).said == "✓ 5 right"
    assert Cell({PASS: 5, FAIL: 2}).said == "✗ 2 of 7 fail"
    assert Cell({PASS: 5, FAIL: 2}).kind == "bad"
    assert Cell({PASS: 5, "known": 1}).kind == "warn"
    assert Cell({"unsupported": 3}).said == "none judged"
    assert Cell({FAIL: 2}, failures_only=True).said == "✗ 2 fail"
    assert Cell({}, failures_only=True).said == "none fails"


def test_command_can_add_a_section(passing_page):
    from dataclasses import replace

    table = Table(("path", "count"), [("<b>avx2</b>", "3")], (False, True), "Paths")
    html = as_html(replace(passing_page, sections=[Section("Code paths", ["Two <i>paths</i> were asked."], [table])]))
    text = Seen(html).text
    assert text.index("Accuracy against") < text.index("Two <i>paths</i> were asked.") < text.index("What was covered")
    assert 'href="#code-paths"' in html
    assert "&lt;b&gt;avx2&lt;/b&gt;" in html


def verify(*words):
    return CliRunner().invoke(
        app, ["verify", "--backend", "planted:Flipped", "--cases", CASE, "--no-isolation", *words]
    )


def test_verify_writes_the_page(tmp_path):
    done = verify("--check", "exact", "--report", str(tmp_path / "new" / "folder"))
    assert done.exit_code == ExitStatus.FAILED
    page = tmp_path / "new" / "folder" / "index.html"
    assert f"Report page: {page}" in done.output
    assert "WRONG" in Seen(page.read_text("utf-8")).text
    again = verify("--check", "exact", "--report", str(page.parent))
    assert again.exit_code == ExitStatus.FAILED


def test_other_files_of_the_folder_stay(tmp_path, passing_page):
    (tmp_path / "notes.txt").write_text("mine")
    check_folder(tmp_path)
    write_page(tmp_path, passing_page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "notes.txt"]


@pytest.mark.parametrize("command", ["verify", "sweep"])
def test_index_of_others_is_refused_before_the_run(tmp_path, command):
    (tmp_path / "index.html").write_text("<p>my site")
    done = CliRunner().invoke(app, [command, "--backend", "planted:Flipped", "--report", str(tmp_path)])
    assert done.exit_code == ExitStatus.BAD_USAGE
    assert "is another file" in done.output
    assert (tmp_path / "index.html").read_text() == "<p>my site"


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_package_is_told_with_the_command_that_installs_it(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    done = verify("--report", str(tmp_path))
    assert done.exit_code == ExitStatus.BAD_USAGE
    said = " ".join(re.sub("[│╭╮╰╯─]", " ", done.output).split())
    assert f"the report page needs {package}: pip install 'conv2d-reference-impl[report]'" in said


def test_full_disk_loses_neither_the_verdict_nor_the_former_page(tmp_path, monkeypatch):
    verify("--check", "exact", "--report", str(tmp_path))
    former = (tmp_path / "index.html").read_text("utf-8")

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pages, "write_file", full)
    done = verify("--check", "exact", "--report", str(tmp_path))
    assert "planted unversioned: WRONG" in done.output
    assert "the page could not be written" in done.output
    assert done.exit_code == ExitStatus.BAD_USAGE
    assert (tmp_path / "index.html").read_text("utf-8") == former


def test_fault_of_the_page_does_not_lose_the_verdict(tmp_path, monkeypatch):
    def faulty(*arguments, **options):
        raise KeyError("a fault of ours")

    monkeypatch.setattr(verify_page, "page_of", faulty)
    done = verify("--check", "exact", "--report", str(tmp_path))
    assert "planted unversioned: WRONG" in done.output
    assert done.exit_code == ExitStatus.SUITE_FAILED


def test_sweep_writes_the_page(tmp_path):
    scope = tmp_path / "scope.txt"
    scope.write_text("n1_h3w4c1_k2x2o1\nn1_h3w4c2_k1x1o1\n")
    words = ["sweep", "--backend", "planted:Flipped", "--scope", str(scope), "--processes", "1"]
    done = CliRunner().invoke(app, [*words, "--report", str(tmp_path / "page")])
    assert done.exit_code == ExitStatus.FAILED, done.output
    text = Seen((tmp_path / "page" / "index.html").read_text("utf-8")).text
    assert "planted unversioned: WRONG" in text
    assert "✗ 3 of 8 fail" in text
    assert "✗ 1 fail" in text
    assert "none fails" in text
    assert "Calls that passed are not listed: a sweep does not keep them." in text
