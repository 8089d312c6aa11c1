"""Probes: the calls on which a failing backend is compared with the known mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..cases.case import Case
from ..verdicts.call import Call
from ..verdicts.integers import integer_call
from ..verdicts.real_data import KINDS, real_task
from ..verdicts.wide_sums import half_call

# Any two mistakes of the catalogue differ on at least one of these, and mostly on several. They were chosen greedily
# from generated cases; a few were added for mistakes that those do not show. No two have the same shapes, as a backend
# may remember what it was asked. After the colon comes the kind of Probe, if it is not "integer".
_SPECS = """
n2_h5w15c9_k4x2o9_s2x5_d2x1_g3_SAME             n2_h4w20c10_k2x3o2_s1x4_d3x1_g2_SAME
n1_h8w1c16_k1x4o68_s2x1_g4_p0,1,3,0             n3_h5w4c37_k2x3o35_SAME
n3_h8w11c4_k3x2o6_s2x3_g2_p1,0,2,1_int32        n2_h7w5c1_k3x4o5_s3x1_d1x3_FULL
n2_h3w37c2_k2x4o3                               n1_h11w8c2_k4x4o4_s3x1_d3x1_SAME_LOWER
n2_h9w7c3_k3x2o4_SAME:special                   n3_h9w7c6_k3x2o18_s3x5_d2x3_g6_FULL
n3_h8w11c4_k3x2o10_s2x3_g2_p1,0,2,1:subnormal   n2_h9w7c3_k3x2o5_SAME_int32
n3_h16w20c1_k2x3o1_s3x1_d1x2                    n3_h8w11c4_k3x2o14_s2x3_g2_p1,0,2,1:special
n2_h22w1c2_k3x1o6_s4x5_d3x1_g2_SAME_LOWER       n2_h9w7c3_k3x2o6_SAME:subnormal
n2_h6w7c2_k6x7o3_SAME                           n2_h9w7c3_k3x2o7_SAME_float64
n2_h9w7c3_k3x2o9_SAME:columns-first             n2_h9w7c3_k3x2o10_SAME:backwards
n2_h9w7c3_k3x2o11_SAME:read-only                n2_h6w5c0_k3x2o4
n2_h1w1c17_k5x1o5_s3x4_SAME                     n3_h71w1c10_k2x2o30_s5x4_g10_FULL
n0_h6w5c3_k3x2o13                               n2_h6w5c3_k3x2o0
n3_h15w15c1_k1x2o5_s2x1_d1x2_FULL               n1_h5w15c24_k2x3o8_s2x4_d1x3_g4_SAME
n2_h4w4c3_k5x6o4_SAME                           n2_h23w2c4_k3x2o2_s3x1_d3x1
n3_h5w5c4_k1x1o4                                n2_h4w3c521_k1x1o2
n1_h301w219c1_k1x1o1                            n1_h8w6c1_k3x2o4
n35_h2w3c1_k1x2o3                               n2_h9w7c3_k3x2o12_SAME_int64
n2_h9w6c9_k4x2o9_float16:halves                 n2_h8w9c2_k3x2o3_s2x1_SAME:small
n3_h7w8c4_k2x3o2_d2x1_g2_p1,0,0,2:small         n2_h6w8c2_k1x3o2:small
"""


# The largest integer of the kind "small".
_SMALL = 3


def _as_it_is(array: np.ndarray) -> np.ndarray:
    return array


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


# Layouts of the arguments in memory.
MEMORY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "columns-first": np.asfortranarray,
    "backwards": lambda array: np.flip(np.flip(array).copy()),
    "read-only": _read_only,
}


@dataclass(frozen=True)
class Probe:
    """One call that is made to several backends: the operation, the case, and the kind of its arrays.

    `kind` is one of these:

    - "integer", or "small": integers up to 3, which not even an FFT rounds
    - one of real_data.KINDS
    - "special": integers, with zeros, infinities and NaN
    - "halves": one large term and many small ones
    - one of MEMORY
    """

    operation: str
    case: Case
    kind: str = "integer"
    seed: int = 0

    @lru_cache(256)  # noqa: B019  there are few probes, and each is put to many mistakes
    def call(self, turn: int = 0) -> Call:
        """Return the call; another `turn` has other data of the same shapes."""
        seed = self.seed + 1_000_003 * turn
        if self.kind in KINDS:
            return real_task(self.case, self.operation, seed, self.kind).call
        if self.kind == "halves" and (halves := half_call(self.case, self.operation)) is not None:
            return halves
        call = integer_call(self.case, self.operation, seed, most=_SMALL if self.kind == "small" else None)
        return _with_specials(call, seed) if self.kind == "special" else call

    @property
    def plain(self) -> bool:
        """True for integers with nothing empty: all kernels that make the same mistake must agree on it."""
        return self.kind in ("integer", "small") and all(self.case.input_sizes) and all(self.case.filter_sizes)

    def __str__(self) -> str:
        what = f"arrays {self.kind}" if self.kind in MEMORY else f"{self.kind} data"
        return str(self.case) if self.kind == "integer" else f"{self.case} ({what})"

    @property
    def present(self) -> Callable[[np.ndarray], np.ndarray]:
        return MEMORY.get(self.kind, _as_it_is)


def probes(operation: str) -> list[Probe]:
    """Return all probes of one operation, the most telling first."""
    parts = (spec.partition(":") for spec in _SPECS.split())
    return [Probe(operation, Case.parse(case), kind or "integer") for case, _, kind in parts]


def _with_specials(call: Call, seed: int) -> Call:
    """Put zeros in some places of one array, the filters if they are given, and infinities and NaN in the other."""
    random = np.random.default_rng(seed)
    zeroed = "filters" if "filters" in call.arrays else "input"

    def spoilt(name: str, array: np.ndarray) -> np.ndarray:
        marks = [0.0] if name == zeroed else [np.inf, -np.inf, np.nan]
        return np.where(random.random(array.shape) < 0.1, random.choice(marks, array.shape), array).astype(array.dtype)

    return Call(call.operation, call.case, {name: spoilt(name, array) for name, array in call.arrays.items()})
