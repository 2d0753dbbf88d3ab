"""A file's result ↔ JSON (DESIGN.md section 2, schema 1): one object, on one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from digitocr.core.document import (
    Digit,
    FieldResult,
    FileResult,
    ModelId,
    Number,
    PageResult,
    Table,
)
from digitocr.core.geometry import Box
from digitocr.core.version import __version__
from digitocr.export.csv import utf8_name

SCHEMA = 1


def json_text(result: FileResult) -> str:
    """Return a file's result as one line of JSON.

    Of a page on which something is checked, `reading` has the numbers, tables and fields as they
    were read, and each number that is checked has `read`, what was read there, or null.
    """
    return json.dumps(_json(result), ensure_ascii=False, separators=(",", ":")) + "\n"


def _json(result: FileResult) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "file": utf8_name(result.file),
        "digitocr": __version__,
        "model": {"name": result.model.name, "sha256": result.model.sha256},
        "pages": [_page_json(page) for page in result.pages],
    }


def _page_json(page: PageResult) -> dict[str, Any]:
    return {
        "page": page.page,
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "rotation": page.rotation,
        "skew": page.skew,
        **_content_json(page),
        **({"error": page.error} if page.error else {}),
        **({"reading": _content_json(page.reading)} if page.reading else {}),
    }


def _content_json(page: PageResult) -> dict[str, Any]:
    return {
        "numbers": [_number_json(number) for number in page.numbers],
        "tables": [_table_json(table) for table in page.tables],
        **({"fields": [_field_json(one) for one in page.fields]} if page.fields else {}),
    }


def _field_json(field: FieldResult) -> dict[str, Any]:
    return {
        "name": field.name,
        "text": field.text,
        "confidence": round(field.confidence, 4),
        "status": field.status,
        "box": field.box.sides,
    }


def _number_json(number: Number) -> dict[str, Any]:
    return {
        "text": number.text,
        "confidence": round(number.confidence, 4),
        "status": number.status,
        **({"read": number.read} if number.status == "checked" else {}),
        "line": number.line,
        "item": number.item,
        "table": number.table,
        "row": number.row,
        "column": number.column,
        **({"field": number.field} if number.field else {}),
        "box": number.box.sides,
        "digits": [
            {"digit": d.digit, "confidence": round(d.confidence, 4), "box": d.box.sides}
            for d in number.digits
        ],
    }


def _table_json(table: Table) -> dict[str, Any]:
    return {"box": table.box.sides, "rows": [list(row) for row in table.rows]}


def from_json(text: str | bytes, file: str) -> FileResult:
    """Return the result that a file's JSON holds; `json_text` makes the same of it again.

    Args:
        text: as this version or an earlier one wrote it.
        file: the name of its Source; JSON has no bytes that are no UTF-8.

    Raises:
        ValueError: it is no such JSON.
    """
    try:
        found = json.loads(text)
        model = ModelId(found["model"]["name"], found["model"]["sha256"])
        return FileResult(file, model, tuple(_page(page) for page in found["pages"]))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"lacks what a result has: {error}") from error


def _page(found: Mapping[str, Any]) -> PageResult:
    about = {key: found[key] for key in ("page", "width", "height", "dpi", "rotation", "skew")}
    about["error"] = found.get("error")
    reading = found.get("reading")
    as_read = PageResult(**about, **_content(reading)) if reading else None
    return PageResult(**about, **_content(found), reading=as_read)


def _content(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers, tables and fields of a page, as arguments of `PageResult`."""
    return {
        "numbers": tuple(_number(**number) for number in found["numbers"]),
        "tables": tuple(
            Table(Box(*table["box"]), tuple(map(tuple, table["rows"]))) for table in found["tables"]
        ),
        "fields": tuple(_field(**field) for field in found.get("fields", ())),
    }


def _number(box: list[int], digits: list[dict[str, Any]], **more: Any) -> Number:
    read = tuple(Digit(one["digit"], one["confidence"], Box(*one["box"])) for one in digits)
    return Number(box=Box(*box), digits=read, **more)


def _field(box: list[int] | None = None, **more: Any) -> FieldResult:
    """Return a field; earlier results do not say where it is."""
    return FieldResult(box=Box(*(box or (0, 0, 0, 0))), **more)
