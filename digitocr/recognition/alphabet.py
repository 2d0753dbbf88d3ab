"""The characters that the line reader tells apart, and their class numbers."""

ALPHABET = "0123456789.,:/-+%()' "
"""All that belongs to numbers, space included; every dash is "-", every apostrophe "'"."""

OTHER = "¤"
"""A letter, word, unit, currency sign or stain: read, but no part of a number."""

SYMBOLS = ALPHABET + OTHER
BLANK = 0
CLASSES = len(SYMBOLS) + 1
"""CTC's blank is class 0, `ALPHABET` follows from 1, `OTHER` is last."""

_CLASS_OF = {symbol: index for index, symbol in enumerate(SYMBOLS, start=1)}


def encode(text: str) -> list[int]:
    """Return the class of each character of a text in `SYMBOLS`; KeyError for any other."""
    return [_CLASS_OF[symbol] for symbol in text]


def decode(classes: list[int]) -> str:
    """Return the text of classes 1 and up."""
    return "".join(SYMBOLS[index - 1] for index in classes)
