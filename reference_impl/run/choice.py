"""The choice of cases and dtypes for each backend: the one place that decides.

Everybody who runs the suite asks here: `verify`, `check_backend`, `parametrize_with_checks`, the equivalence tests, the
mutation score, and `export`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from ..backends import registry
from ..cases import catalogue
from ..cases.case import DTYPES, Case
from ..cases.generation import generate
from ..cases.variations import one_changed
from ..operations import OPERATIONS
from .enough import FEWEST, completed, covering
from .enough import assured as assured_cases
from .selection import Selection, for_all
from .shares import LARGE, takes
from .spread import DEFAULT_DTYPES, GENERATED, dtypes_of, further_dtypes, in_dtypes, spread, together
from .subject import Loaded, Subject
from .whole_backend import USUAL, WHOLE_BACKEND_CHECKS

# Generated cases by default: of `verify` and `check_backend`, and of `parametrize_with_checks`.
EXAMPLES, PYTEST_EXAMPLES = 100, 20
# The catalogues of small cases; and the few cases that `export` writes by default.
SMALL = ("curated", "regressions")
EXPORTED = ("smoke",)
# The designed catalogues that `verify` and `check_backend` give by default.
# The default cases have all combinations of so many named factors.
STRENGTH = 3
CLAIMED = (catalogue.BY_STRENGTH[STRENGTH], "values", "ladder")
# The order of the default catalogues for a kernel that was made for one shape: at first, sizes at which kernels break.
LIMITS_FIRST = ("values", "ladder")
# The catalogues that are completed with drawn cases for a backend that supports few of theirs.
_COMPLETED = (*SMALL, *CLAIMED, "smoke")


def for_verify(
    loaded: Loaded,
    words: Sequence[str] = (),
    *,
    operations: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    checks: Sequence[str] = (),
    examples: int | None = None,
    seed: int = 0,
    full: bool = False,
    strength: int = STRENGTH,
    required: Sequence[str] = (),
) -> Selection:
    """Select what `verify` asks. `words` name cases; empty sequences, and None, stand for the default.

    The default cases have all feasible combinations of any `strength` named factors.

    Cases that are named one by one, or in a file, are a reproducer: every backend is given all of them and nothing else
    is run. Of a catalogue that is named, slow backends of ours are given their share.
    Raises OSError or ValueError if a word names no cases.
    """
    if examples is None:
        examples = 0 if words else EXAMPLES
    of_calls = not checks or bool(set(checks) - set(WHOLE_BACKEND_CHECKS))
    named = tuple(operations) or OPERATIONS
    stronger = {catalogue.BY_STRENGTH[STRENGTH]: catalogue.BY_STRENGTH[strength]}
    default = [stronger.get(word, word) for word in catalogue.DEFAULT]
    in_part = not full and all(word in catalogue.NAMES for word in words)
    groups, unasked, assured, reached = [], set(), {}, {}
    for usual, group in _by_dtypes(loaded.subjects, fixed=bool(dtypes)):
        offered = {dtype for subject in group for dtype in subject.capabilities.dtypes}
        others = () if dtypes else tuple(dtype for dtype in DTYPES if dtype in offered - set(usual))
        usual = tuple(dtypes) or usual
        by_default = default if words else _ordered(default, group)
        cases = _cases(words or by_default, dtypes, usual, others, examples, seed) if of_calls else []
        if of_calls and not words:
            cases = list(dict.fromkeys((*_own_first(group, dtypes or usual), *cases)))
        for subject in group if of_calls and not words else ():
            if set(dtypes or usual) & set(dtypes_of(subject)[:1]):
                cases, reached[subject.name] = covering(cases, subject, named, STRENGTH, seed)
        if of_calls and chooses(words):
            cases = completed(cases, group, named, (*usual, *others), seed)
        if not dtypes:
            unasked |= {*usual, *others} - _named_dtypes(words)
        if in_part:
            small = [case for case in cases if case.multiply_adds <= LARGE]
            for subject in (each for each in group if each.capabilities.share < 1 and (each.adapter or not words)):
                assured[subject.name] = assured_cases(small, subject, named, seed, partial(takes, subject, seed=seed))
        groups.append((tuple(group), tuple(cases)))
    usual_checks = () if checks or words else USUAL
    whole = tuple(name for name in WHOLE_BACKEND_CHECKS if name in checks or name in usual_checks)
    return Selection(
        tuple(groups),
        named,
        seed,
        full or bool(words),
        tuple(checks),
        whole,
        loaded.errors,
        unasked=frozenset(unasked),
        assured=assured,
        fewest=FEWEST if chooses(words) and not checks else 1,
        all_of_state=full or bool(checks),
        slow_in_part=in_part,
        designed_in_part=in_part and not checks,
        dtypes_in_part=not dtypes,
        required=tuple(required),
        reached=reached,
    )


def for_own_backend(
    subject: Subject,
    cases: Iterable[Case | str] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
    *,
    as_a_whole: bool = False,
) -> Selection:
    """Select what `check_backend` asks: every check, on the cases that are named or on small and generated ones.

    Catalogues and generated cases are given in the dtypes of the backend, and completed until it supports enough of
    them. Cases that are named one by one are run as they are. `as_a_whole` adds the checks on whole backends, unless
    cases are named.
    """
    whole = USUAL if as_a_whole and cases is None else ()
    words = None if cases is None else [cases] if isinstance(cases, Case | str) else list(cases)
    usual, others = dtypes_of(subject), further_dtypes(subject)
    chosen: list[Case] = []
    for word in _ordered((*SMALL, *CLAIMED), [subject]) if words is None else words:
        if isinstance(word, str) and word in _COMPLETED:
            chosen += spread(word, catalogue.load(word), usual, others, seed)
        else:
            chosen += [word] if isinstance(word, Case) else catalogue.resolve(word)
    reached = {}
    completes = words is None or chooses([word for word in words if isinstance(word, str)], empty=False)
    if completes:
        chosen = together(chosen, (*usual, *others))
        if words is None:
            chosen += spread(GENERATED, generate(examples, seed), usual, others, seed)
            chosen = list(dict.fromkeys((*_own_first([subject], usual), *chosen)))
            chosen, reached[subject.name] = covering(chosen, subject, OPERATIONS, STRENGTH, seed)
        chosen = completed(chosen, [subject], OPERATIONS, (*usual, *others), seed)
    fewest = FEWEST if completes else 1
    return for_all(
        [subject],
        chosen,
        seed=seed,
        full=True,
        whole=whole,
        fewest=fewest,
        designed_in_part=completes,
        reached=reached,
    )


def cases_for_pytest(subject: Subject, words: Sequence[str] = (), seed: int = 0) -> list[Case]:
    """The cases that the equivalence tests give to a backend: those that are named, as they are, or the catalogues.

    A framework takes the small cases (curated and regressions) in its first dtype, a quarter of them in its other
    default dtypes, the smoke cases each in one of its further dtypes, and a third of the network layers. A route, or a
    backend of our own, takes a quarter of the small cases, each in one of its dtypes. A backend that declares a `share`
    takes that share of these. The seed decides which part it is; `verify` gives a backend all of them. A user's
    backend, and one that is given a catalogue by name, is given more cases until it supports enough.
    """
    if words:
        named = [case for word in words for case in catalogue.resolve(word)]
        return completed(named, [subject], OPERATIONS, ("float32",), seed) if chooses(words) else named

    def number(case: Case) -> int:
        # A case keeps its number, and so its part and its dtype, when other cases are added.
        return zlib.crc32(f"{seed} {subject.name} {case}".encode())

    dtypes, small = dtypes_of(subject), small_cases()
    quarter = [case for case in small if number(case) % 4 == 0]
    if subject.is_route:
        chosen = [case.with_dtype(dtypes[number(case) // 4 % len(dtypes)]) for case in quarter]
    else:
        chosen = in_dtypes(small, dtypes[:1]) + in_dtypes(quarter, dtypes[1:])
        further = further_dtypes(subject) or dtypes[:1]
        chosen += [case.with_dtype(further[number(case) % len(further)]) for case in catalogue.load("smoke")]
        chosen += [case for case in catalogue.load("networks") if number(case) % 3 == 0]
    given = [case for case in chosen if takes(subject, case, seed)]
    ours = registry.adapter_of(subject.argument or subject.name) is not None
    return given if ours else completed(given, [subject], OPERATIONS, dtypes[:1], seed)


def small_cases() -> list[Case]:
    """The curated and regression cases."""
    return [case for name in SMALL for case in catalogue.load(name)]


def _own_first(group: Iterable[Subject], dtypes: Sequence[str]) -> list[Case]:
    """The cases that backends were made for, then those with one part changed that they support."""
    found: list[Case] = []
    for subject in group:
        declared = subject.capabilities
        own = [Case.parse(spec) for spec in declared.made_for]
        offered = [dtype for dtype in dtypes if dtype in declared.dtypes]
        for case in in_dtypes(own, offered):
            changed = one_changed(case)
            some = [set(declared.supported(operation, changed)) for operation in declared.operations]
            found += [case, *(each for each in changed if any(each in supported for supported in some))]
    return found


def _ordered(words: Sequence[str], group: Iterable[Subject]) -> list[str]:
    """The default catalogues in their order; those of LIMITS_FIRST first for kernels that were made for one shape."""
    made_for_one = any(subject.capabilities.made_for for subject in group)
    return sorted(words, key=lambda word: word not in LIMITS_FIRST) if made_for_one else list(words)


def _by_dtypes(subjects: Iterable[Subject], *, fixed: bool) -> list[tuple[tuple[str, ...], list[Subject]]]:
    """The backends by the dtypes of their cases: the default ones or, for a backend that offers none of them, its own.

    `fixed` if dtypes are asked for: then all backends get the same. A backend that was made for one shape stands alone.
    """
    groups: dict[tuple[tuple[str, ...], str], list[Subject]] = {}
    for subject in subjects:
        own = tuple(dtype for dtype in DTYPES if dtype in subject.capabilities.dtypes)
        usual = fixed or not own or set(own) & set(DEFAULT_DTYPES)
        alone = subject.name if subject.capabilities.made_for else ""
        groups.setdefault((DEFAULT_DTYPES if usual else own, alone), []).append(subject)
    return [(dtypes, group) for (dtypes, _), group in groups.items()]


def _cases(
    words: Sequence[str],
    dtypes: Sequence[str],
    usual: Sequence[str],
    others: Sequence[str],
    examples: int,
    seed: int,
) -> list[Case]:
    """The cases that `words` name and the generated ones: in the `usual` dtypes, and some in the others.

    `dtypes` are those that the user asks for; then `usual` are the same.

    The cases of one dtype stand together, as state that a call of another dtype clears would hide a mistake. Generated
    cases stand alternately in each dtype, for mistakes that need the opposite.
    """
    small: list[Case] = []
    alone: list[Case] = []
    for word in words:
        cases = catalogue.resolve(word)
        if word in ("networks", "kernelbench"):  # they are large: one dtype is enough to see them once
            alone += in_dtypes(cases, dtypes or usual[:1])
        elif not (word in catalogue.NAMES or Path(word).is_file()):  # a spec is a reproducer, and runs as it is
            alone += in_dtypes(cases, dtypes or ("float32",))
        else:
            small += spread(word, cases, usual, others, seed)
    generated = spread(GENERATED, generate(examples, seed), usual, others, seed)
    return list(dict.fromkeys((*together(small, (*usual, *others)), *alone, *generated)))


def chooses(words: Sequence[str], *, empty: bool = True) -> bool:
    """Return True if we choose cases: by a catalogue that is completed, or by default, which no words stand for."""
    return any(word in _COMPLETED for word in words) or (empty and not words)


def _named_dtypes(words: Sequence[str]) -> set[str]:
    """The dtypes of cases that are named one by one, or in a file."""
    return {case.dtype for word in words if word not in catalogue.NAMES for case in catalogue.resolve(word)}
