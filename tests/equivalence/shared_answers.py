"""Answers of frameworks while tests are collected: one worker of pytest-xdist asks, and the others read them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from threading import get_ident
from typing import Any
from unittest.mock import patch

from reference_impl.backends import registry
from reference_impl.run.processes.asking import BackendProcess
from reference_impl.run.subject import OURS

_ask = BackendProcess.ask
_FINISHED = "finished"
_SECONDS = 120  # to wait for answers


class SharedAnswers:
    """Answers in a folder. Only the worker that `asks` starts the processes of frameworks before `finish`.

    All workers collect the same tests, so they ask the same questions.
    """

    def __init__(self, folder: Path, *, asks: bool) -> None:
        self.folder, self.asks = folder, asks
        self._end = time.monotonic() + _SECONDS
        answer = self._answer

        def ask(process: BackendProcess, *question: Any, **options: Any) -> Any:
            of_framework = {*process.names} <= {*registry.ADAPTERS} - {*OURS}
            return (answer if of_framework else _ask)(process, *question, **options)

        self._patch = patch.object(BackendProcess, "ask", ask)
        self._patch.start()

    def finish(self) -> None:
        """Let each worker ask for itself from now on."""
        self._patch.stop()
        if self.asks:
            (self.folder / _FINISHED).touch()

    def _answer(self, process: BackendProcess, *question: Any, **options: Any) -> Any:
        name = hashlib.sha256(json.dumps([process.names, question]).encode()).hexdigest()
        file = self.folder / name
        if not self.asks:
            answer = self._read(file)
            return _ask(process, *question, **options) if answer is None else answer
        answer = None  # where the process dies or raises an error, each worker sees that for itself
        try:
            answer = _ask(process, *question, **options)
        finally:
            written = self.folder / f"{name}-{get_ident()}"  # two threads may ask the same
            written.write_text(json.dumps(answer))
            written.replace(file)
        return answer

    def _read(self, file: Path) -> Any:
        """Return the answer as soon as it is there; None if there is none, so that this worker asks too."""
        while not file.exists():
            if self.is_finished() and not file.exists():
                return None
            time.sleep(0.02)
        return json.loads(file.read_text())

    def is_finished(self) -> bool:
        """True if no further answers come: the worker that asks has what it needs, or it is slow or dead."""
        return (self.folder / _FINISHED).exists() or time.monotonic() > self._end
