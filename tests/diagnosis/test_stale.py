"""A cache whose keys leave something out is told as one, with what its keys lack."""

from __future__ import annotations

import numpy as np
import pytest

import reference_impl
from reference_impl.cases.case import Case
from reference_impl.diagnosis import diagnose
from reference_impl.diagnosis.stale import ANSWER, OTHER, PART, keys_of
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject

SPEC = "n2_h6w7c2_k3x3o2_p1,1,0,0"
OPTIONS = ("strides", "padding", "dilations", "groups")


def right(images, filters, **options):
    return reference_impl.conv2d(images, filters, **options).astype(images.dtype)


def of_plain(function):
    """Make a class of backends: each has an empty cache, and calls `function(cache, input, filters, **options)`."""

    class Backend:
        def __init__(self):
            self.kept = {}

        def conv2d(self, input, filters, **options):
            return function(self.kept, input, filters, **options)

    return Backend


def shown(images, filters):
    return images.shape, filters.shape, images.dtype


def answers_without(lacking, *, numbers=True):
    """Keep answers by everything but `lacking`, and by the numbers too or not."""

    def answer(kept, images, filters, **options):
        given = {"numbers": (images.tobytes(), filters.tobytes()) if numbers else (), "dtype": images.dtype, **options}
        if lacking == "dtype":
            given["numbers"] = images.tolist(), filters.tolist()
        key = repr([images.shape, filters.shape, *(value for name, value in given.items() if name != lacking)])
        return kept.setdefault(key, right(images, filters, **options)).copy()

    return of_plain(answer)


def plan_without(*lacking):
    """Keep the options `lacking` of the first call by all others, the shapes, and the size of the answer."""

    def answer(kept, images, filters, **options):
        expected = right(images, filters, **options)
        others = [options[name] for name in OPTIONS if name not in lacking]
        plan = kept.setdefault(repr((shown(images, filters), others, expected.shape)), options)
        return right(images, filters, **{**options, **{name: plan[name] for name in lacking}})

    return of_plain(answer)


def packed_by_shape(kept, images, filters, **options):
    return right(images, kept.setdefault((filters.shape, filters.dtype), filters.copy()), **options)


def packed_by_address(kept, images, filters, **options):
    where = filters.ctypes.data, filters.shape, filters.dtype
    return right(images, kept.setdefault(where, filters.copy()), **options)


def padded_in_a_buffer(kept, images, filters, *, padding, **options):
    """Keep the padded image, whose border of zeros is written once, by its shape."""
    sizes = *images.shape[:3], images.shape[3]
    case = Case(*sizes, filters.shape[:2], filters.shape[3], padding=padding, **options)
    (top, bottom), (left, right_pad) = case.convolution.padding
    batch, height, width, channels = images.shape
    shape = batch, height + top + bottom, width + left + right_pad, channels
    buffer = kept.setdefault((shown(images, filters), shape), np.zeros(shape, images.dtype))
    buffer[:, top : top + height, left : left + width] = images
    return right(buffer, filters, padding="VALID", **options)


def keys(backend):
    subject = Subject.of(backend(), remake=backend)
    return keys_of(subject, subject.blank("conv2d", SPEC, 0))


@pytest.mark.parametrize("lacking", ["strides", "padding", "dilations", "dtype"])
def test_answers_kept_without_one_thing(lacking):
    found = keys(answers_without(lacking))
    assert found.lack == {lacking: ANSWER}
    assert {"numbers", "strides", "padding", "dilations"} - {lacking} <= set(found.have)


def test_answers_kept_by_shape_lack_the_numbers():
    assert keys(answers_without("", numbers=False)).lack == {"numbers": ANSWER}


@pytest.mark.parametrize("lacking", [("strides",), ("padding",), ("dilations",), ("strides", "padding", "dilations")])
def test_plan_kept_without_some_options(lacking):
    assert keys(plan_without(*lacking)).lack == dict.fromkeys(lacking, PART)


@pytest.mark.parametrize(
    ("function", "lack"),
    [
        (packed_by_shape, {"numbers of the filters": PART}),
        (packed_by_address, {"numbers of the filters at the same address": PART}),
        (padded_in_a_buffer, {"padding": OTHER}),
    ],
)
def test_filters_and_buffers_that_are_kept(function, lack):
    assert keys(of_plain(function)).lack == lack


@pytest.mark.parametrize("spec", ["n2_h5w4c3_k3x2o2", "n1_h6w7c2_k2x3o1_SAME", "n1_h1w1c1_k1x1o1_p1,0,0,2"])
def test_plan_kept_by_the_size_of_the_answer_without_the_strides_is_seen(spec):
    """Another stride changes the size of each of these answers."""
    first, told = told_of(plan_without("strides"), spec)
    assert first.check == "other_options"
    assert told.text.startswith("a cache: it keeps the strides of an earlier call with the same shapes")


def leftover_not_written(kept, images, filters, **options):
    """Answer in the memory of the last answer of that size, and do not write the last row."""
    answer = right(images, filters, **options)
    memory = kept.setdefault((answer.shape, answer.dtype), answer.copy())
    memory[:, :-1] = answer[:, :-1]
    return memory.copy()


def test_memory_of_the_last_answer_is_no_cache():
    _, told = told_of(of_plain(leftover_not_written))
    assert any(line.startswith("memory of an earlier call: it is wrong after a call with ") for line in told.lines)
    assert "a cache" not in told.text
    assert "keys" not in told.text


def test_kernel_without_a_cache_lacks_nothing():
    assert keys(of_plain(lambda kept, *arrays, **options: right(*arrays, **options))).lines() == []


CACHE_OF_ALL = {}


class KeptInItsModule:
    """A cache that a fresh kernel finds again, as it is kept beside the class."""

    def conv2d(self, input, filters, *, padding, **options):
        key = repr((shown(input, filters), options))
        return right(input, filters, padding=CACHE_OF_ALL.setdefault(key, padding), **options)


def test_cache_that_outlives_the_kernel_is_found():
    assert "padding" in keys(KeptInItsModule).lack


def told_of(backend, spec=SPEC):
    subject = Subject.of(backend(), remake=backend)
    first = next(record for record in judge(subject, Case.parse(spec), "conv2d") if record.unexpected)
    return first, diagnose(subject, first)


def test_cache_without_padding_is_not_told_as_a_plan_kept_by_shapes():
    first, told = told_of(answers_without("padding"))
    assert first.check == "other_options"
    assert told.lines[:2] == [
        "a cache: it gives the answer of an earlier call with the same shapes and other padding",
        "its keys lack the padding; calls that differ in the numbers, strides, dilations, dtype or groups and channels "
        "alone are right",
    ]
    assert told.mistakes == []
    assert "cures" not in told.text


@pytest.mark.parametrize(
    ("lacking", "name"),
    [
        (("padding",), ["plan-kept-without-the-pads"]),
        (("strides", "padding", "dilations"), ["plan-kept-by-shapes-alone"]),
        (("strides",), []),
    ],
)
def test_plan_is_named_by_what_its_keys_lack(lacking, name):
    _, told = told_of(plan_without(*lacking), "n2_h9w10c2_k3x3o4_s4x4_p1,0,0,0")
    assert [mistake.name for mistake in told.mistakes] == name
    assert told.text.startswith("a cache: it keeps the ")
