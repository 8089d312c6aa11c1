"""A scope of many small chunks, and a sweep of it that a test can kill."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.run.sweep.driver import jobs_left, stored
from reference_impl.run.sweep.engine import Here
from reference_impl.run.sweep.jobs import Answer, Setting
from reference_impl.run.sweep.machine import Machine, variables
from reference_impl.run.sweep.store import Backend, Store, Sweep


@dataclass(frozen=True)
class SmallChunks:
    """One case in each chunk."""

    number_of_chunks: int = 24
    name: str = "small chunks"
    identity: str = "small chunks 1"

    @property
    def configurations(self):
        return self.number_of_chunks * len(OPERATIONS)

    def chunk(self, number):
        case = Case(1 + number % 2, 4 + number % 3, 5, 1 + number // 6, (1 + number % 2, 2), 2)
        return [(operation, case) for operation in OPERATIONS]


SCOPE = SmallChunks()


class Broken(SmallChunks):
    """A scope whose chunks cannot be made."""

    def chunk(self, number):
        raise RuntimeError("no such chunk today")


def begun(small=SCOPE, **changes):
    told = {"seed": 0, "dtype": None, "machine": Machine.here(), "identity": small.identity, "scope": small.name}
    return Sweep(chunks=small.number_of_chunks, configurations=small.configurations, **{**told, **changes})


def setting(backend, scope=SCOPE):
    return Setting(scope, None, 0, (backend,), 10.0, variables())


def opened(path, backend):
    store = Store.open(path) if path is not None and path.exists() else Store.create(path, begun())
    store.add_backend(Backend(backend, backend.partition(":")[0], "unversioned"))
    return store


def results(store, backend):
    """List what a store says of each chunk, without times."""
    found = {number: store.chunk(backend, number) for number in sorted(store.done(backend))}
    return {
        number: (one.asked, one.passed, sorted((each.call.operation, str(each.call.case)) for each in one.failures))
        for number, one in found.items()
    }


def children(of, word):
    """List the processes that `of` has started, and theirs, with this word in their command."""
    parents, commands = {}, {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit():
                stat = (folder / "stat").read_text()
                parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
                commands[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
    found = [pid for pid, parent in parents.items() if parent == of]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return [pid for pid in found if word in commands[pid]]


def main(path, backend):
    """Sweep, and print the number of each chunk once it is stored. Go on when a line is read, or stdin is closed."""
    engine = Here(setting(backend), 2)
    with opened(Path(path), backend) as store:
        for answer in stored(store, engine.answers(jobs_left(store, SCOPE, (backend,)))):
            assert isinstance(answer, Answer)
            print(answer.job.chunk, flush=True)
            sys.stdin.readline()
    engine.close()
