"""How numbers are written: which digits and signs make sense together, and their value."""

from __future__ import annotations

import re
from collections.abc import Sequence

from digitocr.core.settings import Decimal

# Several signs make sense between thousands, before a last part of another sign, and in dates.
_SENSIBLE = re.compile(
    r"-?(\d+([.,:-]\d+)?|\d{1,3}([.,])\d{3}(\3\d{3})*([.,]\d+)?"
    r"|\d{1,4}([.:/-])\d{1,2}\6\d{1,4}|\d{1,3}/\d{1,3})"
)
_DATE = re.compile(r"\d{1,4}([.:/-])\d{1,2}\1\d{1,4}")
PLAIN_VALUE = r"-?\d+(?:\.\d+)?"  # with a point before decimals, if any
_NO_SHARE = re.compile("[:/]|-.*-")  # times, dates and fractions: no percent sign follows
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}([.,])\d{3}(\1\d{3})*")


def number_text(
    minus: bool,
    digits: Sequence[str],
    after: Sequence[str],
    decimal: Decimal | None = None,
    percent: bool = False,
) -> str:
    """Return a number as it is written; without its signs where they make no sense together.

    Args:
        minus: a minus stands before it.
        digits: left to right.
        after: what stands after each of them, "" for nothing.
        decimal: which mark stands before decimals; None for the one that is on the page.
        percent: a percent sign stands after the last.
    """
    inside = "".join(digit + sign for digit, sign in zip(digits, [*after[:-1], ""], strict=True))
    text = "-" * minus + inside
    if not is_sensible(text):
        text = "".join(digits)
    elif decimal is not None:
        text = with_decimal(text, decimal)
    return text + "%" * (percent and not _NO_SHARE.search(text))


def is_sensible(text: str) -> bool:
    """Tell whether digits and signs make sense together; an empty text does not."""
    return _SENSIBLE.fullmatch(text.removesuffix("%")) is not None


def with_decimal(text: str, decimal: Decimal) -> str:
    """Return a number with the decimal mark as given; points and commas look alike.

    A lone mark before three digits parts thousands if it is not the decimal one; the last one is
    the decimal one where others do not part thousands up to the end. Dates stay as they are.
    """
    signs = [sign for sign in text if sign in ".,"]
    thousands = _THOUSANDS.fullmatch(text)
    if not signs or _DATE.fullmatch(text):
        return text
    if decimal == "none":
        return text if thousands else text.replace(".", "").replace(",", "")
    point, comma = ".," if decimal == "point" else ",."
    if thousands and (len(signs) > 1 or signs[0] == comma):
        return text.replace(point, comma)
    at = max(text.rfind("."), text.rfind(","))
    return text[:at].replace(point, comma) + point + text[at + 1 :]


def value_of(number: str, decimal: Decimal | None = None) -> float | None:
    """Return the value of a number as written; None for dates, times and what has no value.

    That of 20% is 20.

    Args:
        number: with its signs.
        decimal: which mark stands before decimals. Where that is not known it is the last of
            points and commas, unless that stands there several times.
    """
    number = number.removesuffix("%")
    signs = [sign for sign in number if sign in ".,"]
    marks = {"point": ".", "comma": ",", "none": ""}
    mark = marks[decimal] if decimal else signs[-1] if signs else ""
    if mark and signs.count(mark) == 1:
        whole, _, decimals = number.rpartition(mark)
        number = re.sub("[.,]", "", whole) + "." + decimals
    else:
        number = re.sub("[.,]", "", number)
    return float(number) if re.fullmatch(PLAIN_VALUE, number) else None
