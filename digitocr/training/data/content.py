"""What people write: numbers of every kind, words, and lines of both."""

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator

_DASHES = ("-", "-", "-", "–", "−", "−", "−", "—", "‐")
_CURRENCIES = ("$", "€", "£", "¥", "₹", "Rs", "Rs.", "kr", "Fr.", "USD", "EUR", "CHF", "zł", "R$")
_UNITS = (
    "kg", "g", "mg", "km", "m", "cm", "mm", "l", "ml", "kWh", "V", "A", "W", "Hz", "°C", "°F", "°",
    "m²", "m³", "h", "min", "s", "x", "pcs", "St", "Stk", "EA", "bar", "dB", "px", "MB", "GB",
)  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COMMON_WORDS = (
    "Total", "Sum", "Date", "No.", "Nr.", "Invoice", "Amount", "Tax", "VAT", "Price", "Qty", "Name",
    "the", "of", "and", "in", "to", "is", "for", "on", "with", "at", "from", "by", "Balance",
    "TOTAL", "CASH", "CHANGE", "SUBTOTAL", "GST", "Tel", "Fax", "Phone", "Item", "Code", "Net",
    "Gross", "Rate", "Discount", "Due", "Paid", "Credit", "Debit", "Account", "Ref", "ID", "Order",
    "Uhr", "Datum", "Betrag", "Summe", "Menge", "Preis", "MwSt", "Fecha", "Importe", "Cantidad",
    "Montant", "Prix", "Quantité", "Temp", "Max", "Min", "Mean", "Low", "High", "ND", "n/a", "N/A",
    "OK", "AM", "PM", "pm", "am", "Mon", "Tue", "kWh", "Volt", "SYS", "DIA", "PUL", "Table", "Row",
)  # fmt: skip
_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"
_LOOK_ALIKE = "OoIlSBZDQg"


def _choice(rng: Rng, options: str | tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _digits(rng: Rng, length: int) -> str:
    """Return `length` digits; now and then many of one kind, as in 1000000 or 0011."""
    if rng.random() < 0.15:
        few = rng.integers(0, 10, 2)
        return "".join(str(few[int(i)]) for i in rng.integers(0, 2, length))
    return "".join(map(str, rng.integers(0, 10, length)))


def _natural(rng: Rng, longest: int = 6) -> str:
    """Return a whole number of 1 to `longest` digits, small ones more often, no leading zero."""
    length = 1 + int(min(longest - 1, rng.geometric(0.35) - 1)) if longest > 1 else 1
    digits = _digits(rng, length)
    if digits[0] == "0" and length > 1:
        digits = str(rng.integers(1, 10)) + digits[1:]
    if length > 2 and rng.random() < 0.2:
        zeros = int(rng.integers(1, length))
        digits = digits[: length - zeros] + "0" * zeros
    return digits


def _grouped(digits: str, separator: str) -> str:
    head = len(digits) % 3 or 3
    parts = [digits[:head]] + [digits[i : i + 3] for i in range(head, len(digits), 3)]
    return separator.join(parts)


def _count(rng: Rng) -> str:
    return _natural(rng)


def _single(rng: Rng) -> str:
    return str(rng.integers(0, 10))


def _padded(rng: Rng) -> str:
    return "0" * int(rng.integers(1, 4)) + _natural(rng, 4)


def _decimal(rng: Rng) -> str:
    point = "·" if rng.random() < 0.1 else _choice(rng, (".", ".", ","))
    places = int(rng.choice([1, 2, 2, 2, 3, 4]))
    whole = _natural(rng, 5) if rng.random() > 0.12 else "0"
    return whole + point + _digits(rng, places)


def _thousands(rng: Rng) -> str:
    separator = _choice(rng, (",", ",", ".", ".", " ", "'", "’"))
    digits = str(rng.integers(1, 10)) + _digits(rng, int(rng.integers(3, 9)))
    text = _grouped(digits, separator)
    if rng.random() < 0.6:
        text += ("." if separator in ",'’ " and rng.random() < 0.7 else ",") + _digits(rng, 2)
    if "," in text and text.count(",") > 1 and text[-3] == "," and separator == ",":
        text = text[:-3]
    return text


def _signed(rng: Rng) -> str:
    number = _choice_of(rng, (_count, _decimal, _thousands))
    if rng.random() < 0.15:
        return number + _choice(rng, ("-", "-", " -", "+", "–"))
    sign = "+" if rng.random() < 0.2 else _choice(rng, _DASHES)
    return sign + (" " if rng.random() < 0.08 else "") + number


def _bracketed(rng: Rng) -> str:
    return f"({_choice_of(rng, (_count, _decimal, _thousands))})"


def _percent(rng: Rng) -> str:
    number = _choice_of(rng, (_count, _decimal)) if rng.random() < 0.8 else _signed(rng)
    return number + (" %" if rng.random() < 0.2 else "%")


def _date(rng: Rng) -> str:
    day, month = int(rng.integers(1, 32)), int(rng.integers(1, 13))
    year = str(rng.integers(1850, 2035))
    year = year[2:] if rng.random() < 0.35 else year
    pad = "02d" if rng.random() < 0.7 else "d"
    d, m = format(day, pad), format(month, pad)
    form = int(rng.integers(9))
    if form == 0:
        return f"{year}-{month:02d}-{day:02d}"
    if form == 8:
        return f"{_choice(rng, _MONTHS)} {day}, {year}"
    if form == 1:
        return f"{d}{_choice(rng, (' ', '-', '. '))}{_choice(rng, _MONTHS)} {year}"
    if form == 2:
        return f"{d}{_choice(rng, ('/', '.', '-'))}{m}" + _choice(rng, ("", "."))
    mark = _choice(rng, ("/", "/", ".", ".", "-", "-", " "))
    return mark.join((d, m, year))


def _time(rng: Rng) -> str:
    hour, minute = int(rng.integers(0, 24)), int(rng.integers(0, 60))
    text = f"{hour:02d}" if rng.random() < 0.6 else str(hour)
    text += (":" if rng.random() < 0.85 else ".") + f"{minute:02d}"
    if rng.random() < 0.3:
        text += f":{rng.integers(0, 60):02d}"
    if rng.random() < 0.1:
        text += "." + _digits(rng, 2)
    if rng.random() < 0.12:
        text += _choice(rng, (" AM", " PM", "pm", " h", " Uhr"))
    return text


def _phone(rng: Rng) -> str:
    form = int(rng.integers(6))
    if form == 0:
        return f"({_digits(rng, 3)}) {_digits(rng, 3)}-{_digits(rng, 4)}"
    if form == 1:
        return f"+{_natural(rng, 2)} {_digits(rng, 3)} {_digits(rng, 3)} {_digits(rng, 4)}"
    if form == 2:
        return f"0{_digits(rng, 3)}/{_digits(rng, 6)}"
    if form == 3:
        return f"0{_digits(rng, 2)} {_digits(rng, 7)}"
    if form == 4:
        return f"06-{_digits(rng, 8)}"
    return "-".join((_digits(rng, 3), _digits(rng, 3), _digits(rng, 4)))


def _identifier(rng: Rng) -> str:
    mark = _choice(rng, ("-", "-", "/", ".", " ", "–"))
    parts = [_digits(rng, int(rng.integers(1, 6))) for _ in range(int(rng.integers(2, 5)))]
    text = mark.join(parts)
    if rng.random() < 0.2:
        letters = "".join(
            _choice(rng, "ABCDEFGHKLMNPRSTUVXYZ") for _ in range(int(rng.integers(1, 4)))
        )
        text = letters + _choice(rng, ("", "-", " ", ".")) + text
    return text


def _long(rng: Rng) -> str:
    return _digits(rng, int(rng.integers(7, 15)))


def _ordinal(rng: Rng) -> str:
    number = _natural(rng, 3)
    return number + _choice(rng, (".", ".", ")", "st", "nd", "th", "º", "ª", ":", "°"))


def _money(rng: Rng) -> str:
    number = _choice_of(rng, (_count, _decimal, _decimal, _thousands))
    currency = _choice(rng, _CURRENCIES)
    form = rng.random()
    if form < 0.45:
        sign = _choice(rng, _DASHES) if rng.random() < 0.1 else ""
        return sign + currency + ("" if rng.random() < 0.7 else " ") + number
    if form < 0.8:
        return number + (" " if rng.random() < 0.7 else "") + currency
    return number + _choice(rng, ("/-", ",-", ",--", "=", ".-", ".--", "*"))


def _with_unit(rng: Rng) -> str:
    number = _choice_of(rng, (_count, _decimal, _signed))
    return number + (" " if rng.random() < 0.4 else "") + _choice(rng, _UNITS)


def _sum(rng: Rng) -> str:
    signs = ("+", "-", "×", "x", "/", ":", "=", "÷", "*")
    gap = " " if rng.random() < 0.6 else ""
    text = _natural(rng, 3)
    for _ in range(int(rng.integers(1, 3))):
        text += gap + _choice(rng, signs) + gap + _natural(rng, 3)
    return f"({text})" if rng.random() < 0.1 else text


def _marked(rng: Rng) -> str:
    """Return a number with a mark close before it, as in "@6%", "#12", "x2"."""
    number = _choice_of(rng, (_count, _decimal, _percent))
    text = _choice(rng, "@@@#*xX&=~:<>_") + ("" if rng.random() < 0.7 else " ") + number
    return f"({text})" if rng.random() < 0.2 else text


def _listed(rng: Rng) -> str:
    """Return small numbers one after another, as in "12, 15 and 7"."""
    numbers = [_natural(rng, 3) for _ in range(int(rng.integers(2, 5)))]
    between = ", " if rng.random() < 0.7 else _choice(rng, ("; ", " / ", " - ", " | ", " & "))
    return between.join(numbers)


def _lettered(rng: Rng) -> str:
    letter = _choice(rng, "ABCDEFHKLMNPQRTUVWXYZabcdekmnprtuvz")
    mark = _choice(rng, ("", "", "-", ".", ": "))
    if rng.random() < 0.5:
        return letter + mark + _natural(rng, 5)
    return _natural(rng, 4) + ("" if rng.random() < 0.7 else mark) + letter


_KINDS: dict[str, tuple[Callable[[Rng], str], float]] = {
    "count": (_count, 16), "single": (_single, 5), "padded": (_padded, 4),
    "decimal": (_decimal, 18),
    "thousands": (_thousands, 10), "signed": (_signed, 10), "bracketed": (_bracketed, 3),
    "percent": (_percent, 4), "date": (_date, 9), "time": (_time, 5), "phone": (_phone, 4),
    "identifier": (_identifier, 4), "long": (_long, 4), "ordinal": (_ordinal, 2),
    "money": (_money, 10), "unit": (_with_unit, 4), "sum": (_sum, 2), "lettered": (_lettered, 2),
    "marked": (_marked, 4), "listed": (_listed, 3),
}  # fmt: skip
KINDS = tuple(_KINDS)
"""Kinds of numbers that `random_number` knows."""

_WEIGHTS = np.array([weight for _, weight in _KINDS.values()]) / sum(w for _, w in _KINDS.values())
_METER_KINDS = (_long, _padded, _padded, _decimal, _decimal, _decimal, _count, _count)


def _choice_of(rng: Rng, makers: tuple[Callable[[Rng], str], ...]) -> str:
    return makers[int(rng.integers(len(makers)))](rng)


def random_number(rng: Rng, kind: str | None = None) -> str:
    """Return a number as it is written, of one of `KINDS`, or of any in natural shares.

    It may hold letters, currency signs and any dash: `truth.to_truth` says how it is read.
    """
    if kind is None:
        kind = KINDS[int(rng.choice(len(KINDS), p=_WEIGHTS))]
    return _KINDS[kind][0](rng)


def random_reading(rng: Rng) -> str:
    """Return what a meter, scale or clock shows: digits, a point, a colon, a minus."""
    form = rng.random()
    if form < 0.12:
        return f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}"
    sign = "-" if form < 0.22 else ""
    reading = _choice_of(rng, _METER_KINDS).replace(",", ".").replace("·", ".")
    if "." not in reading and len(reading) > 3 and rng.random() < 0.3:
        reading = reading[:-1] + "." + reading[-1]
    return sign + reading


def random_row_number(rng: Rng) -> str:
    """Return a small whole number, as rows, marks and houses have it, often with a point."""
    return str(rng.integers(1, 10 ** int(rng.integers(1, 4)))) + (
        "." if rng.random() < 0.25 else ""
    )


def random_cheque_number(rng: Rng) -> str:
    """Return what a cheque's code line shows; A and D stand for its two signs."""
    number = _digits(rng, int(rng.integers(3, 12)))
    sign = _choice(rng, ("", "", "A", "D"))
    tail = "" if rng.random() < 0.6 else " " + _digits(rng, int(rng.integers(2, 10)))
    return sign + number + sign + tail


def random_unit(rng: Rng) -> str:
    """Return a unit, or two, as they stand beside a display."""
    unit = _choice(rng, _UNITS)
    return unit if rng.random() < 0.8 else unit + " " + _choice(rng, _UNITS)


def random_letter(rng: Rng) -> str:
    """Return a letter or a mark that stands alone, as in boxed forms and crosswords."""
    return _choice(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#&*?!@=<>$")


def random_word(rng: Rng) -> str:
    """Return a word: a common one of forms, or syllables, in any case, with punctuation."""
    form = rng.random()
    if form < 0.45:
        return _choice(rng, _COMMON_WORDS)
    if form < 0.5:
        return _choice(rng, _LOOK_ALIKE) + _choice(rng, ("", ".", "n", "t", "K", "k"))
    syllables = range(int(rng.integers(1, 4)))
    word = "".join(_choice(rng, _CONSONANTS) + _choice(rng, _VOWELS) for _ in syllables)
    word += _choice(rng, ("", "n", "r", "s", "t", "ll", "ng"))
    case = rng.random()
    word = word.upper() if case < 0.25 else word.capitalize() if case < 0.55 else word
    return word + _choice(rng, ("", "", "", "", ".", ",", ":", ";", "-"))


def random_line(rng: Rng) -> str:
    """Return what stands in one line of writing: mostly a number, or several, or words too."""
    form = rng.random()
    if form < 0.6:
        return random_number(rng)
    if form < 0.68:
        between = " | " if rng.random() < 0.3 else " "
        return between.join(random_number(rng) for _ in range(int(rng.integers(2, 4))))
    if form < 0.79:
        return " ".join(random_word(rng) for _ in range(int(rng.integers(1, 4))))
    before = [random_word(rng) for _ in range(int(rng.integers(0, 3)))]
    behind = [random_word(rng) for _ in range(int(rng.integers(0, 2)))]
    return " ".join([*before, random_number(rng), *behind])
