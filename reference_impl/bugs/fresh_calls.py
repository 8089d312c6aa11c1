"""Fresh calls, drawn to refute the conditions that are stated for a bug."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..arguments import PADDING_WORDS, Padding
from ..cases.case import Case
from .judged_call import JudgedCall

# The most products of a fresh case, or as many as the largest case given.
_MOST_PRODUCTS = 50_000
_CHANGES = (1, 1, 1, 2, 2, 3, 5)
_PARTS = ("batch", "height", "width", "kernel", "strides", "dilations", "padding", "groups", "inputs", "outputs")
_WORDS = ("operation", "dtype", "route", "environment")


class FreshCalls:
    """Calls that were not judged yet, made from judged ones by changing a few parts."""

    def __init__(self, calls: Sequence[JudgedCall], seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.calls = calls
        self.known = {_key(call) for call in calls}
        self.words = {name: sorted({_word(call, name) for call in calls}) for name in _WORDS}
        self.parts = [*_PARTS, *(name for name, words in self.words.items() if len(words) > 1)]
        self.most = max(_MOST_PRODUCTS, max((call.case.multiply_adds for call in calls[:2000]), default=0))

    def like(self, starts: Sequence[JudgedCall], count: int) -> list[JudgedCall]:
        """Return up to `count` fresh calls, each made from one of `starts`."""
        found: dict[tuple, JudgedCall] = {}
        for _ in range(2 * count):
            if len(found) == count:
                break
            call = self._changed(self.random.choice(starts))
            if call is not None and _key(call) not in self.known:
                found.setdefault(_key(call), call)
        return list(found.values())

    def _changed(self, start: JudgedCall) -> JudgedCall | None:
        other = self.random.choice(self.calls)
        names = self.random.sample(self.parts, self.random.choice(_CHANGES))
        parts, words = _parts(start.case), {name: _word(start, name) for name in _WORDS}
        for name in names:
            if name in words:
                words[name] = self.random.choice(self.words[name])
            else:
                parts[name] = self._value(name, parts[name], _parts(other.case)[name])
        try:
            case = _case(parts, words["dtype"])
        except ValueError:  # no convolution
            return None
        if case.multiply_adds > self.most:
            return None
        del words["dtype"]
        return replace(start, case=case, outcome="", diagnosis=None, implementation=None, **words)

    def _value(self, name: str, value: Any, other: Any) -> Any:
        """Return another value of a part: of another call, or near this one, or the simplest."""
        if self.random.random() < 0.4:
            return other
        if name == "padding":
            return self._padding(value)
        if isinstance(value, tuple):
            place = self.random.randrange(2)
            near = [self._near(number) if place == spot else number for spot, number in enumerate(value)]
            return tuple(near)
        return self._near(value)

    def _near(self, number: int) -> int:
        choice = self.random.choice
        return max(choice((number - 1, number + 1, number - 2, number + 2, 2 * number, number // 2, 1, 2)), 1)

    def _padding(self, padding: Padding) -> Padding:
        word = self.random.choice((*PADDING_WORDS, "EXPLICIT"))
        if word != "EXPLICIT":
            return word
        if isinstance(padding, str):
            pads = [self.random.randrange(4) for _ in range(4)]
        else:
            pads = [pad for pair in padding for pad in pair]
            place = self.random.randrange(4)
            pads[place] = max(pads[place] + self.random.choice((-1, 1, 2)), 0)
        return (pads[0], pads[1]), (pads[2], pads[3])


def _key(call: JudgedCall) -> tuple:
    return call.operation, call.case, call.route, call.environment


def _word(call: JudgedCall, name: str) -> str:
    return call.case.dtype if name == "dtype" else getattr(call, name)


def _parts(case: Case) -> dict[str, Any]:
    return {
        "batch": case.batch,
        "height": case.height,
        "width": case.width,
        "kernel": case.kernel_size,
        "strides": case.strides,
        "dilations": case.dilations,
        "padding": case.padding,
        "groups": case.groups,
        "inputs": case.input_channels // case.groups,
        "outputs": case.output_channels // case.groups,
    }


def _case(parts: dict[str, Any], dtype: str) -> Case:
    return Case(
        parts["batch"],
        parts["height"],
        parts["width"],
        parts["groups"] * parts["inputs"],
        parts["kernel"],
        parts["groups"] * parts["outputs"],
        parts["strides"],
        parts["dilations"],
        parts["groups"],
        parts["padding"],
        dtype,
    )
