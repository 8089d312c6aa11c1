"""The exit statuses of all commands. docs/verdicts.md says what each means."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit status of a command. If a signal ends it, that is 128 and the signal's number."""

    PASSED = 0
    FAILED = 1
    BAD_USAGE = 2
    ORACLE_IS_SUSPECT = 3
    JUDGED_TOO_LITTLE = 4
    SUITE_FAILED = 70  # EX_SOFTWARE of sysexits.h
    NOT_WRITTEN = 74  # EX_IOERR of sysexits.h
    INTERRUPTED = 130
