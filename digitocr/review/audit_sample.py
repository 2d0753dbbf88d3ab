"""The audit of a run: which of its `ok` numbers were drawn, and how many of them are wrong.

It is kept beside the results, in audit.json. What a person says of a number is kept as any decision
about it is, in corrections.jsonl: that is where the answers are, whatever ends the review.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from digitocr.core.errors import NothingToRead
from digitocr.core.source import utf8_name
from digitocr.results.audit import (
    AuditSummary,
    audit_sentence,
    random_sample,
    sample_size,
    wilson,
)
from digitocr.results.audit_record import (
    AuditedRun,
    AuditRecord,
    SampledNumber,
    read_audit,
    write_audit,
)
from digitocr.results.corrections import Correction
from digitocr.review.queue import (
    ReviewItem,
    ReviewQueue,
)

BOUNDS = (0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)  # shares that users may want to show


@dataclass(frozen=True, slots=True)
class Audit:
    """A random sample of the numbers that were `ok`."""

    run: AuditedRun
    asked: int  # how many numbers were to be looked at; there may be fewer
    seed: int
    population: int  # numbers that it was drawn from
    sample: tuple[ReviewItem, ...]  # in random order
    earlier: tuple[AuditSummary, ...] = ()  # what audits before this one came to
    shown: bool = False  # whoever looks at a number sees how it was read before they have said it

    @property
    def looked_at(self) -> list[ReviewItem]:
        """The numbers of the sample about which something is decided."""
        return [item for item in self.sample if item.decision]

    @property
    def wrong(self) -> int:
        """How many of those were read wrong."""
        return sum(one.decision.number != one.read for one in self.looked_at if one.decision)

    def summary(self) -> AuditSummary:
        """Return what it comes to so far."""
        size, wrong = len(self.looked_at), self.wrong
        low, high = wilson(wrong, size)
        return AuditSummary(
            seed=self.seed,
            population=self.population,
            size=len(self.sample),
            looked_at=size,
            wrong=wrong,
            low=round(low, 6),
            high=round(high, 6),
            shown=self.shown,
            sentence=audit_sentence(wrong, size),
        )

    def record(self) -> AuditRecord:
        """Return what is kept of it."""
        sample = tuple(_sampled(item, item.decision) for item in self.sample)
        return AuditRecord(
            self.summary(), self.run, self.seed, self.asked, self.population, sample, self.earlier
        )

    def sizes(self) -> list[tuple[float, int]]:
        """Return which bounds, that are not shown yet, which sizes of samples would show.

        The size holds if the share of wrong ones stays what it is.
        """
        looked_at, (_, high) = len(self.looked_at), wilson(self.wrong, len(self.looked_at))
        share = self.wrong / looked_at if looked_at else 0.0
        sizes = [(bound, sample_size(share, bound)) for bound in BOUNDS if bound < high]
        return [(bound, size) for bound, size in sizes if size and size <= self.population][:3]


def audit_sentences(begun: Audit) -> list[str]:
    """Return what an audit says so far, and how many numbers would say more."""
    found, left = begun.summary(), len(begun.sample) - len(begun.looked_at)
    said = [f"Audit: {found.sentence}."]
    if left:
        said.append(f"{left} of its numbers are left; the same command goes on with them.")
    for bound, size in begun.sizes():
        said.append(f"To show that no more than {100 * bound:g} % are takes a sample of {size}.")
    return said


def begin_audit(
    folder: Path, run: AuditedRun, queue: ReviewQueue, size: int, seed: int, shown: bool
) -> Audit:
    """Return the audit of this size and seed: the one that was begun, if it still holds.

    Args:
        folder: of the results.
        run: what is audited.
        queue: the numbers of the run.
        size: how many numbers to look at.
        seed: of the choice.
        shown: as of the `Audit`.

    Raises:
        NothingToRead: there are no `ok` numbers.
        OutputUnwritable: audit.json can't be written.
    """
    kept = read_audit(folder)
    if kept and (kept.run, kept.seed, kept.asked) == (run, seed, size):
        items = _items_of(kept.sample, queue)
        if items is not None:
            return Audit(run, size, seed, kept.population, items, kept.earlier, shown)
    earlier = (*kept.earlier, kept.summary) if kept else ()
    population = [item for item in queue.items if item.status == "ok" and item.is_there]
    if not population:
        raise NothingToRead(f"{folder}: holds no ok numbers to audit", "Scan something first.")
    chosen = random_sample(len(population), size, seed)
    sample = tuple(population[i] for i in chosen)
    begun = Audit(run, size, seed, len(population), sample, earlier, shown)
    write_audit(folder, begun.record())
    return begun


def _items_of(sample: Sequence[SampledNumber], queue: ReviewQueue) -> tuple[ReviewItem, ...] | None:
    """Return the numbers of a sample, None where one is not there any more, or read otherwise."""
    items = {_sampled(item): item for item in queue.items}
    found = [items.get(replace(one, looked_at=False, number=None)) for one in sample]
    return None if None in found else tuple(item for item in found if item)


def _sampled(item: ReviewItem, decision: Correction | None = None) -> SampledNumber:
    """Return a number as a record has it, with what a person has said of it."""
    number = decision.number if decision else None
    return SampledNumber(
        utf8_name(item.file), item.page, item.box, item.read, decision is not None, number
    )
