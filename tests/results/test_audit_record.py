"""audit.json: what is written is read again, and what is damaged is no audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from digitocr.core.geometry import Box
from digitocr.results.audit import AuditSummary
from digitocr.results.audit_record import (
    AuditedRun,
    AuditRecord,
    SampledNumber,
    read_audit,
    write_audit,
)

SUMMARY = AuditSummary(1, 40, 2, 1, 0, 0.0, 0.79, False, "0 of 1 wrong")
RECORD = AuditRecord(
    SUMMARY,
    AuditedRun(("in",), "abc", 0.9),
    seed=1,
    asked=2,
    population=40,
    sample=(
        SampledNumber("a.png", 1, Box(1, 2, 3, 4), "007", looked_at=True, number="007"),
        SampledNumber("b.png", 2, Box(5, 6, 7, 8), "5"),
    ),
    earlier=(SUMMARY,),
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_audit(tmp_path, RECORD)
    assert read_audit(tmp_path) == RECORD
    written = json.loads((tmp_path / "audit.json").read_bytes())
    assert written["sample"][0]["box"] == [1, 2, 3, 4]
    assert written["run"] == {"inputs": ["in"], "model": "abc", "min_confidence": 0.9}


def test_no_audit_was_begun(tmp_path: Path) -> None:
    assert read_audit(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"summary": {}},
        {"run": None},
        {"sample": [{"file": "a.png", "page": 1, "box": [1, 2], "read": "5"}]},
        {"sample": 5},
        {"earlier": [5]},
    ],
)
def test_a_damaged_one_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "audit.json").write_text(json.dumps(RECORD.to_dict() | change))
    assert read_audit(tmp_path) is None
