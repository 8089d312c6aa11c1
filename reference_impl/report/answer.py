"""The answer on one line, for each backend: right, wrong, or not enough judged to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..cases.case import DTYPES, Case
from ..cases.covering.claim import Share
from ..console import plain_name, plain_text
from ..mistakes import MISTAKES
from ..operations import OPERATIONS
from ..run import outcome
from ..run.choice import STRENGTH
from ..run.selection import Selection
from ..run.speed import TOO_SLOW
from ..run.whole_backend import LOADS
from ..words import counted
from .finding import Finding, along_of, cache_of, mistake_of
from .judged import Judged
from .tally import Tally

SUSPECT = "ORACLE SUSPECT"
WRONG, NOT_LOADED, FIXED = "WRONG", "NOT LOADED", "UNEXPECTEDLY RIGHT"
SUITE, CUT_SHORT, LITTLE = "SUITE FAILED", "CUT SHORT", "JUDGED TOO LITTLE"
NOT_JUDGED, KNOWN, RIGHT = "NOT JUDGED", "KNOWN FAILURES ONLY", "RIGHT"
WORDS = (SUSPECT, WRONG, NOT_LOADED, FIXED, SUITE, CUT_SHORT, LITTLE, NOT_JUDGED, KNOWN, RIGHT)
"""The words of an answer, the worst first."""

_MOST_LETTERS = 160
_ALWAYS = "on every call"
# A narrow terminal has so many columns.
_MOST_COLUMNS = 80


@dataclass(frozen=True)
class Answer:
    """The answer on one backend: one of WORDS, and what it rests on. `name` has the version."""

    name: str
    word: str
    said: str
    robustness: int = 0

    @property
    def line(self) -> str:
        kinds = f"{self.robustness} kind{'s' if self.robustness > 1 else ''} of robustness failures, below"
        return f"{self.name}: {self.word}  {self.said}" + (f"; {kinds}" if self.robustness else "")


def answers(
    tally: Tally,
    asked: Selection,
    counts: Sequence[Judged],
    found: Mapping[str, Sequence[Finding]],
    *,
    shares: Mapping[str, Share],
    ended: str = "",
) -> list[Answer]:
    """Answer for each backend, the worst first. `ended` says how the run ended early, if it did."""
    if tally.suspects:
        said = f"no backend is accused; {len(tally.suspects)} calls contradict the oracle"
        return [Answer("The oracle", SUSPECT, said)]
    records = tally.by_backend
    told = [
        _answer(one, asked, records.get(one.subject.name, []), found.get(one.subject.name, ()), shares, ended)
        for one in counts
    ]
    told += [Answer(plain_name(name), NOT_LOADED, plain_text(str(error))) for name, error in asked.errors.items()]
    return sorted(told, key=lambda answer: (WORDS.index(answer.word), -answer.robustness))


def summary(told: Sequence[Answer]) -> str:
    """Answer for all backends on one line: the last of a report. It names those that are not right, while they fit."""
    if len(told) == 1:
        return told[0].line
    lines = (_summary(told, most=most) for most in range(len(told), -1, -1))
    return next((line for line in lines if len(line) <= _MOST_COLUMNS), _summary(told, most=0))


def _summary(told: Sequence[Answer], most: int) -> str:
    """Count the right backends, then name up to `most` of each other word."""
    by_word: dict[str, list[str]] = {word: [] for word in WORDS}
    for answer in told:
        by_word[answer.word].append(answer.name.rpartition(" ")[0] or answer.name)
    parts = [f"{len(by_word.pop(RIGHT))} of {len(told)} backends RIGHT"]
    for word, names in by_word.items():
        shown = [] if word == KNOWN else names[:most]  # all is well with these
        if shown:
            more = f", and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            parts.append(f"{word}: {', '.join(shown)}{more}")
        elif names:
            parts.append(f"{len(names)} {word}")
    fragile = sum(answer.robustness > 0 for answer in told)
    return "; ".join([*parts, *([f"{fragile} with robustness failures"] if fragile else [])])


def _answer(
    one: Judged,
    asked: Selection,
    records: Sequence,
    found: Sequence[Finding],
    shares: Mapping[str, Share],
    ended: str,
) -> Answer:
    name = f"{plain_name(one.subject.name)} {plain_name(one.subject.version)}"
    wrong = [finding for finding in found if finding.robustness is None]
    robustness, judged = len({finding.robustness for finding in found} - {None}), one.judged.total()
    broken = len({record.call for record in records if record.outcome == outcome.SUITE})
    known = len({record.call for record in records if record.outcome == outcome.KNOWN})
    if any(finding.record.outcome != outcome.FIXED for finding in wrong):
        first, *others = (finding for finding in wrong if finding.record.outcome != outcome.FIXED)
        more = [f"{len(others)} more bug{'s' if len(others) > 1 else ''}, below"] if others else []
        more += [f"{_more(one.left_out)} not made"] if one.left_out else []
        more += [f"the suite itself failed on {broken} calls"] if broken else []
        more += [ended] if ended else []
        how_many = first.counted or f"{first.failed:,} of {counted(judged, 'call')}"
        what = cause(first)
        if set(first.operations) < set(one.judged):
            what = what.replace(_ALWAYS, f"{_ALWAYS} of {' and '.join(first.operations)}")
        said = f"{what} ({how_many})"
        return Answer(name, WRONG, "; ".join([said, *more]), robustness)
    if wrong:
        return Answer(name, FIXED, wrong[0].line, robustness)
    if broken:
        return Answer(
            name, SUITE, f"{broken:,} of {judged:,} calls could not be judged: please report this", robustness
        )
    if ended:
        return Answer(name, CUT_SHORT, f"no wrong answer in {judged:,} calls until then; {ended}", robustness)
    if one.verdict:
        return Answer(name, LITTLE, _too_little(one), robustness)
    if one.nothing:
        return Answer(name, NOT_JUDGED, f"none of {one.given:,} calls is of a kind that it offers", robustness)
    basis = _basis(one, asked, records, shares.get(one.subject.name))
    if known:
        said = f"{known:,} of {judged:,} calls fail as expected; the others are right: {basis}"
        return Answer(name, KNOWN, said, robustness)
    return Answer(name, RIGHT, basis, robustness)


def cause(finding: Finding) -> str:
    """Say in a few words what is wrong: a cache, the known mistake that the failure matches, or else when it comes."""
    if cache := cache_of(finding.record):
        return cache
    named = mistake_of(finding.record)
    does = next((mistake.does for mistake in MISTAKES if mistake.name == named), None)
    if does is None:
        kind, _, rest = finding.line.partition("  ")
        where = rest.partition(":")[0].removesuffix("and only there").rstrip(", ")
        where = f"in {where}" if where in OPERATIONS else where
        where = "" if where[:1].isdigit() else where  # too few calls to tell conditions
        said = " ".join(f"{kind} {where}".split()) if rest else finding.line
    else:
        said = does.rstrip(".") if does[1].isupper() else does[0].lower() + does[1:].rstrip(".")
        said += along_of(finding.record)
        said += f", in {' and '.join(finding.operations)}" if len(finding.operations) < 3 else ""
    said = plain_text(said).replace("\n", " ")
    return said if len(said) <= _MOST_LETTERS else f"{said[:_MOST_LETTERS].rpartition(' ')[0]} ..."


def _too_little(one: Judged) -> str:
    said = (one.verdict or "").removeprefix("judged ")
    if not one.given:
        return f"{said}, as it was given no call"
    reason = "".join(f"; {count:,} {slow}" for slow, count in one.left_out.items())
    why = one.lacks.most_common(1)
    reason += f"; {one.lacks.total():,} unsupported: {plain_text(why[0][0])}" if why else ""
    return f"{said}, of {counted(one.given, 'call')}{reason}" + (", ..." if len(one.lacks) > 1 else "")


def _basis(one: Judged, asked: Selection, records: Sequence, share: Share | None) -> str:
    """Say on what the answer rests: how many calls, which combinations, and to what the run was narrowed."""
    if set(one.judged) == {LOADS}:
        return "it can be loaded; nothing else was asked"
    calls = counted(one.judged.total(), "call")
    if asked.fewest > 1 and share is not None:
        part = "all" if share.is_all else f"{share} of the"
        of_what = " of what it supports" if asked.reached.get(one.subject.name) else ""
        parts = [calls, f"{part} {STRENGTH}-way combinations{of_what}"]
    else:
        parts = [f"{calls} on the cases that were named" if asked.cases and not asked.only else calls]
    thin = len({record.call for record in records if record.outcome == outcome.MISTRUSTED})
    parts[1:1] = [f"{thin:,} of them on data that prove little"] if thin else []
    offered = one.subject.capabilities
    operations = [name for name in offered.operations if name in asked.operations]
    if one.left_out:
        parts.append(f"{_more(one.left_out)} {TOO_SLOW}")
    if one.lacks:
        without = [name for name in operations if not one.judged[name]]
        of_all = f", all of {' and '.join(without)} among them" if without else ""
        parts.append(f"{_more(one.lacks)} unsupported{of_all}")
    narrowed = [*asked.only, *(asked.whole if not asked.cases else ())]
    narrowed += _part(operations, offered.operations)
    if asked.fewest > 1:  # a case that is named says its dtype itself
        narrowed += _part({Case.parse(spec).dtype for spec in _judged_cases(records)}, offered.dtypes)
    return ", ".join(parts) + (f"; asked was {', '.join(narrowed)} alone" if narrowed else "")


def _more(reasons: Counter[str]) -> str:
    count = reasons.total()
    return f"{counted(count, 'more call')} {'is' if count == 1 else 'are'}"


def _judged_cases(records: Iterable) -> set[str]:
    return {record.case for record in records if record.case and record.outcome != outcome.UNSUPPORTED}


def _part(asked: Iterable[str] | Counter[str], offered: Sequence[str]) -> list[str]:
    """Return what was asked, if that is not all that is offered."""
    asked = set(asked)
    order = [*offered, *(dtype for dtype in DTYPES if dtype not in offered)]
    return [] if asked >= set(offered) else sorted(asked, key=lambda name: order.index(name) if name in order else 99)
