"""TensorFlow's declared lacks in other environments are true: what is declared is refused, and the rest is answered."""

from __future__ import annotations

import pytest

from reference_impl.backends import environments
from reference_impl.cases.case import Case
from reference_impl.run.processes.asking import BackendProcess
from reference_impl.run.processes.worker import Raised
from reference_impl.run.subject import Subject
from reference_impl.verdicts.integers import integer_call

CASES = ["n2_h7w8c4_k3x2o6_g2", "n2_h7w8c4_k1x1o4_s2x2_g4_SAME", "n2_h7w8c4_k3x2o6", "n0_h7w8c4_k3x2o6_g2"]
DEPTHWISE = ["n2_h7w8c4_k3x2o8_g4", "n2_h7w8c4_k3x2o8_g4_SAME", "n2_h7w8c4_k3x2o8_g4_p1,0,0,1"]
DENSE = ["n2_h7w8c4_k3x2o6", "n2_h7w8c4_k3x2o6_p1,0,0,1"]


def loaded(*names):
    pytest.importorskip("tensorflow")
    if (reason := environments.not_here(names[0])) is not None:
        pytest.skip(reason)
    process = BackendProcess(*names, environment=environments.variables_of(names[0]))
    yield {name: Subject.load(name, process) for name in names}
    process.close()


@pytest.fixture(scope="module")
def biased():
    yield from loaded("tensorflow:bias@onednn-off")


@pytest.fixture(scope="module")
def in_avx2():
    yield from loaded("tensorflow@avx2", "tensorflow:depthwise@avx2")


def assert_refused_if_lacking(subject, operation, case, said):
    call, lack = integer_call(case, operation, 0), subject.capabilities.unsupported(operation, case)
    if lack is None:
        call.run(subject.backend)
    else:
        with pytest.raises(Raised, match=said):
            call.run(subject.backend)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("spec", CASES)
def test_fused_conv2d_without_onednn_lacks_groups_where_it_says_so(biased, spec, dtype):
    (subject,) = biased.values()
    said = "Fused conv implementation does not support grouped convolutions"
    assert_refused_if_lacking(subject, "conv2d", Case.parse(spec).with_dtype(dtype), said)


@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_input", "conv2d_backprop_filter"])
@pytest.mark.parametrize(
    ("name", "spec"),
    [
        *(("tensorflow@avx2", spec) for spec in DENSE),
        *(("tensorflow:depthwise@avx2", spec) for spec in DEPTHWISE),
    ],
)
def test_bfloat16_is_lacking_where_onednn_has_no_kernel_for_it(in_avx2, name, spec, operation):
    case = Case.parse(spec).with_dtype("bfloat16")
    assert_refused_if_lacking(in_avx2[name], operation, case, "could not create a primitive descriptor")
