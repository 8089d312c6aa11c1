"""The process of a backend, as the judge sees it: it is asked to make calls, and may die of them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ...backends import registry
from ...verdicts.agreement import Disagreement
from . import late_deaths, origins
from .batches import Places, View
from .late_deaths import Journal, LateDeath
from .requests import Request
from .shared_memory import Place, Sent, SharedMemory, aligned, answer_in, span
from .worker import TIME_LIMIT, Died, Hung, NotAsked, Raised, Worker

CALL_TIME_LIMIT = 60.0  # seconds
# After so many calls without an answer in time, a backend is asked no more.
MOST_HUNG = 3
NOT_ASKED = "not asked"
# These jobs call no kernel.
_HARMLESS = ("describe", "routes", "declares")
# A kernel that splits its work wrongly is right in one thread. So it has two, even where there is one processor.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "NUMBA_NUM_THREADS")
# Where one of these is set, somebody chose the number of threads.
_CHOSEN_BY = (*_THREADS, "MKL_NUM_THREADS")
# Threads that spin while they wait for work take the processors from the other process: five times slower, measured.
_YIELDING = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}


class NotAnArray:
    """Stands for an answer that is no array. Its type has the name of the answer's type."""


@dataclass(frozen=True, eq=False)
class Answer:
    """One answer, with what the other process saw of it."""

    value: Any
    in_former: bool = False
    """It shares memory with the answer before it."""
    in_argument: bool = False
    """It shares memory with an argument."""


class BackendProcess:
    """A process that has loaded the backends of these names: of one framework, or one of a user's.

    It may be forked from the origin of our adapter, unless its interpreter is to be started in `environment`.
    """

    def __init__(
        self,
        *names: str,
        environment: Mapping[str, str] | None = None,
        time_limit: float = CALL_TIME_LIMIT,
        may_be_forked: bool = True,
    ) -> None:
        self.names, self.time_limit = names, time_limit
        self.environment = {**_two_threads(), **_YIELDING, **(environment or {})}
        self.threads_chosen = bool({*_CHOSEN_BY} & {*os.environ, *(environment or {})})
        """True if somebody chose the number of threads."""
        self.hung: dict[str, int] = {}
        self.late_deaths: list[LateDeath] = []
        self.printed: tuple[int, str] = (0, "")
        """Bytes that the last call wrote to stdout, and how they begin."""
        self.troubles: dict[str, Any] = {}
        """Deaths and hangs of each backend in batches, so that later ones are given less time."""
        self.declaring: dict[str, list[str]] = {}
        """Adapters of ours here whose declarations depend on the case, with their operations."""
        self.declared: dict[tuple[str, str, str], Any] = {}
        """The declarations, by name, operation and case."""
        self.repeated: list[Answer] | Exception | None = None
        """The answers of a call that was made again in one request, or the error; None if it was not."""
        self._journal = Journal()
        self._untouched = True
        """True if the child that makes the calls has made none yet."""
        self._made_usual = False
        """True if a call was made that is not known to damage memory."""
        self._for_damage: BackendProcess | None = None
        self._searched = 0
        self._shared = SharedMemory.make()
        self._lock = threading.RLock()
        descriptor = f"{self._shared.descriptor}:{self._shared.size}"
        self._worker = Worker(
            "backend_process",
            [descriptor, *names],
            environment=self.environment,
            descriptors=[self._shared.descriptor],
            origin=origins.adapter_of(names) if may_be_forked else None,
        )

    def ask(self, job: str, *arguments: Any, time_limit: float | None = None) -> Any:
        """Run another job than a call. Raises Died, or Raised."""
        with self._lock:
            time_limit = TIME_LIMIT if time_limit is None else time_limit
            if job in _HARMLESS:
                return self._worker.ask(job, *arguments, time_limit=time_limit)
            return self._call(job, *arguments, time_limit=time_limit)

    def _call(self, job: str, *arguments: Any, **options: Any) -> Any:
        """Run a job that calls a kernel. A process that a hang has ended is started before its time begins."""
        self._untouched = False
        try:
            if not self._worker.is_started:
                self._worker.ask("declares", {}, [])  # of nothing: it is answered when all is loaded
            return self._worker.ask(job, *arguments, **options)
        except Died:  # another child takes its place
            self._untouched = True
            raise

    def make(self, request: Request) -> list[Answer]:
        """Make the calls of a request, and look at their answers after the last.

        Raises Raised if the backend raises an error, Died if its process dies or hangs, and Disagreement if a call
        writes outside the elements of its arguments. A death that does not come back when the calls are made again is
        looked into: `late_deaths` has what was found.
        """
        with self._lock:
            self._made_usual |= not request.may_damage
            if self.hung.get(request.name, 0) >= MOST_HUNG:
                raise NotAsked(f"{NOT_ASKED}: {MOST_HUNG} calls before gave no answer within {self.time_limit:g} s")
            try:
                answers = self._made(request)
            except Died:
                if not self._first_is_made(request):
                    raise
                return self.make(replace(request, again=None))  # it is asked again alone, and may die then
            repeated = len(self.repeated) if isinstance(self.repeated, list) else 0
            self._journal.add(request.to_replay(len(answers) + repeated))
            return answers

    def _made(self, request: Request) -> list[Answer]:
        try:
            return self.make_once(request)
        except Died as died:
            before, self._journal = self._journal, Journal()
            if died.signal is None or not before.requests:
                raise
            return self._made_again(request, died, before)
        except Raised:
            self._journal.add(request.to_replay())
            raise

    def _first_is_made(self, request: Request) -> bool:
        """True if the last request was to make a call again, and the first call of it had been made."""
        return request.again is not None and self._shared.map[self._first_made] == 1

    def _made_again(self, request: Request, died: Died, before: Journal) -> list[Answer]:
        """Make calls that the process died of again, alone. If they come back, look into the death."""
        lives = True
        try:
            return self._made_alone(request)
        except Died:
            lives = False
            raise
        finally:
            if lives:
                self.late_deaths.append(self.looked_into(before, request.to_replay(), died))

    def _made_alone(self, request: Request) -> list[Answer]:
        """Make calls in a fresh child. There a call is made again at once, if it takes less than a second.

        So a kernel that dies in its second call dies again, though it was asked for repeats apart.
        """
        if request.repeat is None:
            return self.make_once(request)
        first = self.make_once(replace(request, repeat=None, again=request.repeat))
        again, self.repeated = self.repeated, None
        if isinstance(again, Exception):
            raise again
        return again or first

    def looked_into(self, before: Journal, last: Request, died: Died) -> LateDeath:
        """Look into a death of the last call, which comes back alone, after those before. Only a few are searched."""
        self._searched += 1
        return late_deaths.looked_into(before, last, died, self._fresh, unsearched=self._why_not_searched(last))

    def _why_not_searched(self, request: Request) -> str:
        if request.may_damage:
            return "this call is known to damage memory"
        return "too many processes had died late" if self._searched > late_deaths.MOST_SEARCHED else ""

    def _fresh(self, environment: Mapping[str, str]) -> BackendProcess:
        """Make another process of the same backends, with more variables in its environment."""
        return BackendProcess(
            *self.names,
            environment={**self.environment, **environment},
            time_limit=self.time_limit,
            may_be_forked=not environment,
        )

    def for_damage(self) -> BackendProcess:
        """Return the process for calls that are known to damage memory: another one, if this one makes other calls.

        The child there is exchanged after each. The child here keeps what its framework has imported and compiled.
        """
        if self._for_damage is None and self._made_usual:
            self._for_damage = self._fresh({})
            self._for_damage.hung = self.hung
        return self._for_damage or self

    def make_once(self, request: Request) -> list[Answer]:
        """Make the calls of a request. A death is not looked into."""
        self.printed, self.repeated = (0, ""), None
        given = request.arrays
        sent, places = self._send([array for _, array in given])
        number = {id(array): index for index, (_, array) in enumerate(given)}
        self._first_made = sent[-1].end if sent else 0
        offset = self._first_made + aligned(1)
        self._shared.grow(offset + request.most_answers * aligned(request.fill))
        self._shared.map[self._first_made] = 0
        described = {
            "calls": [[operation, *(_encoded(part, number) for part in parts)] for operation, *parts in request.calls],
            "arrays": [vars(place) for place in places],
            "size": self._shared.size,
            "offset": offset,
            "fill": request.fill,
            "threads": request.threads,
            "repeat": request.repeat,
            "on_one_thread": request.on_one_thread,
            "again": request.again,
            "first_made": self._first_made,
            # Frameworks compute in memory of their own. Where there is no right answer, the call may end in an error.
            "guarded": request.fill > 0 and registry.adapter_of(request.name) is None,
        }
        try:
            told = self._call("call", request.name, described, time_limit=self.time_limit)
        except Hung:
            self.hung[request.name] = self.hung.get(request.name, 0) + (not self._first_is_made(request))
            raise
        self.printed = (told.get("printed", 0), told.get("begins", ""))
        for one in sent:
            wrote = one.received(self._shared)
            if wrote is not None:
                argument = next(word for word, array in given if array is one.array)
                self.renew()
                raise Disagreement(f"a call must not write outside its arguments; of the {argument}, {wrote}")
        if "raised" in told:
            if told["grown"]:
                self.renew()
            raise Raised(*told["raised"])
        if told["beyond"]:
            self.renew()
            raise Disagreement(f"a call must not write outside its arrays; {told['beyond'][0]}")
        received = self._received(told["answers"])
        if told["grown"]:
            self.renew()
        elif told.get("again") is not None:
            self._take_repeated(told["again"])
        return received

    def _take_repeated(self, told: dict[str, Any]) -> None:
        """Take the answers of a call that was made again, or its error."""
        self.printed = self.printed[0] + told["printed"], self.printed[1] or told["begins"]
        if "raised" in told:
            self.repeated = Raised(*told["raised"])
        elif told["beyond"]:
            self.repeated = Disagreement(f"a call must not write outside its arrays; {told['beyond'][0]}")
        else:
            self.repeated = self._received(told["answers"])
        if told["grown"] or told.get("beyond"):
            self.renew()

    def place_batch(self, places: Places) -> View:
        """Make room for a batch in shared memory. The next call, or batch, takes the same room."""
        self._shared.grow(places.size)
        return places.view(self._shared)

    def make_batch(self, name: str, places: Places, view: View, first: int, last: int, time_limit: float) -> None:
        """Make those calls of a batch from `first` on, before `last`, that are still waiting.

        Raises Died if the process dies. Then `view` says of which call, and has the answers to those before.
        """
        with self._lock:
            self._journal = Journal()  # its calls are no longer the last ones
            told = self._call(
                "batch",
                name,
                asdict(places),
                self._shared.size,
                first,
                last,
                time_limit,
                time_limit=3 * time_limit + TIME_LIMIT,  # the process has an alarm of its own
                progress=lambda: (view.states.tobytes(), view.seconds.tobytes()),
            )
            self.printed = (told["printed"], told["begins"])
            if told["grown"]:
                self.renew()

    def _send(self, arrays: Sequence[np.ndarray]) -> tuple[list[Sent], list[Place]]:
        """Put arrays into shared memory. One that lies within another keeps its place there."""
        sent: list[Sent] = []
        places: dict[int, Place] = {}
        for array in sorted(arrays, key=span, reverse=True):
            within = next((one for one in sent if one.holds(array)), None)
            if within is None:
                within = Sent(array, self._shared, sent[-1].end if sent else 0)
                sent.append(within)
            places[id(array)] = within.place if within.array is array else within.place_of(array)
        return sent, [places[id(array)] for array in arrays]

    def _received(self, told: Sequence[dict[str, Any]]) -> list[Answer]:
        """Return the answers of a request. Those that did not fit are fetched behind those that did."""
        behind = max((answer["offset"] + aligned(answer["bytes"]) for answer in told if "bytes" in answer), default=0)
        return [self._one_received(answer, behind) for answer in told]

    def _one_received(self, answer: dict[str, Any], behind: int) -> Answer:
        if "type" in answer:
            return Answer(type(str(answer["type"]), (NotAnArray,), {})())
        offset = answer["offset"]
        if "unfit" in answer:
            offset = behind
            self._shared.grow(offset + answer["needs"])
            answer["bytes"] = self._worker.ask("fetch", answer["unfit"], offset, self._shared.size)
        return Answer(answer_in(self._shared, answer, offset), answer["in_former"], answer["in_argument"])

    def renew(self) -> None:
        """Exchange the child that makes the calls for a fresh one. No earlier call can have damaged its memory."""
        self._journal = Journal()
        if self._untouched:
            return
        self._untouched = True
        with contextlib.suppress(Died):  # as it is told to
            self._worker.ask("renew")

    def close(self) -> None:
        """End the process."""
        if self._for_damage is not None:
            self._for_damage.close()
        self._worker.close(for_good=True)


_AS_THEY_ARE = (int, str, bool, float)


def _two_threads() -> dict[str, str]:
    """Variables that ask for two threads where a library would take one. Variables that are set stay as they are."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {name: "2" for name in _THREADS if name not in os.environ} if processors == 1 else {}


def _encoded(value: Any, number: dict[int, int]) -> Any:
    """The arguments of a call as JSON: {"array": k} stands for an array, and lists for tuples."""
    if value is None or type(value) in _AS_THEY_ARE:  # nearly all are
        return value
    if isinstance(value, np.ndarray):
        return {"array": number[id(value)]}
    if isinstance(value, dict):
        return {key: _encoded(item, number) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_encoded(item, number) for item in value]
    return value.item() if isinstance(value, np.generic) else value
