"""What is read: an input as it was found, and its pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from digitocr.core.arrays import Gray


@dataclass(frozen=True, slots=True)
class Remote:
    """A file in an object store or on a web server, as it was when it was found."""

    url: str
    size: int | None  # bytes; None where the server does not say
    version: str  # its ETag, or when it was changed; "" where the server says neither


@dataclass(frozen=True, slots=True)
class Source:
    """One input to read. Exactly one of `path`, `data`, `remote` and `gray` is set."""

    name: str  # relative to the INPUT it was found under, "/" between folders; names its results
    path: Path | None = None
    data: bytes | None = None  # what came on stdin
    remote: Remote | None = None
    gray: Gray | None = field(default=None, compare=False)  # a picture that a program has


@dataclass(frozen=True, slots=True)
class Unread:
    """One input that could not be read, and the sentence that says why."""

    file: str
    error: str
    advice: str = "Check the names of what was not found."  # what to do next, a sentence


@dataclass(frozen=True, slots=True)
class Page:
    """One decoded page, as a viewer shows it (EXIF orientation applied)."""

    number: int  # from 1
    gray: Gray
    dpi: float | None  # None where the file does not say


def utf8_name(name: str) -> str:
    r"""Return a file name as text that UTF-8 can hold; other bytes become \xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
