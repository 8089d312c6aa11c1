"""Judge a model by the layer that it came from: on integers, with the layer's own weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..cases.case import Case
from ..exact.formats import FORMATS
from ..verdicts.agreement import THRESHOLD
from .layer import Layer
from .model import CannotRun, Model
from .problem import Problem

# Images with few numbers: each sum has one product. The last image is dense.
_SPARSE, _SEED = 6, 0


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
