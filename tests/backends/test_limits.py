"""The limits of a kernel, in words: each word leaves out the calls that it must, and no others."""

from __future__ import annotations

import pytest

from reference_impl.cases.case import Case
from reference_impl.conformance import limits

# A limit, a case that it leaves in, and one that it leaves out.
TABLE = [
    ({"kernel": "square"}, "n1_h9w9c2_k3o4", "n1_h9w9c2_k3x2o4", "takes square kernels only"),
    ({"kernel": "odd"}, "n1_h9w9c2_k3x5o4", "n1_h9w9c2_k3x2o4", "takes kernels of odd sizes only"),
    ({"kernel": 3}, "n1_h9w9c2_k3x1o4", "n1_h9w9c2_k4x1o4", "takes kernels of at most 3 on each side"),
    ({"image": "square"}, "n1_h9w9c2_k3o4", "n1_h9w8c2_k3o4", "takes square images only"),
    ({"image": 9}, "n1_h9w8c2_k3o4", "n1_h9w10c2_k3o4", "takes images of at most 9 on each side"),
    ({"stride": "one"}, "n1_h9w9c2_k3o4", "n1_h9w9c2_k3o4_s1x2", "takes stride 1 only"),
    ({"stride": "equal"}, "n1_h9w9c2_k3o4_s2", "n1_h9w9c2_k3o4_s1x2", "takes one stride for both axes"),
    ({"stride": 2}, "n1_h9w9c2_k3o4_s2x1", "n1_h9w9c2_k3o4_s1x3", "takes strides up to 2"),
    ({"dilation": "one"}, "n1_h9w9c2_k3o4", "n1_h9w9c2_k3o4_d1x2", "takes dilation 1 only"),
    ({"dilation": "equal"}, "n1_h9w9c2_k3o4_d2", "n1_h9w9c2_k3o4_d1x2", "takes one dilation for both axes"),
    ({"padding": "none"}, "n1_h9w9c2_k1o4_SAME", "n1_h9w9c2_k3o4_SAME", "takes no padding"),
    ({"padding": "equal"}, "n1_h9w9c2_k3o4_SAME", "n1_h9w9c2_k3x5o4_SAME", "takes one padding for all four sides"),
    (
        {"padding": "symmetric"},
        "n1_h9w9c2_k3x5o4_SAME",
        "n1_h9w9c2_k3x2o4_SAME",
        "takes the same padding before and after",
    ),
    ({"padding": 0}, "n1_h9w9c2_k3o4", "n1_h9w9c2_k3o4_p0,0,0,1", "takes padding of at most 0"),
    ({"groups": "one"}, "n1_h9w9c2_k3o4", "n1_h9w9c2_k3o4_g2", "takes no groups"),
    ({"groups": "depthwise"}, "n1_h9w9c2_k3o4_g2", "n1_h9w9c4_k3o4_g2", "is depthwise only"),
    ({"groups": "one or depthwise"}, "n1_h9w9c4_k3o4_g1", "n1_h9w9c4_k3o4_g2", "takes groups only if depthwise"),
    ({"groups": 2}, "n1_h9w9c4_k3o4_g2", "n1_h9w9c4_k3o4_g4", "takes at most 2 groups"),
    ({"channels": "equal"}, "n1_h9w9c4_k3o4", "n1_h9w9c4_k3o5", "takes as many output as input channels only"),
    ({"channels": 4}, "n1_h9w9c4_k3o4", "n1_h9w9c4_k3o5", "takes at most 4 channels"),
    ({"batch": "one"}, "n1_h9w9c4_k3o4", "n2_h9w9c4_k3o5", "takes one image only"),
    ({"batch": 65535}, "n65535_h1w1c1_k1o1", "n65536_h1w1c1_k1o1", "takes at most 65,535 images"),
]


@pytest.mark.parametrize(("limit", "within", "beyond", "reason"), TABLE, ids=lambda value: str(value)[:40])
def test_limit_leaves_out_the_calls_beyond_it(limit, within, beyond, reason):
    (lack,) = limits(**limit)
    assert lack.reason == reason
    assert not lack.holds("conv2d", Case.parse(within))
    assert lack.holds("conv2d", Case.parse(beyond))


def test_limits_are_given_together_in_the_order_of_the_docstring():
    found = limits(batch=8, kernel="square", groups="depthwise")
    assert [lack.reason for lack in found] == [
        "takes square kernels only",
        "is depthwise only",
        "takes at most 8 images",
    ]
    assert limits() == ()


@pytest.mark.parametrize(
    ("limit", "error", "said"),
    [
        ({"kernel": "round"}, ValueError, r"limits\(kernel=...\) must be 'square', 'odd', or the largest number"),
        ({"batch": 0}, ValueError, r"limits\(batch=...\) must be at least 1; not 0"),
        ({"padding": -1}, ValueError, r"limits\(padding=...\) must be at least 0; not -1"),
        ({"channels": 1.5}, TypeError, r"limits\(channels=...\) must be a word or an integer; not 1.5"),
        ({"groups": True}, TypeError, "must be a word or an integer; not True"),
    ],
)
def test_limit_that_is_no_limit_is_refused(limit, error, said):
    with pytest.raises(error, match=said):
        limits(**limit)
