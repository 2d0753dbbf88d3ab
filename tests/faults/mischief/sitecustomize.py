"""Python runs this when it starts, where PYTHONPATH names its folder: names of files bring trouble.

So the tests have real workers that die, hang and run out of memory, whatever starts them.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from digitocr.core.source import (
    Page,
    Source,
)
from digitocr.inputs import reader

_read = reader.read_pages


def _trouble(name: str) -> None:
    if name.startswith("abort"):
        os.abort()
    if name.startswith("hang"):
        time.sleep(600)
    if name.startswith("bug"):
        raise ZeroDivisionError("of all things")
    if name.startswith("memory"):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 10_000_000, resource.RLIM_INFINITY))
        bytearray(100_000_000)


def read_pages(source: Source, *others: object) -> Iterator[Page]:
    """Read a file, with the trouble that its name tells of."""
    for page in _read(source, *others):  # type: ignore[arg-type]
        if "slow" in source.name:
            time.sleep(1.5)
        _trouble(source.name)
        yield page


reader.read_pages = read_pages  # type: ignore[assignment]
