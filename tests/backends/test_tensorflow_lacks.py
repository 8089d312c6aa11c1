"""TensorFlow's declared lacks without oneDNN are true: what is declared fails, and everything else is answered."""

from __future__ import annotations

import pytest

from reference_impl.cases.case import Case
from reference_impl.run.processes.worker import Raised
from reference_impl.run.subject import Subject
from reference_impl.verdicts.integers import integer_call

CASES = ["n2_h7w8c4_k3x2o6_g2", "n2_h7w8c4_k1x1o4_s2x2_g4_SAME", "n2_h7w8c4_k3x2o6", "n0_h7w8c4_k3x2o6_g2"]


@pytest.fixture(scope="module")
def biased():
    pytest.importorskip("tensorflow")
    subject = Subject.load("tensorflow:bias@onednn-off")
    yield subject
    subject.backend.process.close()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("spec", CASES)
def test_fused_conv2d_without_onednn_lacks_groups_where_it_says_so(biased, spec, dtype):
    case = Case.parse(spec).with_dtype(dtype)
    call, lack = integer_call(case, "conv2d", 0), biased.capabilities.unsupported("conv2d", case)
    if lack is None:
        call.run(biased.backend)
    else:
        with pytest.raises(Raised, match="Fused conv implementation does not support grouped convolutions"):
            call.run(biased.backend)
