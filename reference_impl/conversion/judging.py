"""Judge a model by the layer that it came from: on integers, with the layer's own weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..cases.case import Case
from ..diagnosis.observation import same_answers
from ..exact.formats import FORMATS
from ..mistakes import MISTAKES
from ..verdicts.agreement import THRESHOLD
from ..verdicts.call import Call
from .faults import FAULTS, altered
from .layer import Layer
from .model import CannotRun, Model
from .problem import Problem

SECONDS = 20.0
# Images with few numbers: each sum has one product. The last image is dense.
_SPARSE, _SEED, _MOST = 6, 0, 3


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a name with hyphens, and a sentence."""

    name: str
    does: str


@dataclass(frozen=True, eq=False)
class Judged:
    """The answers of a model, and what they should be."""

    layer: Layer
    model: Model
    case: Case
    images: np.ndarray
    actual: np.ndarray
    layout: str

    @cached_property
    def problem(self) -> Problem:
        filters = self.layer.filters.astype(np.float64)
        return Problem.of(self.case, self.images, filters, is_transposed=self.layer.is_transposed)

    @cached_property
    def expected(self) -> np.ndarray:
        return self.problem.answer() + self.bias

    @property
    def bias(self) -> np.ndarray:
        found = self.layer.bias
        return np.zeros(self.layer.channels[1]) if found is None else found.astype(np.float64)

    @cached_property
    def unit(self) -> np.ndarray:
        """eps * gauge, for each element."""
        absolute = self.problem.altered(images=np.abs(self.images), filters=np.abs(self.problem.filters))
        return FORMATS[self.model.dtype].eps * (absolute.answer() + np.abs(self.bias))

    @property
    def has_right_shape(self) -> bool:
        return self.actual.shape == self.expected.shape

    @cached_property
    def ratios(self) -> np.ndarray:
        """Errors in units of eps * gauge; infinite where the gauge is zero, and for NaN."""
        with np.errstate(all="ignore"):
            errors = np.abs(self.actual.astype(np.float64) - self.expected)
            return np.nan_to_num(np.where(errors == 0, 0.0, errors / self.unit), nan=np.inf, posinf=np.inf)

    @property
    def passed(self) -> bool:
        return self.has_right_shape and bool((self.ratios < THRESHOLD).all())

    @property
    def to_the_bit(self) -> bool:
        """True if all sums of one product are equal, as their rounding is the same in every order."""
        sparse = self.expected[:-1].astype(self.model.dtype)
        return bool((self.actual[:-1] == sparse).all())


def judge(layer: Layer, model: Model, size: tuple[int, int] | None = None, layout: str | None = None) -> Judged:
    """Run the model on integer images of the layer's.

    Parameters
    ----------
    size : height and width of the images, where the model leaves them open
    layout : NCHW or NHWC, where the model's shape leaves it open

    Raises
    ------
    ValueError
        If the model's input does not fit the layer. CannotRun, one of these, if the model cannot be computed.
    """
    if model.is_transposed != layer.is_transposed:
        kinds = {True: "a transposed convolution", False: "a convolution"}
        raise CannotRun(f"the model holds {kinds[model.is_transposed]}, and the layer is {kinds[layer.is_transposed]}")
    if model.dtype not in FORMATS:
        raise ValueError(f"the model must take floats; it takes {model.dtype}")
    layout = _layout(layer, model, layout)
    size = _size(layer, model, size, layout)
    case = layer.case_on(size)
    images = _integers((*size, layer.channels[0]), case)
    given = (images if layout == "NHWC" else images.transpose(0, 3, 1, 2)).astype(model.dtype)
    batch = None if model.shape is None else model.shape[0]
    rows = len(given) if batch is None else batch
    if len(given) % rows:
        raise ValueError(f"the model's batch must be 1 or open; it is {batch}")
    parts = [model.answer(np.ascontiguousarray(given[at : at + rows])) for at in range(0, len(given), rows)]
    actual = np.concatenate(parts)
    if actual.ndim != 4:
        raise CannotRun(f"the model must give images of 4 axes; it gives shape {actual.shape}")
    case = replace(case, batch=len(images))
    return Judged(layer, model, case, images, actual if layout == "NHWC" else actual.transpose(0, 2, 3, 1), layout)


def _layout(layer: Layer, model: Model, asked: str | None) -> str:
    """Return the layout of the model's images: that which its channels show, else the one of its format."""
    if asked is not None:
        return asked
    usual = "NHWC" if model.name.endswith(".tflite") else "NCHW"
    if model.shape is None:
        return usual
    if len(model.shape) != 4:
        raise ValueError(f"the model must take images of 4 axes; its input has shape {model.shape}")
    channels = layer.channels[0]
    fits = {name: model.shape[name.index("C")] in (channels, None) for name in ("NCHW", "NHWC")}
    if not any(fits.values()):
        raise CannotRun(f"the model must take the layer's {channels} channels; its input has shape {model.shape}")
    return usual if fits[usual] else next(name for name, fitting in fits.items() if fitting)


def _size(layer: Layer, model: Model, asked: tuple[int, int] | None, layout: str) -> tuple[int, int]:
    open_size = asked or layer.smallest_image
    if model.shape is None:
        return open_size
    own = [model.shape[layout.index(letter)] for letter in "HW"]
    height, width = (given if size is None else size for size, given in zip(own, open_size, strict=True))
    if asked is not None and (height, width) != asked:
        raise ValueError(f"the model takes images of {height} x {width}; leave out --input, which is {asked}")
    return height, width


def _integers(shape: tuple[int, int, int], case: Case) -> np.ndarray:
    """Return images: one of zeros, some in which no window meets two numbers, and a dense one."""
    rng = np.random.default_rng(_SEED)
    apart = [axis.kernel_extent for axis in case.convolution.axes]
    images = np.zeros((_SPARSE + 2, *shape))
    for image in images[1:-1]:
        rows, columns = (np.arange(rng.integers(min(step, size)), size, step) for step, size in zip(apart, shape))
        at = np.ix_(rows, columns)
        channels = rng.integers(shape[2], size=(len(rows), len(columns)))
        image[(*at, channels)] = rng.choice([-2, -1, 1, 2], channels.shape)
    images[-1] = rng.integers(-3, 4, shape)
    return images


def findings(judged: Judged, seconds: float = SECONDS) -> list[Finding]:
    """Return what is wrong: the bias; then the fault, the known mistake, or the two faults that give these answers."""
    problem, actual = judged.problem, judged.actual.astype(np.float64)
    found: list[Finding] = []
    rest = actual - judged.bias
    if not any(same_answers(rest, one, _room(judged, rest)) for one in [_answered(problem)] if one is not None):
        wrong_bias = _bias(judged)
        if wrong_bias is not None:
            found.append(wrong_bias)
            # The image of zeros shows what is added to each element, border or not.
            rest = actual - actual[:1] if actual.shape[0] else actual
    until = time.monotonic() + seconds
    room = _room(judged, rest)
    if same_answers(rest, _answered(problem), room):
        return found
    return found + _explained(judged, rest, room, until)


def _explained(judged: Judged, rest: np.ndarray, room: np.ndarray, until: float) -> list[Finding]:
    """Name the fault that gives these answers; else a known mistake; else two faults."""
    single = list(altered(judged.problem))
    found = [fault for fault, changed in single if same_answers(rest, _answered(changed), room)]
    if found:
        return [Finding(one.name, one.does) for one in found[:_MOST]]
    known = _mistakes(judged, rest, room, until)
    if known:
        return known
    for number, (first, changed) in enumerate(single):
        for fault, twice in altered(changed):
            if FAULTS.index(fault) <= FAULTS.index(first):
                continue
            if same_answers(rest, _answered(twice), room):
                return [Finding(one.name, one.does) for one in (first, fault)]
        if time.monotonic() > until:
            tried = f"{number + 1} of {len(single)} faults were tried together with others"
            return [Finding("unknown", f"No known fault gives these answers; {tried}.")]
    return list(_others(judged))


def _others(judged: Judged) -> Iterator[Finding]:
    """Say what the weights show, where no fault explains the answers."""
    own, held = (np.sort(array.astype(np.float64), axis=None) for array in (judged.layer.filters, judged.model.weights))
    if own.shape == held.shape and np.array_equal(own, held):
        yield Finding("unknown", "The model holds the layer's weights, but no known fault gives its answers.")
    elif own.shape == held.shape:
        near = np.array_equal(own.astype(np.float16), held.astype(np.float16))
        hint = ": they were rounded" if near else ": of another layer, or of another time of training"
        yield Finding("other-weights", f"The model holds other weights than the layer{hint}.")
    else:
        yield Finding("other-weights", f"The model holds {held.size} weights, and the layer {own.size}.")


def _mistakes(judged: Judged, rest: np.ndarray, room: np.ndarray, until: float) -> list[Finding]:
    """Name the known mistakes of kernels that give these answers. Each answers in the dtype of its arguments."""
    operation = "conv2d_transpose" if judged.layer.is_transposed else "conv2d"
    case = replace(judged.case, dtype="float64")
    call = Call(operation, case, {"input": judged.images, "filters": judged.problem.filters})
    found = []
    for mistake in MISTAKES:
        if operation in mistake.operations and mistake.pure and time.monotonic() < until:
            try:
                with np.errstate(all="ignore"):
                    answer = call.with_arrays(np.copy).run(mistake.backend())
            except Exception:  # a mistake may refuse a call with any error
                continue
            if same_answers(rest, answer, room):
                found.append(Finding(mistake.name, f"{mistake.does} {mistake.right}"))
    return found[:_MOST]


def _bias(judged: Judged) -> Finding | None:
    """Name what is wrong with the bias, which the answer to the image of zeros is."""
    zero, bias = judged.actual[0].astype(np.float64), judged.bias
    if zero.shape[-1:] != bias.shape or not zero.size:
        return None
    near = 2 * THRESHOLD * FORMATS[judged.model.dtype].eps
    told = {
        "bias-lost": (np.zeros_like(bias), "The bias is lost: the answer to zeros is zero."),
        "bias-twice": (2 * bias, "The bias is added twice."),
        "bias-negated": (-bias, "The bias is subtracted."),
        "bias-reversed": (bias[::-1], "The bias is in reverse order."),
    }
    if np.allclose(zero, bias, rtol=near, atol=0):
        return None
    for name, (wrong, does) in told.items():
        if np.allclose(zero, wrong, rtol=near, atol=0):
            return Finding(name, does)
    if np.allclose(np.sort(zero[0, 0]), np.sort(bias), rtol=near, atol=0):
        return Finding("bias-permuted", "The bias's numbers are in another order.")
    if judged.layer.bias is None:
        return Finding("bias-added", "The model adds a bias, and the layer has none.")
    return Finding("bias-other", "The answer to zeros is another number than the bias.")


def _room(judged: Judged, rest: np.ndarray) -> np.ndarray:
    """The most by which two right answers may differ. A wrong shape has no gauge of its own: the largest is taken."""
    unit = judged.unit if judged.unit.shape == rest.shape else np.full(rest.shape, judged.unit.max(initial=0.0))
    return 2 * THRESHOLD * np.maximum(unit, np.finfo(np.float64).tiny)


def _answered(problem: Problem) -> np.ndarray | None:
    try:
        with np.errstate(all="ignore"):
            return problem.answer()
    except (ValueError, TypeError):
        return None
