"""Passports of many backends, routes and environments in four dtypes, and the table of docs/passport.md.

    python benchmarks/passports.py FOLDER torch 'torch:*' torch@avx2 ...      half a minute each
    python benchmarks/passports.py FOLDER                                     prints the table of what is there

The plain backend of a framework comes first, and is told in full. An operation of another route or environment that
gives its bits, on all cases of invariance that both support, is told on one case. The others are told on three. Each
passport is kept in the folder, and is not asked again.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from reference_impl.backends import registry
from reference_impl.backends.promises import PROMISES, THREAD
from reference_impl.exact.formats import FORMATS
from reference_impl.passport import text
from reference_impl.passport.asking import asker, cpu_name, of_subject, on_threads
from reference_impl.passport.invariance import digests
from reference_impl.passport.precision import bits_named
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


HEADS = ("backend", "dtype", "bits of plain", "order of most sums", "adds in", "replayed", "elsewhere", "breaks")


def table(folder: Path) -> Iterator[str]:
    """Yield the rows of the passports that are in the folder."""
    found = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    yield f"| {' | '.join(HEADS)} |"
    yield f"|{'---|' * len(HEADS)}"
    for one in sorted(found, key=_place):
        yield f"| {' | '.join((one['backend'], one['dtype'], *_cells(one)))} |"


def _place(one: dict) -> tuple:
    name = one["backend"]
    plain = name.partition(":")[0].partition("@")[0]
    return plain, name != plain, "@" in name, name, list(FORMATS).index(one["dtype"])


def _cells(one: dict) -> tuple[str, ...]:
    if "error" in one:
        return "", f"no passport: {one['error']}", "", "", "", ""
    sums = [told for told in one["sums"] if told["terms"] > 1]
    orders = Counter(told["order"] for told in sums if told["told"])
    order = " ".join(map(str, orders.most_common(1)[0])) if orders else "none told"
    named = f"{order.rpartition(' ')[0]} ({order.rpartition(' ')[2]} of {len(sums)})" if orders else order
    bits = sorted({bits for told in sums if told["precision"] for bits in told["precision"]["additions"].values()})
    replayed = [told["replayed"] for told in sums if told["replayed"]]
    whole = sum(each["right"] == each["count"] for each in replayed)
    others = sum(bool(told["places"] and told["places"]["differ"]) for told in sums)
    broken = dict.fromkeys(
        seen["promise"] for held in one["invariances"].values() for seen in held if seen["holds"] is False
    )
    offered = len(one["invariances"])
    alike = "" if not one["plain"] else f"{len(one['bits_of_plain'])} of {offered}"
    return (
        alike,
        named,
        " and ".join(bits_named(each).partition(" (")[0] for each in bits),
        f"{whole} of {len(replayed)}",
        f"{others} of {len(sums)}" if others else "",
        ", ".join(broken) or "none",
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        asked(Path(sys.argv[1]), sys.argv[2:])
    else:
        print(*table(Path(sys.argv[1])), sep="\n")
