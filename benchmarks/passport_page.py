"""Pages of the passports that `passports.py` kept in a folder.

python benchmarks/passport_page.py FOLDER            the table of docs/passport.md
python benchmarks/passport_page.py FOLDER --all      the page docs/passport/measured.md
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from passport_tables import between, changes, framework, other_promises, passports, summary, told_sums, whose_bits

PAGE = """\
# Passports of frameworks

{count} passports, of one backend in one dtype each. [Passport](../passport.md) says what the words mean.
These commands made this page, each framework where it is installed:

    python benchmarks/passports.py FOLDER {words}
    python benchmarks/passport_page.py FOLDER --all > docs/passport/measured.md

CPU: {cpu}. {versions}.

On the site a click on a heading sorts a table, and a field above it filters rows.

## Whose bits

An operation is first asked for the bits of twelve cases: the six whose sums are told, and the six of invariance. If
another backend of the framework gives all of these bits, its name stands here. Then its sums were not told again, but
all promises were looked at. So a name rests on twelve comparisons an operation, on one set of random numbers. A cell
says so if fewer than six of the cases are supported. "Own" operations have rows in the next table. A dash says that
there is no passport: the dtype is not offered, or no case of it, or it was not asked. Routes that compile each shape
were not asked about batches and threads.

{bits}

The same bits on twelve cases, but other promises, as these look at more cases:

{promises}

## Own bits

- *Order*: of most sums, and how many have it. Plain backends were told on six cases an operation, others on three.
- *Adds in*: the accumulators. If there are two, sums in the wider one are added in the narrower one.
- *Replayed*: the sums whose 16 random replays all came out to the bit.
- *Other places*: the sums where some elements have another order.
- *Breaks*: the promises that did not hold, with the smallest case that shows it.

{told}

## Changes with the number of channels

Searched for plain backends, on 1x1 kernels, from 8 to 2,048 channels.

{changes}

## Bits of one framework and another

The number of the twelve cases on which the bits are equal, of those that both support.

{between}
"""


def page(found: Sequence[dict]) -> str:
    """The page docs/passport/measured.md."""
    versions = dict.fromkeys(f"{framework(one['backend'])} {one['version']}" for one in found)
    tables: dict[str, Callable[[Sequence[dict]], str]] = {
        "bits": whose_bits,
        "promises": other_promises,
        "told": told_sums,
        "changes": changes,
        "between": between,
    }
    return PAGE.format(
        count=len(found),
        words=" ".join(dict.fromkeys(one["backend"] for one in found)),
        cpu="; ".join(dict.fromkeys(one["cpu"] for one in found)),
        versions=", ".join(versions),
        **{name: table(found) for name, table in tables.items()},
    )


if __name__ == "__main__":
    every = passports(Path(sys.argv[1]))
    print(page(every) if "--all" in sys.argv else summary(every), end="" if "--all" in sys.argv else "\n")
