"""The package is what it says: its imports, commands, metadata, and what its workflows run."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import reference_impl
from reference_impl.backends.reference import Reference
from reference_impl.verdicts.call import numpy_dtype

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
REPOSITORY = re.search(r'^Repository = "(.*)"$', PYPROJECT, re.MULTILINE)[1]
TOX = (ROOT / "tox.ini").read_text("utf-8")


def test_import_loads_nothing_but_numpy():
    code = (
        "import sys, numpy; before = set(sys.modules); import reference_impl; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) <= {"reference_impl", "numpy"}


def test_module_and_command_are_the_same():
    shown = subprocess.run(
        [sys.executable, "-m", "reference_impl", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "Usage: conv2d-reference" in shown
    assert 'conv2d-reference = "reference_impl.__main__:main"' in PYPROJECT


def test_command_line_names_the_extra_that_it_needs():
    code = "import sys; sys.modules['typer'] = None; from reference_impl.__main__ import main; main()"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "pip install 'conv2d-reference-impl[verify]'" in failed.stderr


def test_command_line_brings_the_packages_of_every_dtype_that_our_own_backends_offer():
    (verify,) = re.findall(r"^verify = \[\n(.*?)^\]", PYPROJECT, re.MULTILINE | re.DOTALL)
    needed = {numpy_dtype(name).type.__module__ for name in Reference.capabilities.dtypes}
    assert "ml_dtypes" in needed
    assert needed - {"numpy"} <= set(re.findall(r'"([\w-]+)', verify))


def test_ci_runs_the_test_command_of_the_readme():
    (command,) = re.findall(r"\.venv/bin/pytest (.*)", (ROOT / "README.md").read_text("utf-8"))
    (options,) = re.findall(r"^pytest (.*) \"\$@\"$", (ROOT / ".ci" / "test").read_text("utf-8"), re.MULTILINE)
    (given,) = re.findall(r"^\.ci/test (.*)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    further = ["--long", "--hypothesis-profile", "ci"]
    assert sorted([*options.split(), *given.split()]) == sorted([*command.split(), *further])


def test_version_and_date_are_the_same_everywhere():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version, date = re.search(r"^## ([\d.]+) \((.*)\)$", changelog, re.MULTILINE).groups()
    assert version == reference_impl.__version__
    assert f"\nversion: {version}\ndate-released: {date}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_links_of_the_metadata_lead_to_one_repository():
    assert set(re.findall(r"https://github\.com/[\w-]+/[\w-]+", PYPROJECT)) == {REPOSITORY}
    assert f'\nrepository-code: "{REPOSITORY}"\n' in (ROOT / "CITATION.cff").read_text("utf-8")


def test_pythons_are_those_that_are_tested():
    minors = re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', PYPROJECT)
    (tested,) = re.findall(r"^\[testenv:numpy-only-py\{(.*)\}\]", TOX, re.MULTILINE)
    assert tested.split(",") == [f"3{minor}" for minor in minors]
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    assert re.findall(r"numpy-only-py3(\d+), python: \"3\.(\d+)\"", workflow) == [(minor, minor) for minor in minors]


@pytest.mark.framework("hatchling")
@pytest.mark.framework("hatch_fancy_pypi_readme")
def test_readme_of_the_wheel_links_to_what_is_in_the_repository(tmp_path):
    code = f"from hatchling import build; print(build.build_wheel({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (file,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(file) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(name))
    version = metadata["Version"]
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]*)\)", metadata.get_payload())
    assert {("", f"{REPOSITORY}/blob/v{version}/docs/verdicts.md")} < set(links)
    assert {("!", f"{REPOSITORY}/raw/v{version}/docs/pictures/wrong.svg")} < set(links)
    assert [link for _, link in links if not link.startswith(("https://", "#"))] == []
    paths = [link.partition(f"/v{version}/")[2].partition("#")[0] for _, link in links if link.startswith(REPOSITORY)]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [link for picture, link in links if picture and not link.startswith(f"{REPOSITORY}/raw/")] == []


@pytest.fixture(scope="module")
def environments():
    """The commands and the description of each environment of tox, as text."""
    shown = subprocess.run(
        [sys.executable, "-m", "tox", "config", "-e", "ALL", "-k", "commands", "description"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return dict(re.findall(r"^\[testenv:([^.].*)\]\n((?:.+\n)*)", shown, re.MULTILINE))


@pytest.mark.framework("tox")
def test_environments_name_files_that_exist(environments):
    named = {name for text in environments.values() for name in re.findall(r"(?<= )(?:tests|\.ci)/[\w./]*", text)}
    assert {".ci/lint", ".ci/test", ".ci/docs", "tests/backends/test_mlx_planted_faults.py"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.framework("tox")
def test_environments_have_descriptions(environments):
    assert {"lint", "tests", "history-torch-fixed"} <= set(environments)
    assert [name for name, text in environments.items() if not re.search(r"^description = .", text, re.MULTILINE)] == []


@pytest.mark.framework("tox")
@pytest.mark.framework("yaml")
@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflow_runs_environments_of_tox(file, environments):
    import yaml

    (job,) = yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["pip install --constraint constraints.txt tox", "tox run -e ${{ matrix.environment }}"]
    matrix = job["strategy"]["matrix"]
    names = matrix.get("environment") or [entry["environment"] for entry in matrix["include"]]
    assert [name for name in names if name not in environments] == []
