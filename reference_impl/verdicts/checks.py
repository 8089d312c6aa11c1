"""The checks of a call, one by one. Those of a whole backend are in run/whole_backend.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..cases.case import Case
from ..exact.formats import FORMATS
from . import agreement, checks_of_state, races
from .agreement import Disagreement
from .call import Call, numpy_dtype, sums_that_fit
from .integers import EXACT_INTEGERS
from .trial import Found, Remark, Trial, plain


@dataclass(frozen=True)
class Check:
    """One check of a call.

    Parameters
    ----------
    statement : what is true of a right backend
    run : raises `Disagreement` if it is not true
    applies : True for a case about which the check says something
    asks_again : True if the check needs a further call, or data of its own
    share : by default it runs on this part of the cases
    most_multiply_adds : by default it runs on cases with at most this many
    of_state : True if it is about what the kernel keeps between calls: of a case in several dtypes, one is enough
    offered : False if the backend has not what the check asks for, so that there is nothing to record
    """

    name: str
    statement: str
    run: Callable[[Trial], Found]
    applies: Callable[[Case], bool] = lambda case: True
    asks_again: bool = True
    share: float = 1.0
    most_multiply_adds: float = np.inf
    of_state: bool = False
    offered: Callable[[Trial], bool] = lambda trial: True


def _shape_and_dtype(trial: Trial) -> None:
    agreement.assert_shape_and_dtype(trial.answer, trial.task.expected.shape, trial.dtype)


def _exact(trial: Trial) -> Found:
    try:
        trial.require_exact(trial.answer, trial.task)
    except Disagreement:
        races.assert_no_race(trial, trial.again[0])
        raise
    return trust(trial.task.call, trial.task.expected)


# The least share of nonzero elements in an answer that proves something.
_FEWEST_NONZERO = 0.1


def trust(call: Call, expected: np.ndarray) -> Remark | None:
    """Mistrust data so thin that nearly all of the answer is zero: any kernel that answers zeros agrees."""
    if not expected.size or all(array.all() for array in call.arrays.values()):
        return None
    nonzero = np.count_nonzero(expected) / expected.size
    if nonzero >= _FEWEST_NONZERO:
        return None
    return Remark(f"data so thin that {1 - nonzero:.0%} of the answer is zero", mistrusted=True)


def _inputs_unchanged(trial: Trial) -> None:
    trial.answer  # noqa: B018  the call must have been made
    agreement.assert_unchanged(trial.given.arrays, trial.task.call.arrays)


def _repeatable(trial: Trial) -> None:
    first = trial.answer
    again, shares_memory = trial.again
    races.assert_no_race(trial, again)
    for answer in trial.again_alike:
        agreement.assert_same_bits(np.asarray(answer), np.asarray(first))
    agreement.assert_own_memory(shares_memory=shares_memory)


def _remembers_nothing(trial: Trial) -> None:
    """Mutate the arrays in place, as training does, so that a cache keyed by address goes stale."""
    arrays, other = trial.task.call.with_arrays(np.copy), trial.task.other
    arrays.run(trial.backend)
    for name, array in arrays.arrays.items():
        array[...] = other.call.arrays[name]
    answer = trial.ask(arrays, other.expected.shape, as_it_is=True)
    trial.require_exact(answer, other, "with other numbers in the arrays of the call before, ")


def _rounded(trial: Trial) -> Found:
    return trial.require_near(trial.real_answer, trial.task.real)


def _special_values(trial: Trial) -> Found:
    special = trial.task.special
    if special is None:
        return None
    with np.errstate(invalid="ignore"):  # a NumPy kernel would warn of infinities that are wanted here
        answer = trial.ask(special.call, special.expected.shape)
    multiplied = agreement.assert_special_values(answer, special)
    if multiplied is None:
        return None
    return Remark("padding's zero * infinity or NaN: " + ("NaN" if multiplied else "left out"))


def _any_memory_layout(trial: Trial) -> None:
    for laid in (trial.task.laid(), trial.task.cut()):
        answer = trial.ask(laid.call, trial.task.expected.shape, as_it_is=True)
        trial.require_exact(answer, trial.task, f"with {laid.how}, ")


def _bias(trial: Trial) -> None:
    """Require signs of the integers, convolved, and a bias that fills the room up to the dtype's largest sum."""
    case, given = trial.task.case, trial.given.with_arrays(np.sign)
    room = EXACT_INTEGERS[case.dtype] - case.convolution.terms(given.operation)
    if room < 1 or not trial.declared.plain_sum:
        return
    if given.operation == "conv2d_backprop_filter":
        _bias_gradient(trial, given)
        return
    channels = case.output_channels if given.operation == "conv2d" else case.input_channels
    bias = 1 + np.arange(channels) % room  # no two neighbours are alike
    expected = sums_that_fit(given)
    added = bias.astype(numpy_dtype(case.dtype))
    answer = plain(getattr(trial.backend, given.operation)(*given.positional(), **case.options, bias=added))
    agreement.assert_shape_and_dtype(answer, expected.shape, trial.dtype)
    # The bias is taken off the answer, and not added to the oracle's, as the definition has to confirm that.
    without = answer - bias if answer.dtype.kind in "iu" else answer.astype(np.float64) - bias
    agreement.assert_exact(without, expected, given, "with a bias, which is taken off again, ")


def _bias_gradient(trial: Trial, given: Call) -> None:
    """Require the sum of the cotangent: the gradient of a filter of one tap that reads an image of ones."""
    case = trial.task.case
    answer = plain(trial.backend.conv2d_backprop_filter(*given.positional(), **case.options, bias=True))
    agreement.assert_shape_and_dtype(answer, (case.output_channels,), trial.dtype)
    cotangent = given.arrays["out_backprop"]
    batch, height, width, channels = cotangent.shape
    of_ones = Call(
        given.operation,
        Case(batch, height, width, 1, (1, 1), channels, dtype=case.dtype),
        {"input": np.ones((batch, height, width, 1), cotangent.dtype), "out_backprop": cotangent},
    )
    agreement.assert_exact(answer.reshape(1, 1, 1, -1), sums_that_fit(of_ones), of_ones, "of a bias, ")


def _zero_sums(trial: Trial) -> None:
    """Ask for sums that often vanish, which those of large integers seldom do."""
    small = trial.task.small
    answer = trial.ask(small.call, small.expected.shape)
    trial.require_exact(answer, small, "with integers from -2 to 2, ")


def _batch_invariant(trial: Trial) -> Remark | None:
    """Report, not require: a kernel may well add in another order for another batch."""
    call = trial.task.real.call
    if call.operation == "conv2d_backprop_filter":  # it sums over the batch
        return None
    image = trial.task.seed % call.case.batch
    alone = Call(
        call.operation,
        replace(call.case, batch=1),
        {name: array if name == "filters" else array[image : image + 1] for name, array in call.arrays.items()},
    )
    expected = trial.real_answer[image : image + 1]
    same = trial.ask(alone, expected.shape, on_all_threads=True).tobytes() == expected.tobytes()
    return Remark("bits of an image alone and in its batch: " + ("same" if same else "other"))


def _is_float(case: Case) -> bool:
    return case.dtype in FORMATS


def _is_narrow(case: Case) -> bool:
    return case.dtype not in ("float32", "float64", "int64")


# Above this many multiply-adds, the exact answer takes seconds.
MOST_ROUNDED = 5_000_000
# The share of checks that cost a call more and rarely depend on the shape.
_SOME = 0.25
# The share of those that make many calls.
_FEW = 0.05

OTHER_OPTIONS, REPEATABLE, TWO_THREADS = "other_options", "repeatable", "two_threads"
# Their layouts, or the calls beside the case, are drawn anew for each case. So a change of the case proves nothing.
DRAWN_BY_CASE = ("any_memory_layout", "shared_arguments", OTHER_OPTIONS)
CHECKS = (
    Check(
        "shape_and_dtype",
        "the answer has the oracle's shape and the dtype that the backend declares",
        _shape_and_dtype,
        asks_again=False,
    ),
    Check(
        "exact",
        "on integers the answer equals the oracle's; if declared to be no plain sum, to within its factor",
        _exact,
        asks_again=False,
    ),
    Check("inputs_unchanged", "the arguments are not written to", _inputs_unchanged, asks_again=False),
    Check(
        REPEATABLE,
        "the same call gives the same bits each time, made up to 10 times more, each time in memory of its own",
        _repeatable,
    ),
    Check(
        "remembers_nothing",
        "the same arrays with other numbers in them give the answer to those",
        _remembers_nothing,
        share=_SOME,
        most_multiply_adds=MOST_ROUNDED,
    ),
    Check(
        "rounded",
        "on real data the answer is within 16 eps * gauge of the exact one",
        _rounded,
        _is_float,
        most_multiply_adds=MOST_ROUNDED,
    ),
    Check(
        "any_memory_layout",
        "arrays that are transposed, strided, reversed, offset, read-only or cut from larger ones give the same answer",
        _any_memory_layout,
        share=_SOME,
        most_multiply_adds=MOST_ROUNDED,
    ),
    Check(
        "shared_arguments",
        "arguments that overlap in memory, or repeat elements by a stride of 0, give the right answer",
        checks_of_state.shared_arguments,
        share=_FEW,
        most_multiply_adds=MOST_ROUNDED,
    ),
    Check(
        OTHER_OPTIONS,
        "calls on equal shapes with other options, one after the other, each give the right answer",
        checks_of_state.other_options,
        checks_of_state.is_small,
        share=_FEW,
        of_state=True,
    ),
    Check(
        "dirty_memory",
        "a call on NaN, huge numbers or larger arrays before it changes no answer",
        checks_of_state.dirty_memory,
        checks_of_state.is_small,
        share=_FEW,
        of_state=True,
    ),
    Check(
        "many_calls",
        f"{checks_of_state.MANY} calls in a row give the right answers, in memory that later calls leave alone",
        checks_of_state.many_calls,
        checks_of_state.is_small,
        share=_FEW,
        of_state=True,
    ),
    Check(
        TWO_THREADS,
        "calls from two threads at once give the right answers",
        checks_of_state.two_threads,
        checks_of_state.is_small,
        share=_FEW,
        of_state=True,
    ),
    Check(
        "wide_sums",
        "sums that need more bits than float16, bfloat16 or small integers have are rounded once, at the end",
        checks_of_state.wide_sums,
        _is_narrow,
        most_multiply_adds=MOST_ROUNDED,
    ),
    Check(
        "bias",
        "if conv2d or conv2d_transpose takes a bias, it adds that to each channel; the bias's gradient is a plain sum",
        _bias,
        share=_SOME,
        most_multiply_adds=MOST_ROUNDED,
        offered=lambda trial: trial.takes_bias,
    ),
    Check(
        "special_values",
        "a NaN or infinity reaches exactly the outputs whose sums it enters",
        _special_values,
        _is_float,
        share=_SOME,
        most_multiply_adds=MOST_ROUNDED,
    ),
    Check(
        "zero_sums",
        "a sum that is zero is +0.0, not -0.0, where its products are not all zero",
        _zero_sums,
        _is_float,
        share=_SOME,
        most_multiply_adds=MOST_ROUNDED,
    ),
    Check(
        "batch_invariant",
        "an image alone gives the bits that it gives in its batch (reported only)",
        _batch_invariant,
        lambda case: _is_float(case) and case.batch > 1,
        share=_SOME,
        most_multiply_adds=MOST_ROUNDED,
    ),
)
