"""What is known about numbers before they are read: their length, a pattern, check or list."""

from __future__ import annotations

import csv
import importlib
import re
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeAlias

from digitocr.core.errors import WrongUsage
from digitocr.core.settings import (
    Decimal,
    Known,
)
from digitocr.numbers.notation import PLAIN_VALUE, value_of

Constraint: TypeAlias = Callable[[str], bool]  # tells whether a number as written may be so

_DIGITS = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
_RANGE = re.compile(rf"({PLAIN_VALUE})\.\.({PLAIN_VALUE})")
_CHECK = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")  # modules of python-stdnum, no others
_MOST_LISTED = 10_000_000  # bytes: a list of half a million numbers


@lru_cache(maxsize=64)
def rule_of(known: Known, decimal: Decimal | None = None) -> Constraint:
    """Return what tells whether a number, as written with its signs, is as it is known to be.

    Each part that is given has to hold: `digits` ("8", "4-6") counts digits alone; `pattern` is a
    regular expression as Python's `re` has them, for the whole number with its signs; `within`
    ("0..100") is for its value (`value_of`); `check` names a module of python-stdnum ("luhn",
    "ean", "isbn", "verhoeff", "us.ssn"), for its digits; `listed` ("FILE.csv:COLUMN") for its text.
    Where nothing is known everything is right.

    Args:
        known: as typed.
        decimal: which mark stands before decimals; None where that is not known.

    Raises:
        WrongUsage: a part makes no sense, or the list can't be read.
    """
    parts = (
        (known.digits, _counted),
        (known.pattern, _patterned),
        (known.within, partial(_ranged, decimal)),
        (known.check, _checked),
        (known.listed, _listed),
    )
    rules = [make(text) for text, make in parts if text is not None]
    return lambda number: all(holds(number) for holds in rules)


def _counted(text: str) -> Constraint:
    found = _DIGITS.fullmatch(text)
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not 1 <= least <= most:
        raise WrongUsage(f"--digits {text}: is no count such as 8 or 4-6")
    return lambda number: least <= sum(map(str.isdigit, number)) <= most


def _patterned(text: str) -> Constraint:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what may mean something else one day
            pattern = re.compile(text, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise WrongUsage(f"--pattern {text}: is no regular expression: {error}") from error
    return lambda number: pattern.fullmatch(number) is not None


def _ranged(decimal: Decimal | None, text: str) -> Constraint:
    found = _RANGE.fullmatch(text)
    least, most = (float(found[1]), float(found[2])) if found else (1.0, 0.0)
    if least > most:
        raise WrongUsage(f"--range {text}: is no range such as 0..100 or -5..5.5")

    def holds(number: str) -> bool:
        value = value_of(number, decimal)
        return value is not None and least <= value <= most

    return holds


def _checked(text: str) -> Constraint:
    name = text.lower()
    try:
        if not _CHECK.fullmatch(name):
            raise ImportError
        is_valid: Callable[[str], bool] = importlib.import_module(f"stdnum.{name}").is_valid
    except (ImportError, AttributeError):
        raise WrongUsage(
            f"--check {text}: is no check that python-stdnum has (luhn, ean, isbn, ...)"
        ) from None
    return lambda number: is_valid("".join(filter(str.isdigit, number)))


def _listed(text: str) -> Constraint:
    name, _, column = text.rpartition(":")
    if not name:
        raise WrongUsage(f"--list {text}: names no column; write FILE.csv:COLUMN")
    try:
        if Path(name).stat().st_size > _MOST_LISTED:
            raise WrongUsage(f"--list {name}: is larger than {_MOST_LISTED // 10**6} MB")
        with Path(name).open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if column not in (rows.fieldnames or ()):
                there = ", ".join(rows.fieldnames or ())
                raise WrongUsage(f"--list {name}: has no column {column!r}, only {there}")
            numbers = {(row[column] or "").strip() for row in rows}
    except OSError as error:
        raise WrongUsage(f"--list {name}: can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise WrongUsage(f"--list {name}: is no CSV in UTF-8: {error}") from error
    return numbers.__contains__
