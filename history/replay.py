"""Replay releases that are known to be wrong. The suite must find each bug, and name its mistake if it has a name.

tox run -e history-torch            # on the wrong release: every bug must be found
tox run -e history-torch-fixed      # on the release that fixed them: no bug may be found
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_impl.backends import registry
from reference_impl.cases.case import Case
from reference_impl.diagnosis import Diagnoses
from reference_impl.run import outcome
from reference_impl.run.known import mark_expected
from reference_impl.run.outcome import Record
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject
from reference_impl.run.whole_backend import invalid_call
from reference_impl.verdicts.invalid_calls import BY_NAME

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path(__file__).with_name("bugs.toml")


@dataclass(frozen=True)
class Bug:
    """A bug of a release, and the call that shows it.

    Parameters
    ----------
    environment : the tox environment without "history-"; it begins with the framework's name
    version : the release's version; text after a "+" is not compared
    backend : the backend, as `verify --backend` takes it
    operation, call : the call that shows the bug; `call` is a case of the catalogue, or the name of an invalid call
    outcome : the outcome of that call
    does, link : the bug in a few words, and a page that describes it
    mistake : the known mistake that the diagnosis must name, if it is one
    fixed : a release without the bug, if one is known
    """

    environment: str
    version: str
    backend: str
    operation: str
    call: str
    outcome: str
    does: str
    link: str
    mistake: str | None = None
    fixed: str | None = None

    @property
    def framework(self) -> str:
        """The framework's name: the environment up to its first digit or dash."""
        return re.split(r"[\d-]", self.environment)[0]


def bugs() -> list[Bug]:
    """Return all bugs of bugs.toml."""
    return [Bug(**entry) for entry in tomllib.loads(FILE.read_text("utf-8"))["bug"]]


def judged(bug: Bug) -> Record:
    """Judge the bug's call. Return the first unexpected record, with a diagnosis, or else the first record."""
    subject = Subject.of(registry.load(bug.backend), bug.backend)
    if bug.call in BY_NAME:
        return mark_expected([invalid_call(subject, bug.operation, BY_NAME[bug.call])], subject)[0]
    selected = for_all([subject], [Case.parse(bug.call)], [bug.operation], full=True)
    records = list(records_of(selected, processes=None))
    unexpected = [record for record in records if record.unexpected]
    return Diagnoses(isolate=True).added(subject, unexpected[0]) if unexpected else records[0]


def objection(bug: Bug, record: Record, *, fixed: bool = False) -> str | None:
    """Return how the record differs from what is expected, or None if it does not."""
    version, wanted = bug.fixed if fixed else bug.version, outcome.PASS if fixed else bug.outcome
    if record.version.partition("+")[0] != version:
        return f"the release must be {version}, not {record.version}"
    if record.outcome != wanted:
        return f"the outcome must be {wanted}, not {record.outcome}: {record.message}"
    if not fixed and bug.mistake and f"*{bug.mistake}*" not in (record.diagnosis or ""):
        return f"the diagnosis must name {bug.mistake}; it is: {record.diagnosis}"
    return None


def row(bug: Bug, record: Record) -> str:
    """Return the bug's row of the table in docs/history.md."""
    release = f"{bug.framework} {record.version.partition('+')[0]}"
    named = re.search(r"^matches \*([a-z0-9-]+)\*", record.diagnosis or "", re.MULTILINE)
    cells = release, f"[{bug.does}]({bug.link})", f"`{bug.operation}` `{bug.call}`", record.outcome
    return f"| {' | '.join(cells)} | {f'`{named[1]}`' if named else ''} |"


def main(environment: str) -> int:
    """Replay the bugs of a tox environment, such as "history-torch" or "history-torch-fixed"."""
    name, fixed = environment.removeprefix("history-").removesuffix("-fixed"), environment.endswith("-fixed")
    chosen = [bug for bug in bugs() if bug.environment == name and (bug.fixed or not fixed)]
    if not chosen:
        known = ", ".join(sorted({f"history-{bug.environment}" for bug in bugs()}))
        raise SystemExit(f"environment must be one of {known}, or its -fixed where there is one; not {environment}")
    objections = list(_replay(chosen, fixed))
    print(f"{len(chosen) - len(objections)} of {len(chosen)} as expected")
    return 1 if objections else 0


def _replay(chosen: Sequence[Bug], fixed: bool) -> Iterator[str]:
    for bug in chosen:
        record = judged(bug)
        found = objection(bug, record, fixed=fixed)
        print(row(bug, record))
        if found:
            print(f"    {found}")
            yield found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
