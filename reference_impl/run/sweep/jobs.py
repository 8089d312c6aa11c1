"""Job and Answer: one chunk to judge, and its results; and the setting that all jobs of a sweep share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from .judging import ChunkResult
from .machine import Machine
from .scope import Scope


@dataclass(frozen=True)
class Setting:
    """The part that all jobs of a sweep share.

    Parameters
    ----------
    dtype : of all calls, or None for those of the cases
    backends : the arguments that load the backends
    time_limit : seconds for one call
    variables : those that frameworks read, as they are where the sweep was begun
    """

    scope: Scope
    dtype: str | None
    seed: int
    backends: tuple[str, ...]
    time_limit: float
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """A chunk to judge, and the arguments of the backends that have not been asked it."""

    chunk: int
    backends: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """The results of a job by backend, with the machine that judged, and the versions of the backends there.

    `seconds` is the time of the job, without that of loading the backends.
    """

    job: Job
    results: Mapping[str, ChunkResult]
    seconds: float
    machine: Machine
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Lost:
    """A job without an answer: the process that judged it died each time. `reason` says how."""

    job: Job
    reason: str


class Engine(Protocol):
    """Judges jobs in several processes."""

    @property
    def processes(self) -> int:
        """The number of jobs that are judged at once."""

    def answers(self, jobs: Iterator[Job]) -> Iterator[Answer | Lost]:
        """Judge all jobs, and yield their answers as they come. A job is taken from the iterator when one is due."""

    def close(self) -> None:
        """End all processes that it has started."""
