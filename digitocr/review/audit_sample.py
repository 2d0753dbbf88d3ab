"""The audit of a run: which of its `ok` numbers were drawn, and how many of them are wrong.

It is kept beside the results, in audit.json. What a person says of a number is kept as any decision
about it is, in corrections.jsonl: that is where the answers are, whatever ends the review.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from digitocr.core.errors import NothingToRead
from digitocr.core.source import utf8_name
from digitocr.results import audit
from digitocr.review.queue import (
    ReviewItem,
    ReviewQueue,
)
from digitocr.storage.places import write_file

BOUNDS = (0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)  # shares that users may want to show


@dataclass(frozen=True, slots=True)
class Audit:
    """A random sample of the numbers that were `ok`."""

    run: dict[str, Any]  # what was audited (`audit.audited`)
    asked: int  # how many numbers were to be looked at; there may be fewer
    seed: int
    population: int  # numbers that it was drawn from
    sample: tuple[ReviewItem, ...]  # in random order
    earlier: tuple[dict[str, Any], ...] = ()  # what audits before this one came to
    shown: bool = False  # whoever looks at a number sees how it was read before they have said it

    @property
    def looked_at(self) -> list[ReviewItem]:
        """The numbers of the sample about which something is decided."""
        return [item for item in self.sample if item.decision]

    @property
    def wrong(self) -> int:
        """How many of those were read wrong."""
        return sum(one.decision.number != one.read for one in self.looked_at if one.decision)

    def summary(self) -> dict[str, Any]:
        """Return what it comes to so far, as audit.json and run.json have it."""
        size, wrong = len(self.looked_at), self.wrong
        low, high = audit.wilson(wrong, size)
        return {
            "seed": self.seed,
            "population": self.population,
            "size": len(self.sample),
            "looked_at": size,
            "wrong": wrong,
            "low": round(low, 6),
            "high": round(high, 6),
            "shown": self.shown,
            "sentence": audit.sentence(wrong, size),
        }

    def sizes(self) -> list[tuple[float, int]]:
        """Return which bounds, that are not shown yet, which sizes of samples would show.

        The size holds if the share of wrong ones stays what it is.
        """
        looked_at, (_, high) = len(self.looked_at), audit.wilson(self.wrong, len(self.looked_at))
        share = self.wrong / looked_at if looked_at else 0.0
        sizes = [(bound, audit.sample_size(share, bound)) for bound in BOUNDS if bound < high]
        return [(bound, size) for bound, size in sizes if size and size <= self.population][:3]


def audit_sentences(begun: Audit) -> list[str]:
    """Return what an audit says so far, and how many numbers would say more."""
    found, left = begun.summary(), len(begun.sample) - len(begun.looked_at)
    said = [f"Audit: {found['sentence']}."]
    if left:
        said.append(f"{left} of its numbers are left; the same command goes on with them.")
    for bound, size in begun.sizes():
        said.append(f"To show that no more than {100 * bound:g} % are takes a sample of {size}.")
    return said


def begin_audit(
    folder: Path, run: dict[str, Any], queue: ReviewQueue, size: int, seed: int, shown: bool
) -> Audit:
    """Return the audit of this size and seed: the one that was begun, if it still holds.

    Args:
        folder: of the results.
        run: what is audited (`audit.audited`).
        queue: the numbers of the run.
        size: how many numbers to look at.
        seed: of the choice.
        shown: as of the `Audit`.

    Raises:
        NothingToRead: there are no `ok` numbers.
        OutputUnwritable: audit.json can't be written.
    """
    kept = audit.kept(folder)
    if kept and (kept["run"], kept["seed"], kept["asked"]) == (run, seed, size):
        items = _found(kept["sample"], queue)
        if items is not None:
            return Audit(run, size, seed, kept["population"], items, tuple(kept["earlier"]), shown)
    earlier = [*kept["earlier"], kept["summary"]] if kept else []
    population = [item for item in queue.items if item.status == "ok" and item.is_there]
    if not population:
        raise NothingToRead(f"{folder}: holds no ok numbers to audit", "Scan something first.")
    chosen = audit.random_sample(len(population), size, seed)
    sample = tuple(population[i] for i in chosen)
    begun = Audit(run, size, seed, len(population), sample, tuple(earlier), shown)
    write_audit(folder, begun)
    return begun


def write_audit(folder: Path, begun: Audit) -> None:
    """Write audit.json; raise OutputUnwritable where it can't be."""
    content = {
        "summary": begun.summary(),
        "run": begun.run,
        "seed": begun.seed,
        "asked": begun.asked,
        "population": begun.population,
        "sample": [_described(item) for item in begun.sample],
        "earlier": begun.earlier,
    }
    write_file(folder / audit.NAME, json.dumps(content, indent=1, ensure_ascii=False).encode())


def _described(item: ReviewItem) -> dict[str, Any]:
    return {
        "file": utf8_name(item.file),
        "page": item.page,
        "box": astuple(item.box),
        "read": item.read,
        "looked_at": item.decision is not None,
        "number": item.decision.number if item.decision else None,
    }


def _found(
    sample: Sequence[Mapping[str, Any]], queue: ReviewQueue
) -> tuple[ReviewItem, ...] | None:
    """Return the numbers of a sample, None where one is not there any more, or read otherwise."""
    places = {_place(item): item for item in queue.items}
    try:
        found = [
            places.get((one["file"], one["page"], tuple(one["box"]), one["read"])) for one in sample
        ]
    except (KeyError, TypeError):
        return None
    return None if None in found else tuple(item for item in found if item)


def _place(item: ReviewItem) -> tuple[str, int, tuple[int, ...], str | None]:
    return utf8_name(item.file), item.page, astuple(item.box), item.read
