"""Small calls of a framework are made on one thread, and a mistake that needs two threads is still found."""

from __future__ import annotations

import contextlib

import numpy as np
import planted
import pytest

from reference_impl.cases.case import Case
from reference_impl.run.judge import judge
from reference_impl.run.processes import asking
from reference_impl.run.processes.asking import BackendProcess
from reference_impl.run.processes.backend_process import Backends
from reference_impl.run.processes.remote import RemoteBackend
from reference_impl.run.subject import Subject
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.trial import SPLIT

SMALL, LARGE = Case.parse("n2_h7w9c3_k3x2o4"), Case.parse("n2_h30w20c10_k3x3o10")
PADDED = Case.parse("n1_h4w5c1_k1x1o2_p1,0,2,1")  # some sums are of zeros alone
assert SMALL.multiply_adds < SPLIT < LARGE.multiply_adds


class Threaded(planted.Right):
    """Stands for torch: it has two threads, or one where that is asked for. It notes the threads of each call."""

    def __init__(self):
        self.threads, self.seen, self.set = 2, [], 0

    @contextlib.contextmanager
    def on_one_thread(self):
        self.set += 1
        self.threads = 1
        yield
        self.threads = 2

    def spoil(self, answer, arrays):
        self.seen.append(self.threads)
        return answer


class WrongOnTwo(Threaded):
    """The threads write to one sum."""

    def spoil(self, answer, arrays):
        return answer + (self.threads - 1) * (np.arange(answer.size).reshape(answer.shape) == 0).astype(answer.dtype)


class OtherZeros(Threaded):
    """Zeros are -0.0 on two threads, where all products are zero."""

    def spoil(self, answer, arrays):
        return np.where(answer == 0, answer.dtype.type(-0.0 if self.threads == 2 else 0.0), answer)


class OtherZerosAtTimes(Threaded):
    """On one thread too, zeros are -0.0 in every second call."""

    def spoil(self, answer, arrays):
        super().spoil(answer, arrays)
        return np.where(answer == 0, answer.dtype.type(-0.0 if len(self.seen) % 2 else 0.0), answer)


class Here(BackendProcess):
    """The calls are made in this process."""

    def _call(self, job, *arguments, **options):
        return getattr(self.backends, job)(*arguments)


@pytest.fixture
def load(monkeypatch):
    for name in asking._CHOSEN_BY:
        monkeypatch.delenv(name, raising=False)

    def loaded(kind, name="torch", **environment):
        process = Here(name, environment=environment)
        process.backends = Backends(process._shared)
        backend = kind()
        process.backends._loaded[name] = Subject.of(backend)
        remote = RemoteBackend(process, name, process.backends.describe(name))
        return backend, Subject(remote, name, "", remote.capabilities, argument=name)

    return loaded


def checked(subject, case):
    return {record.check: record.outcome for record in judge(subject, case, "conv2d")}


def test_small_call_has_one_thread_and_all_when_it_is_made_again_first(load):
    backend, subject = load(Threaded)
    subject.backend.make_alone(integer_call(SMALL, "conv2d", 0))
    subject.backend.make_repeatedly(integer_call(SMALL, "conv2d", 0), 5, 1.0)
    assert backend.seen == [1, 2, 1, 1, 1, 1]


def test_small_call_and_its_repeats_in_one_request_have_the_same_threads(load):
    backend, subject = load(Threaded)
    _, again = subject.backend.make_and_repeat(integer_call(SMALL, "conv2d", 0), 5, 1.0)
    assert len(again[0]) == 5
    assert backend.seen == [1, 2, 1, 1, 1, 1]
    assert backend.set == 2  # for the first call, and once for the last four
    assert subject.backend.first_on_all_threads


def test_large_call_has_all_threads(load):
    backend, subject = load(Threaded)
    subject.backend.make_alone(integer_call(LARGE, "conv2d", 0))
    subject.backend.make_repeatedly(integer_call(LARGE, "conv2d", 0), 2, 1.0)
    assert backend.seen == [2, 2, 2]


@pytest.mark.parametrize(
    ("name", "environment"),
    [("planted:Threaded", {}), ("torch", {"OMP_NUM_THREADS": "2"}), ("torch", {"MKL_NUM_THREADS": "4"})],
)
def test_kernel_of_others_and_chosen_numbers_of_threads_are_left_alone(load, name, environment):
    backend, subject = load(Threaded, name, **environment)
    subject.backend.make_alone(integer_call(SMALL, "conv2d", 0))
    assert backend.seen == [2]


def test_call_that_is_known_to_damage_memory_has_all_threads(load):
    backend, subject = load(Threaded)
    subject.backend.known_to_damage().make_alone(integer_call(SMALL, "conv2d", 0))
    assert backend.seen == [2]


@pytest.mark.parametrize("case", [SMALL, LARGE], ids=str)
def test_mistake_that_needs_two_threads_is_found(load, case):
    _, subject = load(WrongOnTwo)
    found = checked(subject, case)
    assert "fail" in (found["exact"], found["repeatable"])
    assert found["rounded"] == "fail"


def test_sign_of_zero_may_depend_on_the_number_of_threads(load):
    """torch's conv2d of a padded 128x256 image does so."""
    _, subject = load(OtherZeros)
    assert set(checked(subject, PADDED).values()) == {"pass"}


def test_sign_of_zero_may_not_depend_on_the_call(load):
    _, subject = load(OtherZerosAtTimes)
    assert checked(subject, PADDED)["repeatable"] == "fail"


def test_right_backend_passes(load):
    _, subject = load(Threaded)
    assert {*checked(subject, SMALL).values(), *checked(subject, LARGE).values()} == {"pass"}


def test_torch_is_given_its_threads_back():
    torch = pytest.importorskip("torch")
    from reference_impl.backends.torch import Plain

    assert Plain.on_one_thread is not None
    threads = torch.get_num_threads()
    with Plain.on_one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads
