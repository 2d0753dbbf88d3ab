"""How often the interval of an audit holds the true share: simulated audits, and exact chances.

python benchmarks/audits.py [AUDITS]

Each audit draws a sample from made-up numbers, of which a known share is wrong, and takes the
interval that `digitocr review --audit` prints. Beside what AUDITS (1000) of them come to stands the
chance that follows from the binomial distribution, which has no chance in it.
"""

from __future__ import annotations

import argparse
import math
import random

from digitocr.results.audit import (
    random_sample,
    wilson,
)

POPULATION = 100_000
SIZES = (100, 200, 500, 1000)
SHARES = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)


def simulated(share: float, size: int, audits: int) -> float:
    """Return in which part of some audits the interval holds the true share."""
    wrong = {*random.Random(1).sample(range(POPULATION), round(share * POPULATION))}
    held = 0
    for seed in range(audits):
        found = sum(number in wrong for number in random_sample(POPULATION, size, seed))
        low, high = wilson(found, size)
        held += low <= share <= high
    return held / audits


def exact(share: float, size: int) -> float:
    """Return the chance that the interval holds the share of a large population."""
    held = 0.0
    for wrong in range(size + 1):
        low, high = wilson(wrong, size)
        if low <= share <= high:
            ways = math.lgamma(size + 1) - math.lgamma(wrong + 1) - math.lgamma(size - wrong + 1)
            held += math.exp(ways + wrong * math.log(share) + (size - wrong) * math.log1p(-share))
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audits", type=int, nargs="?", default=1000)
    audits: int = parser.parse_args().audits
    every, chances = list[float](), list[float]()
    print(f"share wrong   numbers   of {audits} audits   exactly")
    for share in SHARES:
        for size in SIZES:
            every.append(simulated(share, size, audits))
            chances.append(exact(share, size))
            print(f"{share:11.1%}   {size:7}   {every[-1]:14.1%}   {chances[-1]:7.1%}")
    print(f"mean of all {len(every)}: {sum(every) / len(every):.2%}, "
          f"exactly {sum(chances) / len(chances):.2%}")  # fmt: skip


if __name__ == "__main__":
    main()
