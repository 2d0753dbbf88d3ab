"""Which pages of a document are wanted, as typed: "2-4,7"."""

from __future__ import annotations

import re
import sys

from digitocr.core.errors import WrongUsage

# "7", "2-4" or "5-"; numbers of at most nine digits
_RANGE = re.compile(r"\s*([0-9]{1,9})\s*(?:(-)\s*([0-9]{1,9})?\s*)?")


def page_ranges(text: str) -> tuple[range, ...]:
    """Return the ranges of page numbers, from 1, that a text names: "2-4,7,9-".

    Args:
        text: page numbers and ranges, separated by commas; a range without an end goes to the
            document's last page.

    Raises:
        WrongUsage: the text is none of these, counts backwards or from 0.
    """
    return tuple(_range(part, text) for part in text.split(","))


def _range(part: str, text: str) -> range:
    found = _RANGE.fullmatch(part)
    if not found:
        raise WrongUsage(f"--pages {text}: {part.strip() or 'nothing'} is no page and no range")
    first, dash, last = found.groups()
    pages = range(int(first), (int(last) if last else sys.maxsize if dash else int(first)) + 1)
    if not pages or not pages[0]:
        raise WrongUsage(f"--pages {text}: {part.strip()} has no pages; they count from 1")
    return pages
