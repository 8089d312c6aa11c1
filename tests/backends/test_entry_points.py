"""A backend that a package declares as an entry point is checked beside the built-in ones."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from reference_impl.backends import registry
from reference_impl.cli import app
from reference_impl.run.subject import Subject, load, missing

CASE = "n2_h7w9c3_k3x2o4_s2x3"


@pytest.fixture
def install(tmp_path, monkeypatch, request):
    """Install a distribution with these lines of entry points; of the built-in backends, only the oracle is left."""
    monkeypatch.setattr(registry, "ADAPTERS", {"reference": None})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")

    def install(name, *lines):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("\n".join(["[reference_impl.backends]", *lines]))

    return install


def verify(*words):
    result = CliRunner().invoke(app, ["verify", "--cases", CASE, "--check", "exact", *words], terminal_width=100)
    return result.exit_code, " ".join(result.output.split())


def test_declared_backend_is_one_of_those_that_are_known(install):
    install("theirs", "theirs = planted:Right")
    assert registry.installed() == {"reference": True, "theirs": True}
    assert registry.expand() == registry.expand(["reference", "theirs:*"]) == ["reference", "theirs"]
    assert type(registry.load("theirs")).__name__ == "Right"
    assert Subject.load("theirs").name == "theirs"
    with pytest.raises(ValueError, match="backend must be one of reference, theirs, or package"):
        registry.load("their")


@pytest.mark.parametrize("words", [[], ["--backend", "theirs"]], ids=["default", "by name"])
def test_verify_judges_a_declared_backend_in_processes_of_its_own(install, words):
    install("theirs", "theirs = planted:Flipped")
    status, said = verify("--operation", "conv2d", *words)
    assert status == 1
    assert f"FAIL theirs unversioned: conv2d on {CASE}" in said
    assert "matches *kernel-flipped*" in said
    assert f"verify --backend theirs --cases {CASE}" in said


# Each line declares what cannot be loaded: the error of that backend.
BROKEN = {
    "nothing = no_such_module:Kernel": "no_such_module:Kernel of theirs 1.0 cannot be loaded: ModuleNotFoundError: "
    "No module named 'no_such_module'",
    "nothing = planted:Kernel": "planted:Kernel of theirs 1.0 cannot be loaded: AttributeError",
    "nothing = json:JSONDecoder": "cannot be loaded: ValueError: json:JSONDecoder must offer at least one of conv2d",
    "nothing = exits_at_once:Kernel": "cannot be loaded: SystemExit: 3",
    "nothing = dies_at_once:Kernel": "the process exited with status 0, without an answer",
}
# Each line declares what cannot even be meant.
REFUSED = {
    "reference = planted:Right": "planted:Right of theirs 1.0 must have another name, as this one is built in",
    "some:thing = planted:Right": "some:thing: planted:Right of theirs 1.0 must have a name without a colon",
}


@pytest.mark.parametrize("line", BROKEN)
def test_broken_backend_is_an_outcome_of_its_own_and_stops_no_other(install, tmp_path, line):
    (tmp_path / "exits_at_once.py").write_text("raise SystemExit(3)")
    (tmp_path / "dies_at_once.py").write_text("import os; os._exit(0)")
    install("theirs", line, "right = planted:Right")
    loaded = load()
    assert [subject.name for subject in loaded.subjects] == ["reference", "right"]
    assert list(loaded.errors) == ["nothing"]
    assert BROKEN[line] in str(loaded.errors["nothing"])
    status, said = verify()
    assert status == 1
    assert BROKEN[line] in said
    assert "nothing" in said


@pytest.mark.parametrize("line", REFUSED)
def test_refused_declaration_is_named_and_stops_no_other(install, line):
    install("theirs", line, "right = planted:Right")
    loaded = load()
    assert [subject.name for subject in loaded.subjects] == ["reference", "right"]
    (said,) = missing(loaded)
    assert said.startswith("Not checked: ")
    assert REFUSED[line] in said
    status, printed = verify("--no-isolation")  # without processes: `load` has shown those
    assert status == 0
    assert said in printed


def test_name_declared_twice_is_refused(install):
    install("theirs", "same = planted:Right")
    install("others", "same = planted:Flipped")
    loaded = load()
    (said,) = missing(loaded)
    assert [subject.name for subject in loaded.subjects] == ["reference"]
    assert "planted:Right of theirs 1.0" in said
    assert "planted:Flipped of others 1.0" in said
    with pytest.raises(ValueError, match=r"not 'same': same: .* must be declared once"):
        registry.load("same")


def test_broken_declaration_is_an_error_by_name(install):
    install("theirs", "nothing = no_such_module:Kernel")
    status, said = verify("--backend", "nothing")
    assert status == 2
    assert "no_such_module:Kernel of theirs 1.0 cannot be loaded: ModuleNotFoundError" in said


def test_built_in_name_stays_ours_and_says_so(install):
    install("theirs", "reference = planted:Flipped")
    status, said = verify("--backend", "reference", "--no-isolation")
    assert status == 0
    assert "Not checked: reference: planted:Flipped of theirs 1.0 must have another name" in said
