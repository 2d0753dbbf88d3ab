"""Lines for people on stderr, whatever characters file names put into them."""

from __future__ import annotations

import sys


def printable(text: str) -> str:
    """Return a text in which control characters and broken bytes are escaped."""
    safe = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return safe.encode("utf-8", "backslashreplace").decode()


def say(text: str) -> None:
    """Print a line to stderr."""
    if sys.stderr:  # closed by `2>&-`; print would write into the results on stdout
        print(printable(text), file=sys.stderr)


def say_lines(text: str) -> None:
    """Print lines, such as a traceback's, to stderr."""
    for line in text.splitlines():
        say(line)


def warn(sentence: str) -> None:
    """Print a warning, given without its full stop, to stderr."""
    say(f"warning: {sentence}.")
