"""What is known about numbers before they are read: their length, a pattern, check or list."""

from __future__ import annotations

import csv
import importlib
import re
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from digitocr.core.errors import WrongSetting
from digitocr.core.settings import (
    Constraints,
    Decimal,
    digit_count,
    list_and_column,
    number_pattern,
    value_range,
)
from digitocr.numbers.notation import value_of

Constraint: TypeAlias = Callable[[str], bool]  # tells whether a number as written may be so

_CHECK = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")  # modules of python-stdnum, no others
_MOST_LISTED = 10_000_000  # bytes: a list of half a million numbers


def constraint_of(constraints: Constraints, decimal: Decimal | None = None) -> Constraint | None:
    """Return what tells whether a number, as written with its signs, is as it is known to be.

    Each part that is given has to hold: `digits` counts digits alone; `pattern` is for the whole
    number with its signs; `within` is for its value (`value_of`); `check` for its digits; `listed`
    for its text. None where nothing is known: then everything may be.

    Args:
        constraints: what is known.
        decimal: which sign stands before decimals; None where that is not known.

    Raises:
        WrongSetting: a part makes no sense, or the list can't be read.
    """
    parts: tuple[tuple[str | None, Callable[[str], Constraint]], ...] = (
        (constraints.digits, _digit_count_constraint),
        (constraints.pattern, _pattern_constraint),
        (constraints.within, partial(_range_constraint, decimal)),
        (constraints.check, _check_digit_constraint),
        (constraints.listed, _list_constraint),
    )
    found = [make(text) for text, make in parts if text is not None]
    if not found:
        return None
    return lambda number: all(constraint(number) for constraint in found)


def _digit_count_constraint(text: str) -> Constraint:
    least, most = digit_count(text)
    return lambda number: least <= sum(map(str.isdigit, number)) <= most


def _pattern_constraint(text: str) -> Constraint:
    pattern = number_pattern(text)
    return lambda number: pattern.fullmatch(number) is not None


def _range_constraint(decimal: Decimal | None, text: str) -> Constraint:
    least, most = value_range(text)

    def is_within(number: str) -> bool:
        value = value_of(number, decimal)
        return value is not None and least <= value <= most

    return is_within


def _check_digit_constraint(text: str) -> Constraint:
    name = text.lower()
    try:
        if not _CHECK.fullmatch(name):
            raise ImportError
        is_valid: Callable[[str], bool] = importlib.import_module(f"stdnum.{name}").is_valid
    except (ImportError, AttributeError):
        sentence = "is no check that python-stdnum has (luhn, ean, isbn, ...)"
        raise WrongSetting("check", text, sentence) from None
    return lambda number: is_valid("".join(filter(str.isdigit, number)))


def _list_constraint(text: str) -> Constraint:
    path, column = list_and_column(text)
    try:
        if path.stat().st_size > _MOST_LISTED:
            raise WrongSetting("listed", path, f"is larger than {_MOST_LISTED // 10**6} MB")
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if column not in (rows.fieldnames or ()):
                there = ", ".join(rows.fieldnames or ())
                raise WrongSetting("listed", path, f"has no column {column!r}, only {there}")
            numbers = {(row[column] or "").strip() for row in rows}
    except OSError as error:
        raise WrongSetting("listed", path, f"can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise WrongSetting("listed", path, f"is no CSV in UTF-8: {error}") from error
    return numbers.__contains__
