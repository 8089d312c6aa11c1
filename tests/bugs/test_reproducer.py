"""Reproducers use the framework and NumPy alone, and are seen to fail where the answer is wrong."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest

from reference_impl.bugs import reproducer
from reference_impl.bugs.reproducer import CANNOT_RUN, NOT_SHOWN, SHOWN, script
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.integers import integer_call

run = partial(reproducer.run, seconds=600)  # a loaded machine may take minutes to import a framework
CASE = Case.parse("n2_h5w6c2_k3x2o4_s2x1_g2")

# A framework that answers what a test tells it to, so that each outcome can be had without a wrong framework.
STAND_IN = """
import os
__version__ = "0"
class _Array:
    def __init__(self, array): self.array = array
    def permute(self, *axes): return _Array(self.array.transpose(*axes))
    def numpy(self): return self.array
from_numpy = _Array
"""
FUNCTIONAL = {
    "crash": "import os, signal\ndef conv2d(*arguments, **options): os.kill(os.getpid(), signal.SIGKILL)\n",
    "refused": "def conv2d(*arguments, **options): raise RuntimeError('not today')\n",
    "hang": "import time\ndef conv2d(*arguments, **options): time.sleep(60)\n",
    "shape": "def conv2d(images, *arguments, **options): return images\n",
}


def written(operation="conv2d", framework="torch", case=CASE, spoil=0, **options):
    call = integer_call(case, operation, seed=0)
    expected = oracle(call)
    if spoil:
        expected.flat[0] += spoil
    return script(framework, operation, case, call.arrays, expected, **options)


@pytest.mark.framework("torch")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_right_answer_does_not_show_a_bug(operation):
    done = run(written(operation))
    assert done.status == NOT_SHOWN, done.output
    assert not done.shows_the_bug


@pytest.mark.framework("torch")
@pytest.mark.framework("tensorflow")
@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
@pytest.mark.parametrize(("spoil", "status"), [(0, NOT_SHOWN), (1, SHOWN)])
def test_bfloat16_is_written_with_the_framework_alone(framework, spoil, status):
    text = written(framework=framework, case=CASE.with_dtype("bfloat16"), spoil=spoil)
    done = run(text)
    assert done.status == status, done.output
    assert "bfloat16" in text
    assert "ml_dtypes" not in text


@pytest.mark.framework("torch")
def test_wrong_answer_shows_the_bug():
    done = run(written(spoil=1))
    assert done.status == SHOWN
    assert "1 of 80 elements are wrong" in done.output
    assert "first at (0, 0, 0, 0)" in done.output
    assert "torch" in done.output


@pytest.mark.framework("tensorflow")
def test_real_bug_is_seen_to_fail(monkeypatch):
    """docs/findings/tensorflow.md: conv2d with batch 0 returns an output of the input's shape, with oneDNN."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    done = run(written(framework="tensorflow", case=Case.parse("n0_h8w9c3_k2x4o5")))
    assert done.status == SHOWN, done.output
    assert "wrong shape: actual (0, 8, 9, 3) expected (0, 7, 6, 5)" in done.output


@pytest.mark.parametrize(
    ("planted", "status", "said"),
    [("crash", -9, ""), ("refused", SHOWN, "refused: RuntimeError not today"), ("shape", SHOWN, "wrong shape")],
)
def test_other_failures_show_the_bug(tmp_path, planted, status, said):
    done = run(written(), paths=stand_in(tmp_path, FUNCTIONAL[planted]))
    assert done.status == status, done.output
    assert done.shows_the_bug
    assert said in done.output


def test_right_answer_of_a_stand_in_does_not_show_a_bug(tmp_path):
    answer = np.moveaxis(oracle(integer_call(CASE, "conv2d", seed=0)), -1, 1).tolist()
    functional = f"import numpy, torch\ndef conv2d(*a, **o): return torch._Array(numpy.array({answer}, 'f'))\n"
    done = run(written(), paths=stand_in(tmp_path, functional))
    assert done.status == NOT_SHOWN, done.output
    assert not done.shows_the_bug


def test_hang_shows_the_bug(tmp_path):
    done = run(written(), paths=stand_in(tmp_path, FUNCTIONAL["hang"]), seconds=2)
    assert done.status is None
    assert done.shows_the_bug


def test_missing_framework_is_no_bug(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    done = run(written(), paths=str(tmp_path))
    assert done.status == CANNOT_RUN
    assert not done.shows_the_bug


def stand_in(folder, functional):
    package = folder / "torch"
    (package / "nn").mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    (package / "nn" / "__init__.py").write_text("")
    (package / "nn" / "functional.py").write_text(functional)
    return str(folder)


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax", "onnx", "keras"])
def test_script_imports_nothing_of_ours(framework):
    text = written(framework=framework, case=Case.parse("n1_h4w4c2_k3x3o2"))
    compile(text, framework, "exec")
    assert "reference_impl" not in text


def test_variables_are_set_before_the_framework_is_imported(tmp_path):
    paths = stand_in(tmp_path, FUNCTIONAL["refused"])
    (tmp_path / "torch" / "__init__.py").write_text(f"{STAND_IN}print('PATHS', os.environ['ONEDNN_MAX_CPU_ISA'])\n")
    assert "PATHS AVX2" in run(written(environment={"ONEDNN_MAX_CPU_ISA": "AVX2"}), paths=paths).output


def test_literals_keep_every_value():
    call = integer_call(CASE, "conv2d", seed=0)
    text = written()
    names: dict = {}
    start, end = text.index("input = np.array"), text.index("\ntry:\n    import torch\n    import")
    exec(text[start:end], {"np": np}, names)
    assert all(np.array_equal(names[name], array) for name, array in call.arrays.items())
    assert names["expected"].dtype == np.float32


@pytest.mark.parametrize(
    ("case", "options", "message"),
    [
        ("n2_h40w40c2_k3x3o2", {}, "arrays must have at most 5000 elements .*, not "),
        ("n2_h4w4c2_k3x3o2_int32", {}, "dtype must be one of float16, float32, float64 .*; not int32"),
        ("n2_h4w4c2_k3x3o2", {"title": "no such title"}, "must be one that torch can make: .*no such title"),
        ("n2_h4w4c2_k3x3o2", {"framework": "theano"}, "framework must be one of tensorflow, .*; not 'theano'"),
    ],
)
def test_call_that_cannot_be_written_is_refused(case, options, message):
    with pytest.raises(ValueError, match=message):
        written(case=Case.parse(case), **options)


def test_python_is_this_one_by_default():
    assert run("import sys; print(sys.executable)").output.strip() == sys.executable
