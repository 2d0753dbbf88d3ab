"""Inputs as typed → an ordered list of `Source`s: files, folders, globs and stdin."""

# Unlike Path's, isdir and islink of os.path don't raise where a name is too long or barred.
# ruff: noqa: PTH112, PTH114
from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TypeAlias

from digitocr.records import Source, Unread

Identity: TypeAlias = tuple[int, int]  # device, inode

EXTENSIONS = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".webp", ".tif", ".tiff"),
        *(".gif", ".avif", ".jp2", ".j2k", ".heic", ".heif", ".pdf"),
    }
)
STDIN = "-"
_MOST_STDIN = 2_000_000_001  # bytes, one more than pages.py accepts: the rest is not waited for
_DRAWN = ".annotated.jpg"  # what --annotate adds to an input's name; batch.py writes it
_NO_FILE = "is neither a file nor a folder"


def find_sources(inputs: Sequence[str], output: Path | None = None) -> list[Source | Unread]:
    """Return what to read, in the order typed and natural order within folders.

    Args:
        inputs: files, folders (walked), globs, or "-" for one image or PDF on stdin.
        output: the results folder, passed over where it lies inside an input.

    Returns:
        Sources with distinct names, each file once, and an `Unread` for each input that can't
        be one: missing, of an unknown type, a broken link. Empty where folders hold no images.
    """
    skip = _identity(output) if output else None
    found = [source for text in inputs for source in _from_input(text, skip)]
    return _distinct(_each_once(found))


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key that puts page2 before page10; equal only for equal names."""
    parts = re.split("([0-9]+)", name.casefold())  # text, digits, text, ...
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name


def _from_input(text: str, skip: Identity | None) -> Iterator[Source | Unread]:
    """Yield what one INPUT stands for."""
    if text == STDIN:
        yield Source("stdin", data=sys.stdin.buffer.read(_MOST_STDIN) if sys.stdin else b"")
    elif os.path.isdir(text):
        yield from _walk(Path(text), Path(text), skip)
    elif glob.has_magic(text) and not os.path.lexists(text):
        yield from _from_glob(text, skip)
    else:
        yield _from_file(text)


def _from_file(text: str) -> Source | Unread:
    """Return the file that was named, or why it can't be read."""
    path, shown = Path(text), text or '""'
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Unread(shown, _unreachable(path, error))
    if not stat.S_ISREG(mode):
        return Unread(shown, _NO_FILE)
    if path.suffix.lower() not in EXTENSIONS:
        sentence = f"is of no type that digitocr reads ({_type_list()})"
        return Unread(text, sentence, "Save other types of files as PNG or PDF.")
    return Source(path.name, path)


def _type_list() -> str:
    return ", ".join(sorted(extension[1:] for extension in EXTENSIONS))


def _from_glob(pattern: str, skip: Identity | None) -> Iterator[Source | Unread]:
    """Yield the matches of a glob, named relative to its fixed first folders.

    By `Path.glob`, because `**` of `glob.glob` follows links, round in circles too.
    """
    fixed = Path(pattern)
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    rest = Path(pattern).relative_to(fixed)
    if ".." in rest.parts:  # results would be written that far outside the output folder
        yield Unread(pattern, "has .. after a wildcard")
        return
    try:
        found = [str(path.relative_to(fixed)) for path in fixed.glob(str(rest))]
    except (OSError, ValueError) as error:
        yield Unread(pattern, f"is no pattern to look for: {error}")
        return
    matches = [fixed / name for name in sorted(found, key=natural_key) if not _hidden(name)]
    if not matches:
        yield Unread(pattern, "matches no file")
    for match in matches:
        yield from _walk(match, fixed, skip)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePath(name).parts)


def _walk(top: Path, root: Path, skip: Identity | None) -> Iterator[Source | Unread]:
    """Yield the images at or below `top` in natural order.

    Hidden names, the results folder and pictures that --annotate drew are passed over. A list
    instead of recursion, because folders may be nested deeper than Python's stack.
    """
    waiting = [top]  # the next one is the last
    while waiting:
        path = waiting.pop()
        if not os.path.isdir(path) or (path != root and os.path.islink(path)):
            yield from _from_entry(path, root)
        elif path == root or skip is None or _identity(path) != skip:
            try:
                names = [child.name for child in path.iterdir() if not _hidden(child.name)]
            except OSError as error:
                yield Unread(str(path), f"the folder can't be listed: {error.strerror}")
            else:
                names.sort(key=natural_key, reverse=True)
                waiting += [path / name for name in names]


def _identity(path: Path) -> Identity | None:
    """Return what tells a file or folder from all others, None where nothing is found."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _from_entry(path: Path, root: Path) -> Iterator[Source | Unread]:
    """Yield a file or link found below `root`, or why it can't be read.

    A link is followed only where it stays below `root`: a folder of scans handed over by
    somebody else must not make digitocr read files elsewhere.
    """
    name, link = path.relative_to(root).as_posix(), os.path.islink(path)
    image = path.suffix.lower() in EXTENSIONS and not name.endswith(_DRAWN)
    if not image and not link:
        return
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Unread(name, _unreachable(path, error))
        return
    if not image and not stat.S_ISDIR(mode):
        return
    if link and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        sentence = "is a link that leads out of the folder; name its target as an INPUT"
        yield Unread(name, sentence, "Name files outside of the folder as INPUTs of their own.")
    elif stat.S_ISREG(mode):
        yield Source(name, path)
    elif not stat.S_ISDIR(mode):  # a folder that is linked to is found at its own place
        yield Unread(name, _NO_FILE)


def _unreachable(path: Path, error: OSError) -> str:
    """Return why there is nothing to be found at a path."""
    if os.path.islink(path):
        if isinstance(error, FileNotFoundError):
            return "is a link to a file that is not there"
        return f"is a link that can't be followed: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return f"can't be reached: {error.strerror}"


def _each_once(found: Sequence[Source | Unread]) -> list[Source | Unread]:
    """Return the list without files that an earlier INPUT has named already."""
    seen: set[str] = set()
    once: list[Source | Unread] = []
    for one in found:
        if isinstance(one, Source):
            place = os.path.realpath(one.path) if one.path else STDIN
            if place in seen:
                continue
            seen.add(place)
        once.append(one)
    return once


def _distinct(found: Sequence[Source | Unread]) -> list[Source | Unread]:
    """Return the list with equal names told apart by as many parent folders as it takes."""
    count = Counter(one.name for one in found if isinstance(one, Source))
    taken: set[str] = set()
    distinct: list[Source | Unread] = []
    for one in found:
        if isinstance(one, Source):
            one = replace(one, name=_free_name(one, count, taken))
            taken.add(one.name)
        distinct.append(one)
    return distinct


def _free_name(source: Source, count: Counter[str], taken: set[str]) -> str:
    """Return the source's name, with parent folders before it until no other has it."""
    name = source.name
    if source.path is None:
        return name
    place = source.path.parent.resolve() / source.path.name
    parents = list(place.parts[1 : -len(PurePath(name).parts)])
    while (count[name] > 1 and parents) or name in taken:
        name = f"{parents.pop() if parents else '_'}/{name}"
    return name
