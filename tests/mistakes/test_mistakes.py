"""Each known wrong convolution is told, has a name of its own, and is unlike all others."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.mistakes import FAMILIES, MISTAKES, NoAnswer, by_name, right
from reference_impl.operations import OPERATIONS
from reference_impl.run.spread import in_dtypes
from reference_impl.scoring.example import KINDS, TINY, WAYS, observed, tiny_call
from reference_impl.verdicts.integers import integer_call


def test_catalogue_is_not_small():
    assert len(MISTAKES) >= 80
    assert {mistake.family for mistake in MISTAKES} == set(FAMILIES)


def test_names_are_unique():
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_told(mistake):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", mistake.name)
    assert re.fullmatch(r"[A-Z].*[^.]\.", mistake.does)
    assert mistake.does.count(". ") == 0
    assert not re.search("TensorFlow|oracle", mistake.does)
    assert re.fullmatch(r"[A-Z].*[^.]\.", mistake.right)
    assert mistake.right.count(". ") <= 1
    assert re.search("TensorFlow|oracle", mistake.right)
    assert mistake.operations
    assert set(mistake.operations) <= set(OPERATIONS)
    assert all(re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/\S+", link) for link in mistake.links)


def test_right_behaviour_of_several_mistakes_is_said_once():
    """It stands in right.py; mistakes of one kind share it."""
    shared = {text for name, text in vars(right).items() if name.isupper()}
    sharing = defaultdict(list)
    for mistake in MISTAKES:
        sharing[mistake.right].append(mistake.name)
    assert {text for text, names in sharing.items() if len(names) > 1} == shared


# Tiny cases with all kinds of numbers, stored in all ways.
TRIES = [*product(TINY[:2], KINDS, WAYS), *product(TINY[2:8], [""], [""])]


def signature(mistake, call):
    """Return what a mistake answers, to the bit."""
    try:
        return bits(call.with_arrays(np.copy).run(mistake.backend()))
    except NoAnswer:
        return None


def conduct(mistake, call, way):
    """Return all that can be seen of a mistake on a call, to the bit."""
    return tuple((what, *bits(shown)) for what, shown in observed(mistake, call, WAYS[way]))


def bits(shown):
    array = np.asarray(shown)
    return array.shape, array.dtype, array.tobytes()


def split(groups, key):
    """Part members with different keys, and return the groups that keep two members or more."""
    parted = []
    for group in groups:
        by_key = defaultdict(list)
        for member in group:
            by_key[key(member)].append(member)
        parted += [members for members in by_key.values() if len(members) > 1]
    return parted


# The wide ones tell apart kernels that go on, or stop, at some number of channels; the smoke set need not.
WIDE = [Case.parse("n1_h4w3c2_k3x3o700"), Case.parse("n2_h40w41c1_k2x2o1")]
CASES = [*catalogue.load("curated")[:8], *catalogue.load("smoke"), *WIDE]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_two_mistakes_are_alike(operation):
    groups = [[mistake for mistake in MISTAKES if operation in mistake.operations]]
    for case in in_dtypes(CASES, ("float32", "int32", "float64")):
        call = integer_call(case, operation, 0)
        groups = split(groups, lambda mistake, call=call: signature(mistake, call))
    for case, kind, way in TRIES:
        call = tiny_call(case, operation, kind)
        groups = split(groups, lambda mistake, call=call, way=way: conduct(mistake, call, way))
    assert [[mistake.name for mistake in group] for group in groups] == []


def test_by_name_names_the_nearest():
    with pytest.raises(ValueError, match="not 'kernel-fliped', which is like kernel-flipped"):
        by_name("kernel-fliped")
