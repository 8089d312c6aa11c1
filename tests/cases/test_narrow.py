"""A backend that takes few kinds of calls is given a covering design of what it supports, as far as it is found."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest
from narrow_kernels import DEPTHWISE, SQUARE_STRIDE_1

from reference_impl.backends.protocol import Capabilities
from reference_impl.backends.wrappers.limits import limits
from reference_impl.cases.case import PADDING_MODES
from reference_impl.cases.covering import configurations
from reference_impl.cases.covering.coverage import Combinations
from reference_impl.cases.covering.factors import (
    BATCH,
    CHANNELS,
    HEIGHT,
    WIDTH,
    WORD,
    axis_levels,
    batch_levels,
    channel_levels,
    features,
)
from reference_impl.cases.covering.narrow import design, reach
from reference_impl.cases.covering.space import Part, Space
from reference_impl.cases.narrowing import draw_supported

KERNELS = {"square": SQUARE_STRIDE_1, "depthwise": DEPTHWISE}


def supported(name):
    return partial(KERNELS[name].supported, "conv2d")


@cache
def found(name):
    return reach(supported(name), [], 3, "float32")


@cache
def designed(name):
    return design(found(name), [])


@pytest.mark.parametrize("name", KERNELS)
def test_design_has_all_combinations_that_were_found_in_few_supported_cases(name):
    cases = designed(name)
    assert supported(name)(cases) == cases
    assert found(name).share(cases).is_all
    assert not found(name).share(cases[:-1]).is_all
    assert len(cases) < 450


def test_cases_that_are_there_are_not_designed_again():
    begun = designed("depthwise")[:100]
    more = design(found("depthwise"), begun)
    assert not set(more) & set(begun)
    assert found("depthwise").share([*begun, *more]).is_all
    assert design(found("depthwise"), designed("depthwise")) == []


def depthwise_space():
    """All depthwise cases without a multiplier, within the bounds of the factors: what the search may find at most."""
    table, costs = configurations.channels()
    inputs, outputs, groups = table.T
    kept = (groups == inputs) & (groups > 1) & (outputs == inputs)
    channels = Part.of(CHANNELS, channel_levels(*table[kept].T), costs[kept])
    batch = np.arange(1, configurations.LARGEST_BATCH + 1)
    branches = []
    for number, word in enumerate(PADDING_MODES):
        table, costs = configurations.axes(word)
        axes = [Part.of(columns, axis_levels(*table.T), costs) for columns in (HEIGHT, WIDTH)]
        which = Part(WORD, np.array([[number]]), np.ones(1))
        branches.append((which, *axes, channels, Part.of(BATCH, batch_levels(batch), batch)))
    return Space(configurations.space().counts, tuple(branches), configurations.space().most)


def test_search_finds_nearly_all_combinations_that_are_feasible():
    feasible = Combinations(depthwise_space(), 3).feasible
    assert not (found("depthwise").found & ~feasible).any()
    assert (found("depthwise").found & feasible).sum() >= 0.995 * feasible.sum()


CORNERS = {
    "square": {"dilation along the width": "more", "padding along the height": "uneven", "groups": "depthwise"},
    "depthwise": {"leftover along the width": "some", "kernel height": "even", "input channels": "a vector and 1"},
}


@pytest.mark.parametrize("name", KERNELS)
def test_wrong_kernel_in_a_corner_is_seen_by_the_design_and_not_by_the_drawn_cases(name):
    def is_wrong(case):
        return CORNERS[name].items() <= features(case).items()

    drawn = draw_supported(supported(name), 20, 0, "float32")
    assert not any(map(is_wrong, drawn))
    assert any(map(is_wrong, designed(name)))


def test_backend_that_takes_the_whole_design_or_none_of_it_needs_no_other():
    assert reach(lambda cases: list(cases), [], 3, "float32") is None
    assert reach(lambda cases: [], [], 3, "float32") is None
    rare = Capabilities(lacks=limits(batch=65535, channels=512))
    assert reach(partial(rare.supported, "conv2d"), [], 3, "float32") is None


def test_operations_that_support_the_same_are_searched_once():
    assert found("square").holds_for(supported("square"))
    assert not found("square").holds_for(supported("depthwise"))
    assert not found("depthwise").holds_for(lambda cases: list(cases))
