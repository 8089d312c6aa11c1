"""Passports of many backends, routes and environments in four dtypes, and the table of docs/passport.md.

    python benchmarks/passports.py FOLDER torch 'torch:*' torch@avx2 ...      in minutes to an hour
    python benchmarks/passports.py FOLDER                                     prints the table of what is there

The plain backend of a framework comes first, and is told in full. An operation of another route or environment that
gives its bits, on all cases of invariance that both support, is told on one case. The others are told on three. Each
passport is kept in the folder, and is not asked again.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from reference_impl.backends import registry
from reference_impl.backends.promises import PROMISES, THREAD
from reference_impl.exact.formats import FORMATS
from reference_impl.passport import text
from reference_impl.passport.asking import asker, cpu_name, of_subject, on_threads
from reference_impl.passport.invariance import digests
from reference_impl.passport.telling import CASES, Passport, invariance_cases_of
from reference_impl.run.processes.worker import Died, Raised
from reference_impl.run.subject import NotLoaded, Subject, process_for, process_of

SOME = (CASES[2], CASES[1], CASES[4])
_WITHOUT_THREADS = tuple(word for word in PROMISES if word != THREAD)


def asked(folder: Path, words: Sequence[str]) -> None:
    """Ask all backends that `words` name, one after another, and keep their passports."""
    folder.mkdir(parents=True, exist_ok=True)
    process, held = None, ""
    for name in registry.expand(words):
        missing = [dtype for dtype in FORMATS if not _path(folder, name, dtype).exists()]
        if not missing:
            continue
        if process_of(name) != held:
            if process is not None:
                process.close()
            held, process = process_of(name), process_for(process_of(name))
        try:
            subject = Subject.load(name, process)
        except (NotLoaded, Died) as error:
            print(f"{name}: not here: {error}", flush=True)
            continue
        with on_threads(subject) as make:
            for dtype in [dtype for dtype in missing if dtype in subject.capabilities.dtypes]:
                begun = time.monotonic()
                try:
                    kept = _asked(subject, dtype, make, _plain(folder, subject, dtype))
                except (Died, Raised) as error:
                    kept = {"backend": name, "dtype": dtype, "error": str(error)}
                kept |= {"cpu": cpu_name(), "seconds": round(time.monotonic() - begun, 1)}
                _path(folder, name, dtype).write_text(json.dumps(kept), "utf-8")
                print(f"{name} {dtype}: {kept['seconds']} s, {kept.get('error') or kept['answer']}", flush=True)


def _asked(subject: Subject, dtype: str, make, plain: dict) -> dict:
    offered = [operation for operation in invariance_cases_of(dtype) if operation in subject.capabilities.operations]
    supported = subject.capabilities.supported
    alike = []
    for operation in offered if plain else ():
        cases = supported(operation, invariance_cases_of(dtype)[operation])
        both = [case for case in cases if str(case) in plain["bits"].get(operation, {})]
        bits = digests(asker(subject), operation, both)
        if both and all(plain["bits"][operation][case] == found for case, found in bits.items()):
            alike.append(operation)
    others = [operation for operation in offered if operation not in alike]
    promises = tuple(PROMISES) if not plain or subject.environment else _WITHOUT_THREADS
    told = [of_subject(subject, dtype, make, others, SOME if plain else None, promises)] if others else []
    if alike:
        told.append(of_subject(subject, dtype, make, alike, SOME[:1], _WITHOUT_THREADS))
    whole = Passport(
        subject.name,
        subject.version,
        dtype,
        tuple(one for some in told for one in some.sums),
        {operation: held for some in told for operation, held in some.invariances.items()},
        {operation: said for some in told for operation, said in some.changes.items()},
        {operation: bits for some in told for operation, bits in some.bits.items()},
    )
    return text.as_json(whole) | {"bits_of_plain": alike, "plain": plain.get("backend", "")}


def _plain(folder: Path, subject: Subject, dtype: str) -> dict:
    """The passport of the plain backend, if this is another route or environment of it."""
    path = _path(folder, subject.adapter or "", dtype)
    return json.loads(path.read_text("utf-8")) if subject.name != subject.adapter and path.exists() else {}


def _path(folder: Path, name: str, dtype: str) -> Path:
    return folder / f"{name.replace(':', '-')}_{dtype}.json"


if __name__ == "__main__":
    asked(Path(sys.argv[1]), sys.argv[2:])
