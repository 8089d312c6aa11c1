"""A framework is imported once for all processes of its backends. They are as separate as if each had imported it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run.waiting import soon

from reference_impl.cases.case import Case
from reference_impl.run.processes import origins
from reference_impl.run.processes.asking import BackendProcess
from reference_impl.run.processes.channel import receive
from reference_impl.run.processes.descendants import VARIABLE
from reference_impl.run.processes.worker import Died
from reference_impl.run.subject import NotLoaded, Subject, process_for
from reference_impl.verdicts.integers import integer_call

pytestmark = pytest.mark.skipif(not origins._is_possible(), reason="this system has no origins")

CASE = Case.parse("n1_h5w4c1_k1x1o1")
# A framework for the adapter of that name. `job.py` beside it is what a call does, `import.py` what an import does.
SCIPY = """
import json, os, sys
from pathlib import Path
__version__ = "1.0 (ours)"
HERE = Path(__file__).parent
with open(HERE / "imports", "a") as file:
    file.write(f"{os.getpid()}\\n")
print("it is imported", file=sys.stderr)
exec((HERE / "import.py").read_text())
"""
SIGNAL = """
from . import HERE, json, os, sys

def correlate(plane, kernel, mode, method):
    told = {}
    exec((HERE / "job.py").read_text(), globals(), {"told": told})
    (HERE / "told.partial").write_text(json.dumps(told))
    (HERE / "told.partial").rename(HERE / "told.json")
    return plane * kernel

convolve = correlate
"""
MARK = "told['mark'] = [line for line in open('/proc/self/environ').read().split('\\0') if 'IMPL_WORKER' in line]"


@pytest.fixture
def scipy(tmp_path, monkeypatch):
    """The folder of a framework of ours."""
    folder = tmp_path / "scipy"
    folder.mkdir()
    (folder / "__init__.py").write_text(SCIPY)
    (folder / "signal.py").write_text(SIGNAL)
    (folder / "import.py").write_text("")
    (folder / "job.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(origins, "_run", f"of {tmp_path}")
    monkeypatch.setattr(origins, "_started", {})  # they end when they are garbage
    monkeypatch.setattr(origins, "_unusable", set())
    return folder


@pytest.fixture
def load(scipy):
    made = []

    def load(**options):
        process = process_for("scipy", **options)
        made.append(process)
        return Subject.load("scipy", process).backend

    yield load
    for process in made:
        process.close()


@pytest.fixture
def tell(scipy):
    """Run a job in a call of a backend. Return what it told."""

    def tell(backend, job):
        (scipy / "job.py").write_text(job)
        integer_call(CASE, "conv2d", 0).run(backend)
        return json.loads((scipy / "told.json").read_text())

    return tell


def imports(scipy):
    return len((scipy / "imports").read_text().split())


def status(process, name):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def pid_of(backend):
    return backend.process._worker._process.pid


def origin_of(backend):
    return int(status(pid_of(backend), "PPid"))


def lives(process):
    try:
        return status(process, "State") != "Z"
    except (OSError, StopIteration):
        return False


def test_framework_is_imported_once_for_all_its_processes(load, scipy):
    one, other = load(), load()
    assert one.version == other.version == "1.0 (ours)"
    assert imports(scipy) == 1
    assert origin_of(one) == origin_of(other)
    assert len({pid_of(one), pid_of(other)}) == 2


def test_variable_that_an_import_may_read_has_an_import_of_its_own(load, scipy, tell):
    job = "told['threads'] = os.environ.get('OMP_NUM_THREADS')"
    assert tell(load(environment={"OMP_NUM_THREADS": "3"}), job) == {"threads": "3"}
    assert tell(load(environment={"OMP_NUM_THREADS": "5"}), job) == {"threads": "5"}
    assert imports(scipy) == 2


@pytest.mark.parametrize("change", ["path", "processors"])
def test_other_path_or_processors_have_an_import_of_their_own(load, scipy, tmp_path, monkeypatch, change):
    load()
    if change == "path":
        (tmp_path / "further").mkdir()
        monkeypatch.syspath_prepend(tmp_path / "further")
    else:
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 99})
    load()
    assert imports(scipy) == 2


def test_variables_that_no_import_reads_are_those_of_each_process(load, scipy, tell, monkeypatch):
    job = "told['test'] = os.environ['PYTEST_OWN']; told['folder'] = os.getcwd()"
    for name in ("one", "other"):
        monkeypatch.setenv("PYTEST_OWN", name)
        (scipy / name).mkdir()
        monkeypatch.chdir(scipy / name)
        assert tell(load(), job) == {"test": name, "folder": str(scipy / name)}
    assert imports(scipy) == 1


@pytest.mark.parametrize(
    ("names", "adapter"),
    [
        (("torch", "torch:autograd"), "torch"),
        (("minimal", "definition"), "minimal"),
        (("torch", "tensorflow"), None),
        (("torch@avx2",), None),
        (("my_module:Kernel",), None),
        (("torch", "my_module:Kernel"), None),
        (("torch_style(my_module:f)",), None),
    ],
)
def test_only_our_backends_of_one_framework_in_the_usual_environment_have_an_origin(names, adapter):
    assert origins.adapter_of(names) == adapter


def test_process_has_no_descriptors_of_others_nor_of_its_origin(load, tell):
    job = (
        "import subprocess; told['open'] = subprocess.check_output(['ls', '-l', f'/proc/{os.getppid()}/fd'], text=True)"
    )
    told = [tell(backend, job)["open"] for backend in (load(), load(), load())]
    found = [{word for word in text.split() if word.startswith(("pipe:", "socket:", "/memfd"))} for text in told]
    pipes = [{word for word in one if word.startswith("pipe:")} for one in found]
    assert [len(one) for one in pipes] == [2, 2, 2]  # requests and answers
    assert len(set.union(*pipes)) == 6
    assert not any(word.startswith("socket:") for one in found for word in one)
    assert [text.count("[pidfd]") for text in told] == [1, 1, 1]  # of its own child


def test_process_and_its_child_lead_a_session_and_have_a_mark_of_their_own(load, tell):
    job = f"{MARK}; told['session'] = os.getsid(0); told['parent'] = os.getppid()"
    one, other = load(), load()
    told = [tell(backend, job) for backend in (one, other)]
    assert [each["session"] for each in told] == [each["parent"] for each in told] == [pid_of(one), pid_of(other)]
    marks = [f"{VARIABLE}={backend.process._worker._mark}" for backend in (one, other)]
    assert [each["mark"] for each in told] == [[mark] for mark in marks]


def test_random_numbers_are_not_shared(load, scipy, tell):
    (scipy / "import.py").write_text("import numpy.random")
    job = "import random, numpy; told['drawn'] = [random.random(), numpy.random.random()]"
    drawn = [number for _ in range(2) for number in tell(load(), job)["drawn"]]
    assert len(set(drawn)) == 4


def test_memory_that_the_import_took_is_not_that_of_a_process(load, scipy, tell):
    (scipy / "import.py").write_text("b'x' * (1 << 29)")
    job = "import resource; told['peak'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
    assert tell(load(), job)["peak"] < 1 << 18  # KiB; the import took twice that


def test_last_words_of_an_import_are_those_of_each_process(load, scipy):
    (scipy / "job.py").write_text("os.kill(os.getpid(), 11)")
    for backend in (load(), load()):
        with pytest.raises(Died, match=r"signal 11 \(SIGSEGV\); its last words: it is imported"):
            integer_call(CASE, "conv2d", 0).run(backend)
    assert imports(scipy) == 1


FAILING = {
    "raises": "raise ImportError('a library of it is broken')",
    "dies": "os.kill(os.getpid(), 11)",
    "sys.exit": "sys.exit(3)",
}


@pytest.mark.parametrize("how", FAILING)
def test_failing_import_gives_the_same_error_as_without_origin(load, scipy, monkeypatch, how):
    (scipy / "import.py").write_text(FAILING[how])
    said = []
    for _ in range(2):
        with pytest.raises((NotLoaded, Died)) as raised:
            load()
        said.append((type(raised.value), str(raised.value)))
        assert imports(scipy) == 1 + len(said)  # that of the origin too
        monkeypatch.setenv(origins.ORIGINS, origins.OFF)
    assert len(set(said)) == 1


def test_process_imports_for_itself_if_that_of_the_origin_hangs(load, scipy, tell, monkeypatch):
    once = "(HERE / f'hangs {os.getpid()}').touch(); import time; time.sleep(600)"
    (scipy / "import.py").write_text(f"if not list(HERE.glob('hangs *')): {once}")
    monkeypatch.setattr(origins, "TIME_LIMIT", 0.1)
    # The time begins when the import hangs, however long the origin takes to come to it.
    monkeypatch.setattr(origins, "receive", lambda *given: soon(lambda: hanging(scipy)) and receive(*given))
    assert tell(load(), "told['right'] = 1") == tell(load(), "told['right'] = 1") == {"right": 1}
    assert imports(scipy) == 3
    (origin,) = hanging(scipy)
    assert soon(lambda: not lives(origin))


def test_process_imports_for_itself_where_there_can_be_no_origin(load, scipy, monkeypatch, tell):
    def not_there(process):
        raise OSError("this system has none")

    monkeypatch.setattr(os, "pidfd_open", not_there)
    assert tell(load(), "told['right'] = 1") == tell(load(), "told['right'] = 1") == {"right": 1}
    assert imports(scipy) == 2


def test_process_imports_for_itself_if_the_origin_is_of_another_user(load, scipy, monkeypatch):
    load()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert isinstance(load().process._worker._process, subprocess.Popen)
    assert imports(scipy) == 2


def test_call_that_kills_its_parent_is_a_death_and_the_neighbour_goes_on(load, scipy, tell):
    bad, good = load(), load()
    child = tell(bad, "told['pid'] = os.getpid()")["pid"]
    process = bad.process._worker._process
    with pytest.raises(Died, match=r"died of signal 9 \(SIGKILL\)"):
        tell(bad, "import time; os.kill(os.getppid(), 9); time.sleep(600)")
    assert process.is_reaped  # as the origin told at once; if it does not tell, that is waited for
    assert soon(lambda: not lives(child))
    assert tell(good, "told['right'] = 1") == {"right": 1}
    assert tell(bad, "told['right'] = 2") == {"right": 2}
    assert imports(scipy) == 1


def test_call_that_kills_the_origin_leaves_all_processes_alive(load, scipy, tell):
    one, other = load(), load()
    tell(one, f"os.kill({origin_of(one)}, 9)")
    for backend in (one, other, load()):
        assert tell(backend, "told['right'] = 1") == {"right": 1}
    assert imports(scipy) == 2  # the last process has a new origin
    with pytest.raises(Died, match=r"signal 11 \(SIGSEGV\)"):
        tell(other, "os.kill(os.getpid(), 11)")
    assert tell(other, "told['right'] = 2") == {"right": 2}
    process = pid_of(other)
    other.process.close()
    assert soon(lambda: not lives(process))


# It starts a process that leaves the session, without another program, so without other variables.
LEAVES = """
import time
told["pid"] = os.getpid()
if not (left := os.fork()):
    os.setsid()
    time.sleep(600)
told["left"] = left
"""


def test_number_of_a_process_that_has_ended_is_not_killed(load, monkeypatch):
    process = load().process
    os.kill(process._worker._process.pid, signal.SIGKILL)
    assert soon(lambda: process._worker._process.poll() == -signal.SIGKILL)
    monkeypatch.setattr(os, "killpg", lambda *given: pytest.fail("it may be that of another process now"))
    process.close()


def test_closing_ends_what_left_the_session_and_nothing_of_others(load, tell):
    one, other = load(), load()
    mine, others = tell(one, LEAVES), tell(other, LEAVES)
    one.process.close()
    assert soon(lambda: not lives(mine["left"]) and not lives(mine["pid"]))
    assert lives(others["left"])
    assert lives(others["pid"])
    assert tell(other, "told['right'] = 1") == {"right": 1}


ASKER = """
import os, sys, time
from reference_impl.run.subject import Subject
from reference_impl.cases.case import Case
from reference_impl.verdicts.integers import integer_call

backend = Subject.load("scipy").backend
if "forks" in sys.argv and not os.fork():  # another process holds all that the asker has opened
    while not os.path.exists(os.environ["OVER"]):
        time.sleep(0.1)
    os._exit(0)
integer_call(Case.parse(sys.argv[1]), "conv2d", 0).run(backend)
"""
HANGS = """
import subprocess, time
other = subprocess.Popen(["sleep", "600"], env={})  # without the mark
(HERE / f"hangs {other.pid}").touch()
(HERE / f"hangs {os.getpid()}").touch()
if not os.fork():
    os.setsid()
    (HERE / f"hangs {os.getpid()}").touch()
time.sleep(600)
"""


def ask(scipy, *words, **variables):
    path = os.pathsep.join([str(scipy.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    return subprocess.Popen([sys.executable, "-c", ASKER, str(CASE), *words], env=environment)


def hanging(scipy):
    return [int(file.name.split()[1]) for file in scipy.glob("hangs *")]


@pytest.mark.parametrize("happened", ["nothing", "the origin was killed", "the process was stopped", "the asker forks"])
def test_what_hangs_does_not_outlive_an_asker_that_is_killed(scipy, happened, request):
    (scipy / "job.py").write_text(HANGS)
    asker = ask(scipy, *["forks"] * (happened == "the asker forks"), OVER=str(scipy / "over"))
    request.addfinalizer((scipy / "over").touch)
    assert soon(lambda: len(hanging(scipy)) == 3)
    children = hanging(scipy)
    (parent,) = {int(status(child, "PPid")) for child in children} - set(children)
    origin = int(status(parent, "PPid"))
    if happened == "the origin was killed":
        os.kill(origin, signal.SIGKILL)
    if happened == "the process was stopped":
        os.kill(parent, signal.SIGSTOP)
    asker.kill()
    asker.wait()
    assert soon(lambda: not any(map(lives, (*children, parent, origin))))


def test_import_that_hangs_does_not_outlive_who_started_it(scipy):
    (scipy / "import.py").write_text("import time; (HERE / f'hangs {os.getpid()}').touch(); time.sleep(600)")
    asker = ask(scipy)
    assert soon(lambda: hanging(scipy))
    (origin,) = hanging(scipy)
    asker.kill()
    asker.wait()
    assert soon(lambda: not lives(origin))


def test_processes_of_a_run_share_an_origin_that_lives_as_long_as_one_needs_it(load, scipy, tell):
    (scipy / "job.py").write_text(HANGS)
    starter = ask(scipy, **origins.told())
    assert soon(lambda: len(hanging(scipy)) == 3)
    others = hanging(scipy)
    backend = load()
    assert imports(scipy) == 1
    starter.kill()
    starter.wait()
    assert soon(lambda: not any(map(lives, others)))
    assert tell(backend, "told['right'] = 1") == {"right": 1}
    origin = origin_of(backend)
    assert lives(origin)
    backend.process.close()
    assert soon(lambda: not lives(origin))


@pytest.fixture
def none_is_idle_for_too_long(monkeypatch):
    monkeypatch.setattr(origins, "_IDLE", 600)


@pytest.mark.usefixtures("none_is_idle_for_too_long")
def test_origin_that_nobody_needs_ends_with_who_started_it_or_by_being_dropped(load, scipy):
    backend = load()
    origin = origin_of(backend)
    backend.process.close()
    time.sleep(0.2)
    assert lives(origin)
    origins._started.clear()
    assert soon(lambda: not lives(origin))


@pytest.mark.usefixtures("none_is_idle_for_too_long")
def test_only_so_many_origins_are_kept(load, monkeypatch):
    monkeypatch.setattr(origins, "_MOST", 2)
    started = []
    for threads in "123":
        backend = load(environment={"OMP_NUM_THREADS": threads})
        started.append(origin_of(backend))
        backend.process.close()
    assert soon(lambda: [lives(one) for one in started] == [False, True, True])


def test_origin_that_nobody_needs_for_a_while_ends_and_another_takes_its_place(load, scipy, monkeypatch):
    monkeypatch.setattr(origins, "_IDLE", 0.1)
    backend = load()
    origin = origin_of(backend)
    time.sleep(1.2)
    assert lives(origin)  # it is needed
    backend.process.close()
    assert soon(lambda: not lives(origin))
    load()
    assert imports(scipy) == 2


def test_process_for_another_environment_is_not_forked():
    process = BackendProcess("minimal", may_be_forked=False)
    assert process.ask("routes", "minimal") == ["minimal"]
    assert isinstance(process._worker._process, subprocess.Popen)
    fresh = process._fresh({}), process._fresh({"MALLOC_CHECK_": "3"})
    for one in (process, *fresh):
        one.close()
    assert [one._worker._origin for one in fresh] == ["minimal", None]
