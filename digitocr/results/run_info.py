"""run.json: what a run read, how, and what it came to. It is parsed here alone."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from digitocr.core.document import ModelId
from digitocr.core.settings import Decimal, Limits, Settings
from digitocr.core.source import utf8_name
from digitocr.core.version import __version__
from digitocr.results.audit import AuditSummary
from digitocr.results.file_results import Output
from digitocr.storage.object_store import Place, without_secrets
from digitocr.storage.places import write_file

NAME = "run.json"  # in the output folder


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run read and wrote; None for what is not set, or what an early version did not say."""

    formats: tuple[str, ...]
    max_error: float | None = None
    min_confidence: float | None = None  # as it was, also where `max_error` led to it
    second_opinion: bool | None = None
    decimal: Decimal | None = None
    known: Mapping[str, str] = field(default_factory=dict)  # the constraints that are set
    pages: str | None = None
    dpi: int | None = None
    limits: Limits | None = None
    form: str | None = None
    fields: tuple[str, ...] = ()  # of the form, their names
    annotate: bool = False
    excel: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as run.json has it."""
        form = {"form": self.form, "fields": list(self.fields)} if self.form else {}
        return {
            "max_error": self.max_error,
            "min_confidence": self.min_confidence,
            "second_opinion": self.second_opinion,
            "decimal": self.decimal,
            "known": dict(self.known),
            "pages": self.pages,
            "dpi": self.dpi,
            "limits": self.limits and asdict(self.limits),
            **form,
            "formats": list(self.formats),
            "annotate": self.annotate,
            "excel": self.excel,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> RunSettings:
        """Return the settings that `to_dict` was of."""
        given = {name: found[name] for name in cls.__slots__ if name in found}
        limits = found.get("limits")
        given |= {"formats": tuple(found["formats"]), "fields": tuple(found.get("fields") or ())}
        given |= {"limits": None if limits is None else Limits(**limits)}
        return cls(**given)


@dataclass(frozen=True, slots=True)
class RunCounts:
    """How much a run read."""

    read: int = 0  # files
    failed: int = 0
    pages: int = 0
    numbers: int = 0
    review: int = 0  # of the numbers
    checked: int = 0  # of the numbers, those that a person has decided about
    silent: int = 0  # of the pages, those that hold ink of which no number was read


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What run.json says of the last run into a folder, and of what its results are now."""

    settings: RunSettings
    digitocr: str = ""  # the version
    model: ModelId | None = None  # None where it is not said
    inputs: tuple[str, ...] = ()  # as typed, without secrets
    interrupted: bool = False
    counts: RunCounts = RunCounts()
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)  # of what reads
    # What tells the decisions that are in the combined files from others; "" without any.
    decided: str = ""
    audit: AuditSummary | None = None  # what an audit of it has come to

    def to_dict(self) -> dict[str, Any]:
        """Return it as run.json has it."""
        return {
            "digitocr": self.digitocr,
            "model": self.model and self.model.to_dict(),
            "inputs": list(self.inputs),
            "settings": self.settings.to_dict(),
            "interrupted": self.interrupted,
            **asdict(self.counts),
            "seconds": self.seconds,
            "versions": dict(self.versions),
            "decided": self.decided,
            "audit": self.audit and self.audit.to_dict(),
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> RunInfo:
        """Return what `to_dict`, of this version or an earlier one, was of.

        Raises:
            ValueError: it is no such thing.
        """
        try:
            given = {name: found[name] for name in cls.__slots__ if name in found}
            model, audit, counts = found.get("model"), found.get("audit"), RunCounts.__slots__
            given |= {
                "settings": RunSettings.from_dict(found["settings"]),
                "model": None if model is None else ModelId.from_dict(model),
                "inputs": tuple(found.get("inputs", ())),
                "audit": None if audit is None else AuditSummary.from_dict(audit),
                "counts": RunCounts(**{name: found[name] for name in counts if name in found}),
            }
            return cls(**given)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"lacks what is said of a run: {error}") from error


def new_run_info(
    inputs: Sequence[str],
    settings: Settings,
    output: Output,
    model: ModelId,
    threshold: float,
    field_names: Sequence[str] = (),
) -> RunInfo:
    """Return what is known of a run before it has read anything.

    Args:
        inputs: as typed.
        settings: that are read with.
        output: where results go and in which forms.
        model: that reads.
        threshold: the confidence below which numbers are for review, 0..1.
        field_names: of the form's fields; none without a form.
    """
    known = {name: text for name, text in asdict(settings.constraints).items() if text}
    return RunInfo(
        settings=RunSettings(
            formats=output.formats,
            max_error=settings.max_error,
            min_confidence=threshold,
            second_opinion=settings.second_opinion,
            decimal=settings.decimal,
            known=known,
            pages=settings.pages,
            dpi=settings.dpi,
            limits=settings.limits,
            form=utf8_name(str(settings.form)) if settings.form else None,
            fields=tuple(field_names),
            annotate=output.annotate,
            excel=output.excel,
        ),
        digitocr=__version__,
        model=model,
        inputs=tuple(utf8_name(without_secrets(text)) for text in inputs),
        versions={
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    )


def read_run_info(folder: Path) -> RunInfo:
    """Return what run.json says of the last run into a folder.

    Raises:
        OSError: there is none, or it can't be read.
        ValueError: it is damaged.
    """
    return RunInfo.from_dict(json.loads((folder / NAME).read_bytes()))


def write_run_info(folder: Place, run: RunInfo) -> None:
    """Write run.json; raise OutputUnwritable where that can't be done."""
    content = json.dumps(run.to_dict(), indent=1, ensure_ascii=False)
    write_file(folder / NAME, content.encode())
