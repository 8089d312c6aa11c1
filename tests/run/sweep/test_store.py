"""The store of a sweep: it keeps what it was told, and refuses what does not belong to it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from run.sweep.small_chunks import begun

from reference_impl.bugs import JudgedCall
from reference_impl.cases.case import Case
from reference_impl.run.sweep.database import SCHEMA, StoreError
from reference_impl.run.sweep.judging import ChunkResult, Failure
from reference_impl.run.sweep.machine import Machine
from reference_impl.run.sweep.merging import merge
from reference_impl.run.sweep.store import Backend, Store

TORCH = Backend("torch@avx2", "torch@avx2", "2.13.0")
CASE = Case.parse("n1_h4w5c2_k2x3o2")


def failure(known=None):
    call = JudgedCall("torch", "conv2d", CASE, "wrong values", "autograd", "avx2", "", "flipped", "jit:avx2")
    return Failure(call, "3 of 24 elements are wrong", known)


def result(passed=7, failures=(), known=()):
    failures, known = list(failures), list(known)
    asked = passed + len(failures) + len(known)
    lacks = Counter({"no int8": 2})
    return ChunkResult(TORCH.argument, asked, passed, lacks, Counter(), failures, known, [], {"backend": 0.5})


def made(path, chunks=(), sweep=None, backend=TORCH):
    with Store.create(path, sweep or begun()) as store:
        store.add_backend(backend)
        for number, one in dict(chunks).items():
            store.add(number, {backend.argument: one})
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def test_store_keeps_everything_it_was_told(path):
    told = result(failures=[failure(), failure()], known=[failure("known since 2.12")])
    made(path, {3: told, 5: result()})
    with Store.open(path) as store:
        assert store.sweep == begun()
        assert store.backends() == [TORCH]
        assert store.done(TORCH.argument) == {3, 5}
        assert store.chunk(TORCH.argument, 3) == told
        assert [chunk for chunk, _ in store.failures(TORCH.argument)] == [3, 3, 3]
        totals = store.totals(TORCH.argument)
    assert (totals.chunks, totals.asked, totals.passed, totals.failed, totals.known) == (2, 17, 14, 2, 1)
    assert totals.unsupported == {"no int8": 4}
    assert totals.seconds == {"backend": 1.0}


def test_chunk_that_is_there_stays_as_it_is(path):
    made(path, {3: result(7)})
    with Store.open(path) as store:
        store.add(3, {TORCH.argument: result(5, [failure()])})
        assert store.chunk(TORCH.argument, 3) == result(7)


def test_store_in_memory_needs_no_file():
    with Store.create(None, begun()) as store:
        store.add_backend(TORCH)
        store.add(0, {TORCH.argument: result()})
        assert store.done(TORCH.argument) == {0}


def test_other_version_of_a_backend_is_refused(path):
    made(path)
    with Store.open(path) as store, pytest.raises(StoreError, match=r"has results of torch@avx2 2\.13\.0, and it is 2"):
        store.add_backend(replace(TORCH, version="2.14.0"))


HERE = Machine.here()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"identity": "other"}, "content of the scope small chunks"),
        ({"identity": "other", "scope": "tiny"}, "scope: small chunks and tiny"),
        ({"seed": 1}, "seed: 0 and 1"),
        ({"dtype": "float16"}, "dtype: that of the cases and float16"),
        ({"machine": replace(HERE, cpu="Z80")}, f"CPU: {HERE.cpu} and Z80"),
        ({"machine": replace(HERE, flags=f"{HERE.flags} z80")}, "only one of the two has z80"),
        ({"machine": replace(HERE, package="9")}, "version of conv2d-reference-impl: "),
        ({"machine": replace(HERE, variables={"OMP_NUM_THREADS": "77"})}, "variable "),
    ],
)
def test_other_sweep_is_told_apart(changes, said):
    assert said in begun().difference(begun(**changes))


def test_machines_that_differ_in_the_name_of_the_system_alone_are_alike():
    assert begun().difference(begun(machine=replace(HERE, platform="another"))) is None


def test_store_that_exists_is_not_begun_anew(path):
    made(path)
    with pytest.raises(StoreError, match="exists: continue it with --resume"):
        Store.create(path, begun())


def test_missing_and_empty_files_are_told(path):
    with pytest.raises(StoreError, match=r"there is no store .*store\.db"):
        Store.open(path)
    path.touch()
    with pytest.raises(StoreError, match="is empty: no sweep was begun in it"):
        Store.open(path)
    assert path.stat().st_size == 0


def damaged(path):
    made(path, {number: result(5, [failure()] * 40) for number in range(30)})
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 5] = os.urandom(4096 * 2)
    path.write_bytes(data)


def cut(path):
    made(path, {number: result(5, [failure()] * 40) for number in range(30)})
    path.write_bytes(path.read_bytes()[:9000])


def lacks_a_failure(path):
    made(path, {1: result(5, [failure()])})
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM failure")


def foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (number INTEGER)")


def newer(path):
    made(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")


def text(path):
    path.write_text("a text, and not a short one " * 100)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damaged, "is damaged"),
        (cut, "is damaged"),
        (lacks_a_failure, r"is damaged \(chunk 1 has 1 failures, of which 0 are there\)"),
        (foreign, "is a database of another program"),
        (newer, f"the schema of a store must be {SCHEMA}; that of .* is {SCHEMA + 1}"),
        (text, "is no store of a sweep"),
    ],
)
def test_file_that_cannot_be_used_is_refused_and_stays_as_it_is(path, spoil, said):
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=said):
        Store.open(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_folder_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="a store must be a file"):
        Store.open(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_file_is_told(path):
    made(path)
    path.chmod(0o400)
    with pytest.raises(StoreError, match="must be writable"):
        Store.open(path)


def test_file_that_is_opened_to_read_cannot_be_written(path):
    made(path)
    with Store.open(path, writable=False) as store, pytest.raises(StoreError, match="must be writable"):
        store.add(0, {TORCH.argument: result()})


def test_store_that_another_sweep_writes_to_is_told(path):
    made(path)
    with Store.open(path), pytest.raises(StoreError, match="is in use: wait for the sweep that writes to it"):
        Store.open(path)


def test_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(StoreError, match="its folder must exist"):
        Store.create(tmp_path / "none" / "store.db", begun())


ADDS_FOR_EVER = """
import sys
from pathlib import Path
from run.sweep.test_store import TORCH, Store, failure, result
store = Store.open(Path(sys.argv[1]))
number = max(store.done(TORCH.argument), default=-1)
while True:
    number += 1
    store.add(number, {TORCH.argument: result(5, [failure()] * (number % 7))})
    print(number, flush=True)
"""


def test_store_of_a_process_that_is_killed_has_every_chunk_that_was_told(path):
    """The process is killed at random times: while it adds, or between."""
    made(path)
    source = random.Random(0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    told = set()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", ADDS_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(source.randrange(1, 20)):
            told.add(int(process.stdout.readline()))
        signal.sigtimedwait([], source.random() * 0.02)
        process.kill()
        told |= {int(line) for line in process.stdout if line.endswith("\n")}
        process.wait()
        process.stdout.close()
    with Store.open(path) as store:
        done = store.done(TORCH.argument)
        assert told <= done
        assert len(done - told) <= 3  # stored, and killed before it could tell
        assert done == set(range(max(done) + 1))
        for number in done:
            assert store.chunk(TORCH.argument, number) == result(5, [failure()] * (number % 7))


ENDS_IN_A_WRITE = """
import os, sys
from pathlib import Path
from run.sweep.test_store import TORCH, Store, failure, result
store = Store.open(Path(sys.argv[1]))
store._connection.execute("PRAGMA cache_size = 1")  # so that half of the transaction is in the file
store._connection.execute("BEGIN IMMEDIATE")
for number in range(1, 40):
    store._add(1, number, result(5, [failure()] * 50))
os._exit(0)
"""


def test_store_that_was_left_in_the_middle_of_a_write_has_all_that_was_whole(path, tmp_path):
    made(path, {0: result(5, [failure()])})
    before = path.read_bytes()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", ENDS_IN_A_WRITE, str(path)], check=True, env=environment)
    assert path.read_bytes() != before
    with pytest.raises(StoreError, match="was left in the middle of a write: go on with its sweep first"):
        merge([path, made(tmp_path / "other")], tmp_path / "both")
    with Store.open(path) as store:
        assert store.done(TORCH.argument) == {0}
        assert store.chunk(TORCH.argument, 0) == result(5, [failure()])


def test_merged_stores_have_every_chunk_once(tmp_path):
    bad = result(5, [failure()])
    one = made(tmp_path / "one", {0: result(), 1: bad})
    other = made(tmp_path / "other", {1: bad, 2: result(3)})
    merge([one, other], tmp_path / "both")
    with Store.open(tmp_path / "both") as store:
        assert store.done(TORCH.argument) == {0, 1, 2}
        assert store.totals(TORCH.argument).passed == 7 + 5 + 3
        assert store.totals(TORCH.argument).failed == 1
    assert sorted(os.listdir(tmp_path)) == ["both", "one", "other"]


def test_merged_stores_may_have_other_backends(tmp_path):
    other_one = Backend("reference", "reference", "0.1.0")
    one = made(tmp_path / "one", {0: result()})
    other = made(tmp_path / "other", {0: result(4)}, backend=other_one)
    merge([one, other], tmp_path / "both")
    with Store.open(tmp_path / "both") as store:
        assert {backend.argument: store.totals(backend.argument).passed for backend in store.backends()} == {
            TORCH.argument: 7,
            "reference": 4,
        }


def test_merged_stores_may_differ_in_times_and_messages(tmp_path):
    bad = result(5, [failure()])
    slower = result(5, [replace(failure(), message="at address 0x7f")])
    slower.seconds["backend"] = 9.0
    merge([made(tmp_path / "one", {0: bad}), made(tmp_path / "other", {0: slower})], tmp_path / "both")
    with Store.open(tmp_path / "both") as store:
        assert store.chunk(TORCH.argument, 0) == bad


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"chunks": {0: result(6, [failure()])}}, "differ on chunk 0 of torch@avx2: 7 of 7 calls passed and 0 failed"),
        ({"sweep": begun(seed=1)}, "are not of one sweep. They differ in the seed: 0 and 1"),
        ({"sweep": begun(machine=replace(HERE, cpu="Z80"))}, "are not of one sweep. They differ in the CPU"),
        ({"backend": replace(TORCH, version="2.12")}, "the stores have results of torch@avx2 2.13.0 and 2.12"),
    ],
)
def test_stores_that_conflict_are_not_merged(tmp_path, other, said):
    paths = [made(tmp_path / "one", {0: result()}), made(tmp_path / "other", **other)]
    with pytest.raises(StoreError) as error:
        merge(paths, tmp_path / "both")
    assert said in str(error.value)
    assert sorted(os.listdir(tmp_path)) == ["one", "other"]


def test_stores_are_not_merged_into_one_that_exists(tmp_path):
    paths = [made(tmp_path / name, {0: result()}) for name in ("one", "other")]
    with pytest.raises(StoreError, match="exists: give the file of a new store"):
        merge(paths, paths[0])
