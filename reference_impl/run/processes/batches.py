"""Batches: many small calls that the process of a backend makes in one go, all by numbers in shared memory.

A row of integers stands for a call. Beside each row are its state and its seconds, which the process writes as it goes.
So the judge knows, when the process dies, which answers are there and which call it died of.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...arguments import PADDING_WORDS
from ...backends.protocol import Capabilities, Misdeclared
from ...cases.case import Case
from ...operations import OPERATIONS
from ...verdicts.call import numpy_dtype
from ...verdicts.making_calls import fill_and_free
from ..place import told
from .shared_memory import SharedMemory, aligned

WAITING, BEGUN, ANSWERED, OTHER_ANSWER, RAISED, LACKS, MISDECLARED, ENDED = range(8)
"""The state of a call. ANSWERED means an array of the right shape and dtype; only then are its numbers there.

ENDED is for the judge: the process died of the call, or it is not to be made.
"""

_EXPLICIT = len(PADDING_WORDS)
# Operation, case (17), height and width of the output, offsets of two arguments and of the answer in elements.
_COLUMNS = 23
# Errors and reasons, each once: as JSON, one a line. What has no room is not told.
_NOTES, _LONGEST_NOTE = 1 << 20, 2000


def case_numbers(case: Case) -> tuple[int, ...]:
    """The case as integers, without its dtype."""
    word, pads = _EXPLICIT, ((0, 0), (0, 0))
    if isinstance(case.padding, str):
        word = PADDING_WORDS.index(case.padding)
    else:
        pads = case.padding
    return (
        case.batch,
        case.height,
        case.width,
        case.input_channels,
        *case.kernel_size,
        case.output_channels,
        *case.strides,
        *case.dilations,
        case.groups,
        word,
        *pads[0],
        *pads[1],
    )


@dataclass(frozen=True)
class Places:
    """The parts of a batch in shared memory. Both processes compute them from the same few numbers.

    Parameters
    ----------
    count : the number of calls
    elements : the number of elements of all arguments
    answers : the number of elements of all right answers
    dtype, result_dtype : of the arguments, and of right answers
    """

    count: int
    elements: int
    answers: int
    dtype: str
    result_dtype: str

    @cached_property
    def _starts(self) -> list[int]:
        itemsize, wide = numpy_dtype(self.dtype).itemsize, numpy_dtype(self.result_dtype).itemsize
        sizes = (
            8 * self.count * _COLUMNS,
            8 * self.count,
            8 * self.count,
            8 * self.count,
            8,
            _NOTES,
            self.elements * itemsize,
            self.answers * wide,
        )
        starts = [0]
        for size in sizes:
            starts.append(aligned(starts[-1] + size))
        return starts

    @property
    def size(self) -> int:
        return self._starts[-1]

    def view(self, memory: SharedMemory) -> View:
        rows, states, notes, seconds, used, text, arguments, answers = self._starts[:-1]
        of = memory.map
        return View(
            np.frombuffer(of, np.int64, self.count * _COLUMNS, rows).reshape(self.count, _COLUMNS),
            np.frombuffer(of, np.int64, self.count, states),
            np.frombuffer(of, np.int64, self.count, notes),
            np.frombuffer(of, np.float64, self.count, seconds),
            np.frombuffer(of, np.int64, 1, used),
            np.frombuffer(of, np.uint8, _NOTES, text),
            np.frombuffer(of, numpy_dtype(self.dtype), self.elements, arguments),
            np.frombuffer(of, numpy_dtype(self.result_dtype), self.answers, answers),
        )


@dataclass(frozen=True)
class View:
    """A batch in shared memory, as arrays. `notes` has the number of the line of `text` that tells of a call."""

    rows: np.ndarray
    states: np.ndarray
    notes: np.ndarray
    seconds: np.ndarray
    used: np.ndarray
    text: np.ndarray
    arguments: np.ndarray
    answers: np.ndarray

    def told(self) -> list[Any]:
        """The lines of the text."""
        return [json.loads(line) for line in self.text[: int(self.used[0])].tobytes().splitlines()]


class _Notes:
    """Writes each line of the text once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known = {json.dumps(line): number for number, line in enumerate(view.told())}

    def __call__(self, place: int, said: Any) -> None:
        line = json.dumps(said)
        if line not in self._known:
            data = np.frombuffer(line.encode() + b"\n", np.uint8)
            used = int(self._view.used[0])
            if used + data.size > _NOTES:
                return
            self._view.text[used : used + data.size] = data
            self._view.used[0] = used + data.size
            self._known[line] = len(self._known)
        self._view.notes[place] = self._known[line]


def make_batch(
    backend: Any, declared: Capabilities, view: View, dtype: str, first: int, last: int, time_limit: float
) -> None:
    """Make the waiting calls from `first` on, before `last`. An alarm ends this process if one takes too long."""
    note, right_dtype = _Notes(view), view.answers.dtype
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    functions = {operation: getattr(backend, operation) for operation in declared.operations}
    try:
        waiting = first + np.flatnonzero(view.states[first:last] == WAITING)
        for place, operation, case, sizes, places in _decoded(view.rows, waiting, dtype):
            try:
                lack = declared.unsupported(operation, case)
            except Misdeclared as error:
                note(place, str(error)[:_LONGEST_NOTE])
                view.states[place] = MISDECLARED
                continue
            if lack is not None:
                note(place, lack)
                view.states[place] = LACKS
                continue
            input_sizes, filter_sizes, _ = sizes
            at, other, to = places
            shapes, right_shape = _shapes(operation, *sizes)
            given: list[Any] = [_copied(view.arguments, *one) for one in zip((at, other), shapes, strict=True)]
            if operation == "conv2d_backprop_input":
                given.insert(0, input_sizes)
            elif operation == "conv2d_backprop_filter":
                given.insert(1, filter_sizes)
            elif operation == "conv2d_transpose":
                given.append(input_sizes)
            function, options, size = functions[operation], case.options, _count(right_shape)
            fill_and_free(size * right_dtype.itemsize)
            view.states[place] = BEGUN
            signal.setitimer(signal.ITIMER_REAL, time_limit)
            start = time.perf_counter()
            try:
                answer = function(*given, **options)
            except Exception as error:  # a backend may raise anything
                view.seconds[place] = time.perf_counter() - start
                kind, said, where = told(error)
                note(place, [kind, said[:_LONGEST_NOTE], where])
                view.states[place] = RAISED
                continue
            view.seconds[place] = time.perf_counter() - start
            if not isinstance(answer, np.ndarray) or isinstance(answer, np.ma.MaskedArray):
                note(place, [type(answer).__name__])
                view.states[place] = OTHER_ANSWER
                continue
            plain = np.asarray(answer)
            if plain.shape != right_shape or plain.dtype != right_dtype:
                note(place, ["ndarray", list(plain.shape), str(plain.dtype)])
                view.states[place] = OTHER_ANSWER
                continue
            view.answers[to : to + size] = plain.reshape(-1)
            view.states[place] = ANSWERED
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


Sizes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Of the input, the filters and the output."""


def _decoded(
    rows: np.ndarray, waiting: np.ndarray, dtype: str
) -> Iterator[tuple[int, str, Case, Sizes, tuple[int, int, int]]]:
    """Yield each call: its place, operation, case, sizes, and offsets of two arguments and the answer."""
    former: Sequence[int] = ()
    for place, (operation, *numbers, high, wide, at, other, to) in zip(
        waiting.tolist(), rows[waiting].tolist(), strict=True
    ):
        if numbers != former:
            former = numbers
            batch, height, width, inputs, kh, kw, outputs, sh, sw, dh, dw, groups, word, *pads = numbers
            padding: Any = ((pads[0], pads[1]), (pads[2], pads[3])) if word == _EXPLICIT else PADDING_WORDS[word]
            case = Case(batch, height, width, inputs, (kh, kw), outputs, (sh, sw), (dh, dw), groups, padding, dtype)
            sizes = (batch, height, width, inputs), (kh, kw, inputs // groups, outputs), (batch, high, wide, outputs)
        yield place, OPERATIONS[operation], case, sizes, (at, other, to)


def _shapes(operation: str, input_sizes: Any, filter_sizes: Any, output_shape: Any) -> tuple[Any, Any]:
    """The shapes of the two arrays that an operation takes, in its order, and that of its answer."""
    if operation == "conv2d":
        return (input_sizes, filter_sizes), output_shape
    if operation == "conv2d_backprop_input":
        return (filter_sizes, output_shape), input_sizes
    if operation == "conv2d_backprop_filter":
        return (input_sizes, output_shape), filter_sizes
    return (output_shape, filter_sizes), input_sizes


def _count(shape: Any) -> int:
    first, second, third, fourth = shape
    return first * second * third * fourth


def _copied(values: np.ndarray, offset: int, shape: Any) -> np.ndarray:
    """A copy: what a kernel writes to it is not seen by the next call."""
    return values[offset : offset + _count(shape)].reshape(shape).copy()
