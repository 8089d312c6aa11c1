"""Checks of options that several commands take."""

from __future__ import annotations

import pytest
import typer

from reference_impl.options import one_of


@pytest.mark.parametrize("words", [["b"], ["b", "a", "b"], [], None], ids=str)
def test_one_of_returns_the_words_given(words):
    assert list(one_of(words, ("a", "b"), "--letter")) == (words or [])


@pytest.mark.parametrize("words", [["c"], ["a", "c"], ["A"], [""], ["ab"]], ids=str)
def test_one_of_refuses_a_word_that_is_not_known(words):
    with pytest.raises(typer.BadParameter) as caught:
        one_of(words, ("a", "b"), "--letter")
    assert caught.value.param_hint == "--letter"
    assert str(caught.value) == f"must be one of a, b; not {words[-1]!r}"
