"""What is written on a page, in the alphabet of the line reader."""

import re

from digitocr.recognition.alphabet import ALPHABET, OTHER

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−﹣－"), "-")
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ′´`"), "'")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
_POINTS = dict.fromkeys(map(ord, "·∙"), ".")
_TRANSLATION = _POINTS | _DASHES | _APOSTROPHES | _SPACES
_UNKNOWN = re.compile(f"[^{re.escape(ALPHABET)}{OTHER}]+")
_WORD = "\ue000"  # stands for letters until what adjoins them is swallowed


def to_truth(text: str) -> str:
    """Return `text` as the reader should read it: numbers and signs as written, the rest as ¤.

    Every dash becomes "-", every apostrophe "'", spaces single. A word, with the punctuation in
    it, before and behind it, is one ¤; so are a currency sign and any other mark. In words with
    digits ("No.7", "A-12", "12,5kg", "5th.") letters take ". : - /" beside them with them:
    "¤7", "¤12", "12,5¤", "5¤".
    """
    tokens = text.translate(_TRANSLATION).split()
    return " ".join(_token_truth(token) for token in tokens)


def _token_truth(token: str) -> str:
    has_digit = any(char.isascii() and char.isdigit() for char in token)
    if not has_digit and (_UNKNOWN.search(token) or ".." in token):
        return OTHER
    if not has_digit:
        return token
    marked = re.sub(r"[^\W\d_]+", _WORD, token)
    marked = re.sub(rf"[.:\-/']*{_WORD}[.:\-/']*", OTHER, marked)
    marked = _UNKNOWN.sub(OTHER, marked)
    return re.sub(rf"{OTHER}+", OTHER, marked)
