"""Beam search: the conjunction of conditions that holds on the most failures, and on the fewest passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BITS = 10.0
"""The bits that name one condition of cost 1."""
MOST_CONDITIONS = 8
# Rules in the making: so many that keep the most failures, and so many that keep the fewest passes.
_BEAM = 16
# The weight, in calls, of the share of failures everywhere, when few calls tell that of a rule.
_PRIOR = 10.0


@dataclass(frozen=True)
class Found:
    """One rule: the numbers of its conditions, its value in bits, and its failures and passes in the sample."""

    ids: tuple[int, ...]
    gain: float
    failures: float
    passes: float


def bits(failures: np.ndarray | float, passes: np.ndarray | float) -> np.ndarray | float:
    """Return the bits that list the outcomes of so many calls, in any order."""
    total = np.add(failures, passes)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(total > 0, failures / np.maximum(total, 1e-9), 0.0)
        bits = -total * (_xlogx(shares) + _xlogx(1 - shares))
    return bits + np.log2(total + 1) * (np.minimum(failures, passes) > 0)


def _xlogx(share: np.ndarray) -> np.ndarray:
    return share * np.log2(np.where(share > 0, share, 1.0))


def beam_search(
    on_failures: np.ndarray, on_passes: Sequence[np.ndarray], weight: float, costs: np.ndarray, seed: int, scale: float
) -> tuple[Found | None, Found | None]:
    """Return the best rule without passes that covers the failure `seed`, and the best of all; None if worthless.

    The masks have a row for each condition. The passes are a sample, each of which stands for `weight` of them, and
    those that refuted an earlier rule.
    """
    ids = _distinct(on_failures, on_passes, seed)
    cost = costs[ids]
    blocks = [_packed(masks[ids]) for masks in (on_failures, *on_passes)]
    scales = scale, weight, 1.0
    whole = [_packed(np.ones((1, masks.shape[1]), bool)) for masks in (on_failures, *on_passes)]
    all_failures = float(on_failures.shape[1] * scale)
    all_passes = float(on_passes[0].shape[1] * weight + on_passes[1].shape[1])
    if not all_passes:
        return Found((), 0.0, all_failures, 0.0), None
    everything = float(bits(all_failures, all_passes))
    start = np.log2(all_failures / (all_failures + all_passes))
    best: list[Found | None] = [None, None]
    beam: list[Node] = [((), [words[0] for words in whole])]
    for _ in range(MOST_CONDITIONS):
        covered, sampled, refuting = (
            factor * count(np.array([node[1][block] for node in beam])[:, None, :] & blocks[block][None, :, :])
            for block, factor in enumerate(scales)
        )
        wrongly = sampled + refuting
        spent = BITS * (np.array([cost[list(node[0])].sum() for node in beam])[:, None] + cost[None, :])
        saved = everything - bits(all_failures - covered, all_passes - wrongly) - spent
        gains = (
            np.where(wrongly == 0, saved, -np.inf),
            np.where(covered * all_passes > wrongly * all_failures, saved - bits(covered, wrongly), -np.inf),
        )
        for place, gain in enumerate(gains):
            row, column = divmod(int(gain.argmax()), gain.shape[1])
            known = best[place]
            if gain[row, column] > (0.0 if known is None else known.gain):
                chosen = tuple(int(ids[one]) for one in (*beam[row][0], column))
                best[place] = Found(
                    chosen, float(gain[row, column]), float(covered[row, column]), float(wrongly[row, column])
                )
        with np.errstate(divide="ignore", invalid="ignore"):
            score = covered * (np.log2(covered / (covered + wrongly)) - start) - spent / 3
        purity = (covered + _PRIOR * 2**start) / (covered + wrongly + _PRIOR)
        for ranking in (score, purity):
            ranking[(wrongly == 0) | (covered == 0)] = -np.inf  # a rule without passes needs no more conditions
        beam = _next(beam, (score, purity), blocks)
        if not beam:
            break
    return best[0], best[1]


def _distinct(on_failures: np.ndarray, on_passes: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return the conditions that hold on the failure, one of each set that the sample does not tell apart."""
    holds = np.flatnonzero(on_failures[:, seed])
    packed = np.packbits(np.concatenate([masks[holds] for masks in (on_failures, *on_passes)], axis=1), axis=1)
    first: dict[bytes, int] = {}
    for one, bits in zip(holds, packed, strict=True):
        first.setdefault(bits.tobytes(), int(one))
    return np.array(list(first.values()))


Node = tuple[tuple[int, ...], list[np.ndarray]]
"""A rule in the making: its conditions, and the failures and passes that it covers, as bits."""


def _next(beam: list[Node], rankings: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> list[Node]:
    """Return the best nodes with one more condition by each ranking, each set of covered calls once."""
    found: list[Node] = []
    seen: set[bytes] = set()
    for number, ranking in enumerate(rankings, start=1):
        flat = ranking.ravel()
        most = min(8 * _BEAM, flat.size)
        best = np.argpartition(-flat, most - 1)[:most]
        for one in best[np.argsort(-flat[best], kind="stable")]:
            row, column = divmod(int(one), ranking.shape[1])
            if not np.isfinite(flat[one]) or len(found) == _BEAM * number:
                break
            chosen, words = beam[row]
            covered = [mine & theirs[column] for mine, theirs in zip(words, blocks, strict=True)]
            key = b"".join(part.tobytes() for part in covered)
            if key in seen or all(np.array_equal(new, old) for new, old in zip(covered[1:], words[1:], strict=True)):
                continue
            seen.add(key)
            found.append(((*chosen, int(column)), covered))
    return found


def _packed(masks: np.ndarray) -> np.ndarray:
    """Return the rows of a mask as bits, 64 to a number."""
    packed = np.packbits(masks, axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


_BITS_OF = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def count(words: np.ndarray) -> np.ndarray:
    """Return the number of bits along the last axis."""
    if hasattr(np, "bitwise_count"):  # from NumPy 2 on
        return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    return _BITS_OF[np.ascontiguousarray(words).view(np.uint8)].sum(axis=-1, dtype=np.int64)
