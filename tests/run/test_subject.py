"""A backend needs to declare little, and what it declares must be there."""

from __future__ import annotations

import pytest

from reference_impl.conformance import Capabilities
from reference_impl.run.subject import Subject


def test_subject_without_declarations_offers_what_it_has():
    class Only:
        def conv2d(self, input, filters, **options):
            raise NotImplementedError

    subject = Subject.of(Only())
    assert (subject.name, subject.capabilities.operations) == ("Only", ("conv2d",))


def test_subject_must_offer_an_operation():
    with pytest.raises(ValueError, match="at least one of conv2d, "):
        Subject.of(object())


def test_subject_must_have_what_it_declares():
    class Boasting:
        capabilities = Capabilities(operations=("conv2d", "conv2d_transpose"))

        def conv2d(self, input, filters, **options):
            raise NotImplementedError

    with pytest.raises(ValueError, match="declares conv2d_transpose, which it does not have"):
        Subject.of(Boasting())
