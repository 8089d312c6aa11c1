"""A backend needs to declare little, and what it declares must be there."""

from __future__ import annotations

import pytest

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities
from reference_impl.run.processes.worker import Died
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject, load
from reference_impl.verdicts.invalid_calls import answer_to


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


@pytest.mark.parametrize("here", [True, False])
def test_backends_of_one_name_are_told_apart(here):
    loaded = load(["planted:Right", "planted:Flipped", "planted:FlippedBytes", "reference"], here=here)
    assert [subject.name for subject in loaded.subjects] == [
        "planted (planted:Right)",
        "planted (planted:Flipped)",
        "bytes",
        "reference",
    ]


def test_backend_with_the_name_of_an_adapter_is_told_apart(tmp_path, monkeypatch):
    (tmp_path / "borrowed.py").write_text("import planted\nclass Kernel(planted.Right):\n    name = 'torch:autograd'\n")
    monkeypatch.syspath_prepend(tmp_path)
    (subject,) = load(["borrowed:Kernel"], here=True).subjects
    assert subject.name == "torch:autograd (borrowed:Kernel)"
    assert subject.adapter is None
    assert not subject.is_route


@pytest.mark.parametrize("processes", [0, 1])
def test_records_of_backends_of_one_name_are_told_apart(processes):
    subjects = load(["planted:Right", "planted:Flipped"], here=processes == 0).subjects
    case = Case.parse("n2_h7w9c3_k3x2o4")
    records = records_of(for_all(subjects, [case], ["conv2d"], full=True), processes=processes)
    failed = {record.backend for record in records if record.unexpected}
    assert failed == {"planted (planted:Flipped)"}


def test_backend_is_imported_once_however_often_it_dies(tmp_path, monkeypatch):
    """TensorFlow takes seconds to import, and dies of some calls."""
    (tmp_path / "deadly.py").write_text(f"""
import os
with open({str(tmp_path / "imports")!r}, "a") as file:
    file.write("imported, ")

class Kernel:
    def conv2d(self, input, filters, **options):
        os.abort()
""")
    monkeypatch.syspath_prepend(tmp_path)
    (subject,) = load(["deadly:Kernel"]).subjects
    for _ in range(3):
        with pytest.raises(Died, match="SIGABRT"):
            answer_to(subject.backend, "stride-zero", "conv2d")
    assert (tmp_path / "imports").read_text() == "imported, "
