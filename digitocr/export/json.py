"""A file's result ↔ JSON, schema 1 (docs/schema): one object, on one line."""

from __future__ import annotations

import json

from digitocr.core.document import FileResult


def json_text(result: FileResult) -> str:
    """Return a file's result as one line of JSON."""
    return json.dumps(result.to_dict(), ensure_ascii=False, separators=(",", ":")) + "\n"


def from_json(text: str | bytes, file: str, with_digits: bool = True) -> FileResult:
    """Return the result that a file's JSON holds; `json_text` makes the same of it again.

    Args:
        text: as this version or an earlier one wrote it.
        file: the name of its Source; JSON has no bytes that are no UTF-8.
        with_digits: also of each number its digits, which take most of the memory and time.

    Raises:
        ValueError: it is no such JSON.
    """
    try:
        return FileResult.from_dict(json.loads(text), file, with_digits)
    except RecursionError as error:
        raise ValueError(f"lacks what a result has: {error}") from error
