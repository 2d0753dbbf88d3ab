"""audit.json: which `ok` numbers of a run were drawn, and how many are wrong; parsed here alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from digitocr.core.geometry import Box
from digitocr.results.audit import AuditSummary
from digitocr.results.run_info import RunInfo
from digitocr.storage.places import write_file

NAME = "audit.json"  # in a results folder


@dataclass(frozen=True, slots=True)
class AuditedRun:
    """What an audit says something of: other runs have other errors."""

    inputs: tuple[str, ...]  # as typed
    model: str | None  # SHA-256; None where run.json does not say
    min_confidence: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as audit.json has it."""
        return {**asdict(self), "inputs": list(self.inputs)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> AuditedRun:
        """Return what `to_dict` was of."""
        return cls(tuple(found["inputs"]), found["model"], found["min_confidence"])


@dataclass(frozen=True, slots=True)
class SampledNumber:
    """A number of the sample, and what a person has said of it."""

    file: str
    page: int  # 1-based
    box: Box  # pixels of the page as given
    read: str | None
    looked_at: bool = False
    number: str | None = None  # what they say it is; None: none, or they were not there yet

    def to_dict(self) -> dict[str, Any]:
        """Return it as audit.json has it."""
        return {**asdict(self), "box": list(astuple(self.box))}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> SampledNumber:
        """Return what `to_dict` was of."""
        read = None if found["read"] is None else str(found["read"])
        said = bool(found["looked_at"]), found["number"]
        box = Box(*map(int, found["box"]))
        return cls(str(found["file"]), int(found["page"]), box, read, *said)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What is kept of an audit."""

    summary: AuditSummary
    run: AuditedRun
    seed: int
    asked: int  # how many numbers were to be looked at; there may be fewer
    population: int  # numbers that the sample was drawn from
    sample: tuple[SampledNumber, ...]  # in random order
    earlier: tuple[AuditSummary, ...] = ()  # what audits before this one came to

    def to_dict(self) -> dict[str, Any]:
        """Return it as audit.json has it."""
        return {
            "summary": self.summary.to_dict(),
            "run": self.run.to_dict(),
            "seed": self.seed,
            "asked": self.asked,
            "population": self.population,
            "sample": [one.to_dict() for one in self.sample],
            "earlier": [one.to_dict() for one in self.earlier],
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> AuditRecord:
        """Return what `to_dict` was of.

        Raises:
            ValueError: it is no such thing.
        """
        try:
            return cls(
                AuditSummary.from_dict(found["summary"]),
                AuditedRun.from_dict(found["run"]),
                found["seed"],
                found["asked"],
                found["population"],
                tuple(map(SampledNumber.from_dict, found["sample"])),
                tuple(map(AuditSummary.from_dict, found["earlier"])),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"lacks what is said of an audit: {error}") from error


def audited_run(run: RunInfo) -> AuditedRun:
    """Return what an audit of a run says something of."""
    model = run.model.sha256 if run.model else None
    return AuditedRun(run.inputs, model, run.settings.min_confidence)


def read_audit(folder: Path) -> AuditRecord | None:
    """Return what audit.json in a results folder holds; None where it is damaged or not there."""
    with suppress(OSError, ValueError, RecursionError):
        return AuditRecord.from_dict(json.loads((folder / NAME).read_bytes()))
    return None


def write_audit(folder: Path, record: AuditRecord) -> None:
    """Write audit.json; raise OutputUnwritable where it can't be."""
    content = json.dumps(record.to_dict(), indent=1, ensure_ascii=False)
    write_file(folder / NAME, content.encode())
