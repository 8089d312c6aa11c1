"""Hostile backends: each is told as what it is, and no other backend is accused for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.processes.asking import BackendProcess
from reference_impl.run.processes.shared_memory import GUARD, Sent, SharedMemory
from reference_impl.run.processes.worker import Died
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject, process_of
from reference_impl.run.whole_backend import invalid_call
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.invalid_calls import INVALID_CALLS
from reference_impl.verdicts.memory_layouts import LAYOUTS
from reference_impl.verdicts.task import Task

CASES = [Case.parse("n2_h7w6c3_k3x2o4_SAME"), Case.parse("n1_h6w5c2_k2x3o3_s2x1")]

HOSTILE = """
import ctypes, os, sys
import numpy as np
import planted

class Innocent(planted.Right):
    name = "innocent"

class Exits(planted.Right):
    def spoil(self, answer, arrays):
        sys.exit(0)

class Forges(planted.Right):
    "Writes what may look like a verdict to every descriptor, and ends with the status that once meant well."
    def spoil(self, answer, arrays):
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b'{"answer": [[{"outcome": "pass"}]]}\\n')
            except OSError:
                pass
        os._exit(94)

class Lies(planted.Right):
    def spoil(self, answer, arrays):
        class Liar(np.ndarray):
            def __eq__(self, other):
                return np.ones(self.shape, bool)
            def __array_ufunc__(self, ufunc, method, *inputs, **options):
                return np.ones(self.shape, bool)
            def copy(self, order="C"):
                return self
        return np.zeros_like(answer).view(Liar)

class Patches(planted.Right):
    "Makes every assertion of the suite, and NumPy's comparison, agree."
    def spoil(self, answer, arrays):
        from reference_impl.verdicts import agreement, checks
        for name in dir(agreement):
            if name.startswith("assert_"):
                setattr(agreement, name, lambda *given, **options: None)
        np.array_equal = lambda *given: True
        return answer * 0

class PatchesTheOracle(planted.Right):
    def spoil(self, answer, arrays):
        import reference_impl
        reference_impl.operations.conv2d = lambda *given, **options: 0 * answer
        return answer

class WritesBehindItsArguments(planted.Right):
    def spoil(self, answer, arrays):
        array = arrays[0]
        ctypes.memset(array.__array_interface__["data"][0] + array.nbytes, 7, 8)
        return answer

class LeavesHalfUnwritten(planted.Right):
    def spoil(self, answer, arrays):
        unwritten = np.empty(answer.shape, answer.dtype)
        unwritten.reshape(-1)[: answer.size // 2] = answer.reshape(-1)[: answer.size // 2]
        return unwritten

class FreesWhileAnErrorIsOnItsWay(planted.Right):
    "Right, but its own arrays go while NumPy's error does: the guards around them must not get in its way."
    def spoil(self, answer, arrays):
        def fails(depth):
            mine = answer * 2 + depth
            return fails(depth - 1) if depth else mine.transpose(0)
        for depth in range(20):
            try:
                fails(depth)
            except ValueError as error:
                assert "axes" in str(error)
        return answer

class ReadsStdin(planted.Right):
    def spoil(self, answer, arrays):
        assert sys.stdin.read() == ""
        return answer
"""


@pytest.fixture
def load(tmp_path, monkeypatch, request):
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    return lambda *names: [Subject.load(f"hostile:{name}") for name in names]


@pytest.fixture(scope="module")
def load_once():
    subject = Subject.load("planted:Right")
    yield subject
    subject.backend.process.close()


def outcomes(subjects, checks=("exact",)):
    """The outcomes of each backend in conv2d."""
    found: dict[str, set[str]] = {subject.argument: set() for subject in subjects}
    asked = for_all(subjects, CASES, ["conv2d"], full=True, only=checks)
    for record in records_of(asked, processes=1, time_limit=10):
        found[record.argument].add(record.outcome)
    return list(found.values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Exits", outcome.CRASHED),
        ("Forges", outcome.CRASHED),
        ("Lies", outcome.FAIL),
        ("Patches", outcome.FAIL),
        ("WritesBehindItsArguments", outcome.FAIL),
        ("LeavesHalfUnwritten", outcome.FAIL),
        ("PatchesTheOracle", outcome.PASS),  # its own answers are right
        ("FreesWhileAnErrorIsOnItsWay", outcome.PASS),
        ("ReadsStdin", outcome.PASS),
    ],
)
def test_hostile_backend_is_told_as_what_it_is_and_its_neighbour_passes(load, name, expected):
    assert outcomes(load("Innocent", name)) == [{outcome.PASS}, {expected}]


@pytest.mark.parametrize("invalid", INVALID_CALLS, ids=lambda invalid: invalid.name)
def test_kernel_that_was_guarded_refuses_invalid_calls_as_it_does_here(invalid, load_once):
    operation = invalid.operations[0]
    integer_call(CASES[0], "conv2d", 0).run(load_once.backend)  # guarded
    assert invalid_call(load_once, operation, invalid).outcome == outcome.PASS


def test_subclass_that_lies_fails_in_this_process_too(load):
    (subject,) = load("Lies")
    here = Subject.here("hostile:Lies")
    records = list(records_of(for_all([here], CASES, ["conv2d"], full=True, only=("exact",))))
    assert {record.outcome for record in records} == {outcome.FAIL}
    subject.backend.process.close()


def test_frameworks_and_users_kernels_have_processes_of_their_own():
    names = "torch", "torch:autograd", "tensorflow:xla", "my_module:One", "my_module:Two"
    assert [process_of(name) for name in names] == ["torch", "torch", "tensorflow", "my_module:One", "my_module:Two"]


@pytest.fixture
def shared():
    memory = SharedMemory.make()
    yield memory
    memory.close()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_array_arrives_as_it_was_laid_out(shared, layout):
    array = LAYOUTS[layout](np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5))
    sent = Sent(array, shared, 0)
    arrived = sent.place.view(shared)
    np.testing.assert_array_equal(arrived, array, strict=True)
    assert arrived.strides == array.strides
    assert arrived.flags.writeable == array.flags.writeable
    assert arrived.__array_interface__["data"][0] % 64 == array.__array_interface__["data"][0] % 64
    assert sent.received(shared) is None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("beside", ["before", "behind"])
def test_write_beside_an_array_is_seen(shared, layout, beside):
    sent = Sent(LAYOUTS[layout](np.ones((2, 3, 2, 2), np.float32)), shared, 0)
    place = sent.place
    at = place.low - 1 if beside == "before" else place.low + place.size
    shared.map[at] = 0
    assert sent.received(shared) == "1 bytes before, behind or between its elements were written to"


def test_write_between_the_elements_is_seen(shared):
    sent = Sent(LAYOUTS["with gaps between the elements"](np.ones((2, 3, 2, 2), np.float32)), shared, 0)
    shared.map[sent.place.low + 4] ^= 0xFF
    assert sent.received(shared).startswith("1 bytes before, behind or between")


def test_write_to_an_array_comes_back_and_to_a_read_only_one_is_seen(shared):
    array = np.ones(5, np.float32)
    sent = Sent(array, shared, 0)
    sent.place.view(shared)[2] = 7
    assert sent.received(shared) is None
    assert array.tolist() == [1, 1, 7, 1, 1]
    array.flags.writeable = False
    sent = Sent(array, shared, 0)
    shared.map[sent.place.start] ^= 0xFF
    assert sent.received(shared) == "it is read-only, and 1 of its bytes were written to"


def test_empty_and_large_arrays_are_handed_over(shared):
    for array in (np.empty((0, 3), np.float64), np.arange(1_000_000, dtype=np.int64)):
        sent = Sent(array, shared, GUARD)
        np.testing.assert_array_equal(sent.place.view(shared), array, strict=True)
        assert sent.received(shared) is None


def test_answer_larger_than_the_memory_comes_whole():
    process = BackendProcess("reference")
    backend = Subject.load("reference", process).backend
    filters = np.ones((1, 1, 1, 1), np.int64)
    image = np.arange(300_000, dtype=np.int64).reshape(1, 300, 1000, 1)
    padded = backend.conv2d(image, filters, strides=1, padding=((500, 500), (500, 500)), dilations=1, groups=1)
    assert padded.shape == (1, 1300, 2000, 1)
    np.testing.assert_array_equal(padded[:, 500:-500, 500:-500], image)
    process.close()


@pytest.mark.parametrize("declared", [True, False])
def test_each_of_several_answers_comes_whole_where_they_do_not_fit(declared):
    """The oracle answers int64 to uint8. Without its declaration, there is room for an eighth of that."""
    process = BackendProcess("reference")
    backend = Subject.load("reference", process).backend
    if not declared:
        backend.capabilities = replace(backend.capabilities, result_dtypes={})
    task = Task(Case.parse("n4_h80w60c3_k3x2o4_FULL_uint8"), "conv2d", 0)
    tasks = [task, task.other, task.small] * 4
    answers = backend.make_together([one.call for one in tasks], 1)
    process.close()
    for one, answer in zip(tasks, answers, strict=True):
        np.testing.assert_array_equal(answer, one.expected, strict=True)


def test_child_that_made_no_call_is_not_exchanged(monkeypatch):
    backend = Subject.load("minimal").backend
    jobs, ask = [], backend.process._worker.ask
    monkeypatch.setattr(
        backend.process._worker, "ask", lambda job, *given, **how: (jobs.append(job), ask(job, *given, **how))[1]
    )
    call = integer_call(CASES[1], "conv2d", 0)
    backend.process.renew()
    assert jobs == []
    for _ in range(2):
        call.run(backend)
        backend.process.renew()
        backend.process.renew()
    assert jobs == ["call", "renew"] * 2
    backend.process.close()


def test_child_that_took_the_place_of_a_dead_one_is_not_exchanged(load, monkeypatch):
    backend = load("Exits")[0].backend
    with pytest.raises(Died):
        integer_call(CASES[1], "conv2d", 0).run(backend)
    monkeypatch.setattr(backend.process._worker, "ask", lambda job, *given, **how: pytest.fail(f"{job} was asked"))
    backend.process.renew()


def test_calls_that_are_known_to_damage_memory_leave_the_child_of_the_others_alone():
    backend = Subject.load("minimal").backend
    call = integer_call(CASES[1], "conv2d", 0)
    deadly = backend.known_to_damage()
    call.run(deadly)
    assert deadly.process is backend.process  # nothing is lost there yet
    call.run(backend)
    process = backend.process
    other = backend.known_to_damage()
    call.run(other)
    other.process.renew()
    assert other.process is not process
    assert backend.known_to_damage().process is other.process
    assert not process._untouched
    process.close()
    with pytest.raises(Died, match="the run was ended"):
        call.run(other)


DECLARING = """
import planted
from reference_impl.conformance import Capabilities, Lack

class Nothing(planted.Right):
    pass

class Operations(planted.Right):
    capabilities = Capabilities(operations=("conv2d",), dtypes=("float32",))

class ALack(planted.Right):
    capabilities = Capabilities(lacks=(Lack("has no strides", lambda operation, case: case.strides != (1, 1)),))

class Composed(planted.Right):
    capabilities = Capabilities(composed=lambda operation, case: "pads itself")

class Own(Capabilities):
    def unsupported(self, operation, case):
        return "never"

class OfAClass(planted.Right):
    capabilities = Own()
"""


@pytest.fixture(scope="module")
def declaring(tmp_path_factory, request):
    """One process for all backends of DECLARING."""
    folder = tmp_path_factory.mktemp("declaring")
    (folder / "declaring.py").write_text(DECLARING)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.syspath_prepend(request.config.rootpath / "tests")
        process = BackendProcess("declaring:Nothing")
        yield process
        process.close()


@pytest.mark.parametrize(
    ("name", "asked"),
    [("Nothing", False), ("Operations", False), ("ALack", True), ("Composed", True), ("OfAClass", True)],
)
def test_backend_is_asked_what_it_supports_only_if_that_depends_on_the_case(name, asked, declaring, monkeypatch):
    argument = f"declaring:{name}"
    backend, here = Subject.load(argument, declaring).backend, Subject.here(argument).capabilities
    jobs, ask = [], backend.process._worker.ask
    monkeypatch.setattr(
        backend.process._worker, "ask", lambda job, *given, **how: (jobs.append(job), ask(job, *given, **how))[1]
    )
    declared = backend.capabilities
    for case in CASES:
        for operation in ("conv2d", "conv2d_transpose"):
            assert declared.unsupported(operation, case) == here.unsupported(operation, case)
            assert declared.composition(operation, case) == here.composition(operation, case)
    assert ("declares" in jobs) == asked


def test_routes_of_one_framework_are_asked_together_what_they_support_on_a_case(monkeypatch):
    process = BackendProcess("minimal", "definition")
    subjects = [Subject.load(name, process) for name in ("minimal", "definition")]
    jobs, ask = [], process._worker.ask
    monkeypatch.setattr(
        process._worker, "ask", lambda job, *given, **how: (jobs.append(job), ask(job, *given, **how))[1]
    )
    grouped, large = Case.parse("n1_h5w5c2_k1x1o2_g2"), Case.parse("n9_h99w99c3_k3x3o8")
    for case in (grouped, large):
        for subject in subjects:
            here = Subject.here(subject.name).capabilities
            for operation in OPERATIONS:
                assert subject.capabilities.unsupported(operation, case) == here.unsupported(operation, case)
    assert jobs == ["declares", "declares"]
    process.close()
