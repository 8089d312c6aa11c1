"""Cases in which no two sizes are equal by chance, so that a mix-up of any two shows."""

from reference_impl.cases.case import Case

GENERAL_CASES = tuple(
    map(
        Case.parse,
        (
            "n2_h8w11c3_k3x2o4_s3x2_d2x1_SAME",  # odd totals: 3 along height, 1 along width
            "n2_h8w11c3_k3x2o4_s3x2_d2x1_SAME_LOWER",
            "n3_h9w7c4_k2x3o6_s2x3_d3x1_g2_p1,2,0,3",  # four pads
            "n3_h11w7c2_k4x2o5_s2x3_d1x2",  # leftover rows and columns
            "n2_h4w3c2_k2x3o5_s3x2_d2x1_FULL",
            "n2_h6w9c3_k1x1o4_s4x2",  # pointwise, most of the input unread
            "n2_h5w4c2_k1x1o3_s3x2_p1,0,2,3",  # one tap, but padded
            "n2_h3w5c4_k2x4o8_g4_SAME",  # depthwise with multiplier 2, even kernels
            "n3_h2w3c1_k1x2o2_s2x3_p3,4,2,1",  # windows that see padding alone
            "n2_h7w8c2_k1x2o3_s4x5_SAME",  # stride above kernel: a negative total, clamped
            "n1_h5w6c6_k3x2o9_s1x2_d2x3_g3_p2,1,1,2",
        ),
    )
)

SMALL_CASES = tuple(
    map(
        Case.parse,
        (
            "n2_h5w4c1_k3x2o2_s2x1_d1x2_SAME",
            "n1_h5w3c4_k2x1o2_s3x2_g2_p0,1,2,0",
            "n2_h6w3c2_k3x2o3_s2x1_d1x2",
        ),
    )
)
