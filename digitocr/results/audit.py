"""How many numbers are wrong, as far as a random sample of them can tell."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LEVEL = 0.95  # how often the interval is to hold the share
_Z = 1.959964  # of the normal distribution: 95 % of it lie within so many deviations
_SIZES = 1_000_000  # samples beyond are no use: whoever looks at so many can look at all


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """What an audit comes to, as audit.json and run.json have it."""

    seed: int
    population: int  # numbers that the sample was drawn from
    size: int  # of the sample
    looked_at: int  # of the sample
    wrong: int  # of those looked at
    low: float  # the share of wrong ones, 0..1, lies from here
    high: float  # to here
    shown: bool  # whoever looked at a number saw how it was read before they said it
    sentence: str  # all that in words, without a full stop

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> AuditSummary:
        """Return what `to_dict` was of.

        Raises:
            KeyError: something is missing.
            TypeError: it is no mapping.
        """
        return cls(**{name: found[name] for name in cls.__slots__})


def random_sample(population: int, size: int, seed: int) -> list[int]:
    """Return a simple random sample of 0..population-1, without replacement, in random order.

    Any first part of it is such a sample too. All come back where there are no more than `size`;
    the same seed gives the same sample.
    """
    chance = random.Random(seed)  # noqa: S311  (no secret: it has to come out the same again)
    return chance.sample(range(population), min(size, population))


def wilson(wrong: int, size: int) -> tuple[float, float]:
    """Return between which shares, 0..1, that of the wrong ones lies with 95 % confidence.

    Wilson's score interval without continuity correction (Wilson 1927; Brown, Cai and DasGupta
    2001 recommend it). It takes the population for large: where much of it is in the sample the
    interval is wider than it need be. How often it holds the share depends on share and size and
    is 95 % on average; benchmarks/audits.py measures it.

    Args:
        wrong: of the sample, 0..size.
        size: of the sample; of an empty one nothing is known, (0, 1).
    """
    if size == 0:
        return 0.0, 1.0
    share, room = wrong / size, _Z**2 / size
    middle = (share + room / 2) / (1 + room)
    half = _Z * math.sqrt(share * (1 - share) / size + room / (4 * size)) / (1 + room)
    # With none wrong, or all, an end is 0 or 1; rounding must not move it.
    low = 0.0 if wrong == 0 else middle - half
    return low, 1.0 if wrong == size else middle + half


def sample_size(share: float, bound: float) -> int | None:
    """Return how large a sample shows that no more than `bound` are wrong, if `share` of it are.

    That is the size at which the upper end of `wilson` comes down to the bound, solved for it.

    Args:
        share: of the sample that is wrong, 0..1.
        bound: the share that is not to be exceeded, 0..1.

    Returns:
        None where no sample shows it: the share is not below the bound, or too close to it.
    """
    if not 0 <= share < bound < 1:
        return None
    size = math.ceil(_Z**2 * bound * (1 - bound) / (bound - share) ** 2)
    return size if size <= _SIZES else None


def audit_sentence(wrong: int, size: int) -> str:
    """Return what an audit says: how many were wrong, and what that says of all."""
    if size == 0:
        return "no number has been looked at"
    low, high = wilson(wrong, size)
    return (
        f"{wrong} of {size} wrong: between {_percent(low)} and {_percent(high)} of the ok numbers "
        f"are ({100 * LEVEL:.0f} %, Wilson)"
    )


def _percent(share: float) -> str:
    """Return a share with two digits that count."""
    return f"{float(f'{100 * share:.2g}'):g} %"
