"""Which pages of a document are wanted, as typed: "2-4,7"."""

from __future__ import annotations

import re
import sys
from typing import TypeAlias

from digitocr.core.errors import WrongSetting

PageRanges: TypeAlias = tuple[range, ...]  # of page numbers, from 1

# "7", "2-4" or "5-"; numbers of at most nine digits
_RANGE = re.compile(r"\s*([0-9]{1,9})\s*(?:(-)\s*([0-9]{1,9})?\s*)?")


def parse_page_ranges(text: str) -> PageRanges:
    """Return the ranges of page numbers that a text names: "2-4,7,9-".

    Args:
        text: page numbers and ranges, separated by commas; a range without an end goes to the
            document's last page.

    Raises:
        WrongSetting: the text is none of these, counts backwards or from 0.
    """
    return tuple(_range(part, text) for part in text.split(","))


def _range(part: str, text: str) -> range:
    found = _RANGE.fullmatch(part)
    if not found:
        sentence = f"{part.strip() or 'nothing'} is no page and no range"
        raise WrongSetting("pages", text, sentence)
    first, dash, last = found.groups()
    pages = range(int(first), (int(last) if last else sys.maxsize if dash else int(first)) + 1)
    if not pages or not pages[0]:
        raise WrongSetting("pages", text, f"{part.strip()} has no pages; they count from 1")
    return pages
