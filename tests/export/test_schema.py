"""Results are as docs/schema says (JSON Schema 2020-12)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.command import RunCommand
from support.corrected import check
from support.outputs import read_rows

from digitocr.core.document import INK_WITHOUT_NUMBERS, Reason

jsonschema = pytest.importorskip("jsonschema")

TOP = Path(__file__).parents[2]
SCHEMA = json.loads((TOP / "docs" / "schema" / "result.schema.json").read_text("utf-8"))


def assert_valid(folder: Path) -> list[dict[str, Any]]:
    """Hold every file's result in a folder against the schema; return them."""
    results = [json.loads(path.read_text("utf-8")) for path in sorted(folder.rglob("*.json"))]
    results = [result for result in results if "schema" in result]
    assert results
    for result in results:
        jsonschema.Draft202012Validator(SCHEMA).validate(result)
    return results


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_names_all_reasons_and_notes() -> None:
    pattern = SCHEMA["$defs"]["number"]["properties"]["reason"]["pattern"]
    assert all(f"{one.value}" in pattern for one in Reason)
    (codes,) = [SCHEMA["$defs"]["page"]["properties"]["notes"]["items"]["properties"]["code"]]
    assert codes["enum"] == [INK_WITHOUT_NUMBERS.code]


def test_the_docs_name_all_reasons_and_notes() -> None:
    page = (TOP / "docs" / "results.md").read_text("utf-8")
    assert all(f"| `{one.value}` |" in page for one in Reason)
    assert f"| `{INK_WITHOUT_NUMBERS.code}` |" in page


def test_samples_and_what_was_checked(run: RunCommand, tmp_path: Path) -> None:
    names = ("receipt.jpg", "uneven-light.jpg", "digit.png")
    run("scan", *(TOP / "samples" / name for name in names), "-o", "out", "-q")
    results = assert_valid(tmp_path / "out")
    assert {page["page"] for result in results for page in result["pages"]} == {1}
    numbers = [row["number"] for row in read_rows(tmp_path / "out" / "digit.png.csv")]
    check(tmp_path / "out", "digit.png", [*numbers[1:], None])
    run("scan", TOP / "samples" / "digit.png", "-o", "out", "-q")
    assert_valid(tmp_path / "out")


def test_forms(run: RunCommand, tmp_path: Path) -> None:
    pages = sorted((TOP / "forms" / "scans").iterdir())[:2]
    run("scan", *pages, "--form", TOP / "forms" / "form.toml", "-o", "out", "-q")
    fields = [page["fields"] for one in assert_valid(tmp_path / "out") for page in one["pages"]]
    assert all(fields)


def test_what_is_no_result_is_refused() -> None:
    for wrong in ({}, {"schema": 2}, {"schema": 1, "file": "a", "pages": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(wrong)
