"""Backends named by a file's path, and by a wrapper and an object."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reference_impl.backends import registry
from reference_impl.backends.wrappers.isolation import importable, making, parts_of
from reference_impl.run.subject import NotLoaded, Subject

KERNEL = """
import neighbour

class Kernel:
    name = "mine"
    conv2d = staticmethod(neighbour.conv2d)
"""
NEIGHBOUR = """
import reference_impl

def conv2d(input, filters, **options):
    return reference_impl.conv2d(input, filters, **options).astype(input.dtype)
"""
LAYERS = """
from torch import nn
import torch.nn.functional as F

class Layer(nn.Conv2d):
    pass

class Transposed(nn.ConvTranspose2d):
    pass

ONE = nn.Conv2d(3, 4, 3)

def conv2d(input, filters, **options):
    return F.conv2d(input, filters, **options)

def transposed(input, filters, **options):
    return F.conv_transpose2d(input, filters, **options)

class Backend:
    conv2d = staticmethod(lambda input, filters, **options: None)
"""


RAISING = """
class Kernel:
    def __init__(self):
        raise RuntimeError("no device")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "layers.py").write_text(LAYERS)
    (tmp_path / "kernel.py").write_text(KERNEL)
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    (tmp_path / "raising.py").write_text(RAISING)
    yield tmp_path
    sys.modules.pop("neighbour", None)


def test_file_is_loaded_by_its_path_with_its_neighbours(folder):
    assert Subject.of(registry.load(f"{folder}/kernel.py:Kernel")).name == "mine"


def test_file_is_loaded_by_a_relative_path(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert registry.load(f"{folder.name}/kernel.py:Kernel").name == "mine"
    assert registry.load(f"./{folder.name}/kernel.py:Kernel").name == "mine"


def test_file_imports_a_neighbour_as_in_a_package(folder):
    (folder / "relative.py").write_text("from .kernel import Kernel\n\nclass Mine(Kernel):\n    name = 'relative'\n")
    assert Subject.load(f"{folder}/relative.py:Mine").name == "relative"


def test_file_is_loaded_in_a_process_of_its_own(folder):
    subject = Subject.load(f"{folder}/kernel.py:Kernel")
    assert subject.is_apart
    assert subject.name == "mine"


def test_file_with_the_name_of_a_package_hides_nothing(folder):
    (folder / "json.py").write_text(KERNEL)
    registry.load(f"{folder}/json.py:Kernel")
    assert "dumps" in vars(sys.modules["json"])


@pytest.mark.framework("torch")
@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("layers.py:Layer", ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")),
        ("layers.py:Transposed", ("conv2d", "conv2d_backprop_filter", "conv2d_transpose")),
        ("layers.py:ONE", ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")),
        ("layers.py:Backend", ("conv2d",)),
    ],
)
def test_layer_of_torch_is_wrapped(folder, name, operations):
    assert set(Subject.of(registry.load(f"{folder}/{name}")).capabilities.operations) == set(operations)


@pytest.mark.framework("torch")
@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("torch_style({}/layers.py:conv2d, gradients=False)", ("conv2d",)),
        ("torch_style(None, transposed='{}/layers.py:transposed', gradients=False)", ("conv2d_transpose",)),
        ("torch_module({}/layers.py:Layer)", ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")),
        (
            "torch_module({}/layers.py:Transposed, transposed=True)",
            ("conv2d", "conv2d_backprop_filter", "conv2d_transpose"),
        ),
    ],
)
def test_wrapper_can_be_named(folder, name, operations):
    assert set(registry.load(name.format(folder)).capabilities.operations) == set(operations)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{}/none.py:Kernel", "none.py must be a file of Python: there is none"),
        ("{}/kernel.py:Nothing", "kernel.py has no Nothing; it has Kernel$"),
        ("{}/kernel.py", "kernel.py must be followed by the name of a backend in it, as .*kernel.py:MyKernel; not ''"),
        ("{}/kernel.py:", "kernel.py must be followed by the name of a backend in it, as .*kernel.py:MyKernel; not ''"),
        ("{}/kernel.c:conv2d", "kernel.c must be called from Python: docs/your-kernel.md shows a class"),
        ("{}/kernel.cu", "kernel.cu must be called from Python"),
        ("{}/raising.py:Kernel", "must make a backend, called without arguments; it raised RuntimeError: no device"),
        (
            "{}/neighbour.py:conv2d",
            r"name a wrapper of functions on tensors: 'torch_style\(.*neighbour.py:conv2d\)'",
        ),
        ("torch_stile({}/layers.py:conv2d)", "a wrapper must be one of torch_style, .*keras_layer; not 'torch_stile'"),
        pytest.param(
            "torch_style({}/neighbour.py:conv2d, foo=1)",
            "torch_style takes the options transposed, .*; not 'foo'",
            marks=pytest.mark.framework("torch"),
        ),
        ("torch_style({}/layers.py:conv2d, gradients)", "a wrapped backend must be named as torch_style"),
        ("torch_style()", r"torch_style\(\) must be told what to wrap, as torch_style\(package.module:object\); not"),
        ("torch_style(layers)", "an object must be named as package.module:object, or FILE.py:object; not 'layers'"),
    ],
)
def test_name_that_leads_nowhere_says_why(folder, name, said):
    with pytest.raises(ValueError, match=said):
        registry.load(name.format(folder))


FAILING_TWICE = """
from pathlib import Path

built = Path(__file__).with_suffix(".so")
if built.exists():
    raise OSError("the file is broken")
built.touch()
raise RuntimeError("no compiler")
"""


def test_first_error_of_a_file_that_fails_twice_is_told(folder):
    """A build leaves a broken file, so that the second attempt fails otherwise."""
    (folder / "building.py").write_text(FAILING_TWICE)
    with pytest.raises(NotLoaded, match="RuntimeError: no compiler"):
        Subject.load(f"{folder}/building.py:Kernel")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import not_there", "line 2, cannot import what it needs: No module named 'not_there'"),
        ("from neighbour import nothing", "line 2, cannot import what it needs: cannot import name 'nothing' from"),
    ],
)
def test_missing_import_says_in_which_line(folder, line, said):
    (folder / "importing.py").write_text(f"\n{line}\n")
    with pytest.raises(ImportError, match=said):
        registry.load(f"{folder}/importing.py:Kernel")


def top_level():
    pass


def test_name_of_a_making_is_read_back():
    made = making("torch_style", top_level, gradients=False, bias=None, arguments={"input": "x"}, device="cuda")
    assert parts_of(made.name()) == (
        "torch_style",
        f"{__name__}:top_level",
        {"gradients": False, "arguments": {"input": "x"}, "device": "cuda"},
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (lambda: None, "is inside a function; move it to the top of its module"),
        (Path("."), "has no name that another process can import"),
        (type("Other", (), {"__module__": __name__, "__qualname__": "top_level"}), "is another object than the one"),
        (type("Main", (), {"__module__": "__main__"}), "is in the script that runs; move it to a module"),
    ],
)
def test_object_that_another_process_cannot_import_says_why(found, said):
    with pytest.raises(ValueError, match=said):
        importable(found)
