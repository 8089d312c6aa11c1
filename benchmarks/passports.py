"""Passports of many backends, routes and environments in four dtypes.

    python benchmarks/passports.py FOLDER torch 'torch:*' torch@avx2 ...

The plain backend of a framework comes first, and is told in full. An operation of another route or environment is first
asked for the bits of twelve cases: the six whose sums are told, and the six of invariance. If another backend of the
framework gives all of these bits, it is named, and its sums are not told again. If none does, sums of three cases are
told. All promises are looked at. Each passport is kept in the folder, and is not asked again. `passport_page.py`
makes tables of them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from reference_impl.backends import registry
from reference_impl.backends.promises import DETERMINISTIC, LAYOUT, PROMISES
from reference_impl.exact.formats import FORMATS
from reference_impl.passport import text
from reference_impl.passport.asking import ThreadProcesses, asker, cpu_name, of_subject
from reference_impl.passport.invariance import Invariance, MakeOnThreads, digests, invariances
from reference_impl.passport.telling import CASES, Passport, cases_of, invariance_cases_of
from reference_impl.run.processes.worker import Died, Raised
from reference_impl.run.subject import NotLoaded, Subject, process_for, process_of

SOME = (CASES[2], CASES[1], CASES[4])
# They compile each shape for a second or more. So they are not asked with other batches, nor in further processes.
COMPILING = ("tensorflow:xla", "torch:compile")
_OF_ONE_SHAPE = (DETERMINISTIC, LAYOUT)


def ask_all(folder: Path, words: Sequence[str]) -> None:
    """Ask all backends that `words` name, one after another, and keep their passports."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(_Processes()) as processes:
        for name in registry.expand(words):
            missing = [dtype for dtype in FORMATS if not _path(folder, name, dtype).exists()]
            if not missing:
                continue
            try:
                subject = processes.subject(name)
            except (NotLoaded, Died) as error:
                print(f"{name}: not here: {error}", flush=True)
                continue
            for dtype in [dtype for dtype in missing if dtype in subject.capabilities.dtypes]:
                begun = time.monotonic()
                kept = _asked(subject, dtype, processes.on_threads(name), list(_others(folder, subject, dtype)))
                kept |= {"cpu": cpu_name(), "seconds": round(time.monotonic() - begun, 1)}
                _path(folder, name, dtype).write_text(json.dumps(kept), "utf-8")
                print(f"{name} {dtype}: {kept['seconds']} s, {kept['alike']}, {kept['answer']}", flush=True)


class _Processes:
    """The processes of the framework and environment that is being asked."""

    def __init__(self) -> None:
        self._held = ""
        self._threads = ThreadProcesses()

    def subject(self, name: str) -> Subject:
        if process_of(name) != self._held:
            self.close()
            self._held, self._process = process_of(name), process_for(process_of(name))
            self._threads = ThreadProcesses()
        return Subject.load(name, self._process)

    def on_threads(self, name: str) -> MakeOnThreads:
        return partial(self._threads.asked, name)

    def close(self) -> None:
        self._threads.close()
        if self._held:
            self._process.close()


def _asked(subject: Subject, dtype: str, on_threads: MakeOnThreads, others: Sequence[dict]) -> dict[str, Any]:
    """Ask for a passport in one dtype. `alike` names the backend whose bits an operation gives."""
    parts: list[Passport] = []
    alike, bits, held, errors = {}, {}, {}, {}
    for operation in [one for one in cases_of(dtype) if one in subject.capabilities.operations]:
        try:
            bits[operation] = _bits(subject, dtype, operation) if others else {}
            same = [other["backend"] for other in others if _gives(other, operation, bits[operation])]
            if same:
                held[operation] = promises(subject, dtype, operation, on_threads)
                alike[operation] = same[0]
            else:
                cases = SOME if others else None
                parts.append(of_subject(subject, dtype, on_threads, [operation], cases, _promises_of(subject)))
        except (Died, Raised) as error:
            errors[operation] = str(error)
    whole = Passport(
        subject.name,
        subject.version,
        dtype,
        tuple(one for part in parts for one in part.sums),
        held | {operation: of for part in parts for operation, of in part.invariances.items()},
        {operation: said for part in parts for operation, said in part.changes.items()},
        {operation: found for part in parts for operation, found in part.bits.items()} | (bits if others else {}),
    )
    return text.as_json(whole) | {"alike": alike, "errors": errors}


def promises(subject: Subject, dtype: str, operation: str, on_threads: MakeOnThreads) -> tuple[Invariance, ...]:
    """Look at the promises of an operation whose sums are not told."""
    cases = subject.capabilities.supported(operation, invariance_cases_of(dtype, [operation])[operation])
    return tuple(invariances(asker(subject), operation, cases, _promises_of(subject), on_threads))


def _promises_of(subject: Subject) -> tuple[str, ...]:
    return _OF_ONE_SHAPE if subject.route in COMPILING else tuple(PROMISES)


def _bits(subject: Subject, dtype: str, operation: str) -> dict[str, str]:
    cases = [*cases_of(dtype, [operation])[operation], *invariance_cases_of(dtype, [operation])[operation]]
    return digests(asker(subject), operation, subject.capabilities.supported(operation, cases))


def _gives(other: dict, operation: str, bits: dict[str, str]) -> bool:
    """True if another passport has told this operation, and has all of these bits."""
    told = operation in other["invariances"] and operation not in other["alike"]
    return bool(bits) and told and bits.items() <= other["bits"][operation].items()


def _others(folder: Path, subject: Subject, dtype: str) -> Iterator[dict]:
    """The other passports of its framework, that of the plain backend first. It has none, so it is told in full."""
    if subject.adapter and subject.name != subject.adapter:
        plain = _path(folder, subject.adapter, dtype)
        for path in (plain, *sorted(folder.glob(f"{subject.adapter}[-@]*_{dtype}.json"))):
            if path.exists():
                yield json.loads(path.read_text("utf-8"))


def _path(folder: Path, name: str, dtype: str) -> Path:
    return folder / f"{name.replace(':', '-')}_{dtype}.json"


if __name__ == "__main__":
    ask_all(Path(sys.argv[1]), sys.argv[2:])
