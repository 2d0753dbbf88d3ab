"""Inputs as typed → an ordered list of `Source`s: files, folders, globs and stdin."""

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

from digitocr.records import Source, Unread

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".webp", ".tif", ".tiff"})
STDIN = "-"


def find_sources(inputs: Sequence[str], output: Path | None = None) -> list[Source | Unread]:
    """Return what to read, in the order typed and natural order within folders.

    Args:
        inputs: files, folders (walked), globs, or "-" for one image on stdin.
        output: the results folder, passed over where it lies inside an input.

    Returns:
        Sources with distinct names, each file once, and an `Unread` for each input that can't
        be one: missing, of an unknown type, a broken link. Empty where folders hold no images.
    """
    skip = os.path.realpath(output) if output else None
    found = [source for text in inputs for source in _from_input(text, skip)]
    return _distinct(_each_once(found))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts page2 before page10."""
    parts = re.split("([0-9]+)", name.casefold())
    return tuple((1, 0, part) if i % 2 == 0 else (0, int(part), "") for i, part in enumerate(parts))


def _from_input(text: str, skip: str | None) -> Iterator[Source | Unread]:
    """Yield what one INPUT stands for."""
    path = Path(text)
    if text == STDIN:
        yield Source("stdin", data=sys.stdin.buffer.read())
    elif path.is_dir():
        yield from _from_folder(path, path, skip)
    elif not os.path.lexists(path) and glob.has_magic(text):
        yield from _from_glob(text, skip)
    else:
        yield _from_file(path)


def _from_file(path: Path) -> Source | Unread:
    """Return the file that was named, or why it can't be read."""
    if path.is_symlink() and not path.exists():
        return Unread(str(path), _broken(path))
    if not path.exists():
        return Unread(str(path), "there is no such file")
    if not path.is_file():
        return Unread(str(path), "is neither a file nor a folder")
    if path.suffix.lower() not in EXTENSIONS:
        return Unread(str(path), f"is of no type that digitocr reads ({_type_list()})")
    return Source(path.name, path)


def _type_list() -> str:
    return ", ".join(sorted(extension[1:] for extension in EXTENSIONS))


def _from_glob(pattern: str, skip: str | None) -> Iterator[Source | Unread]:
    """Yield the matches of a glob, named relative to its fixed first folders."""
    fixed = Path(pattern)
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    matches = sorted(glob.glob(pattern, recursive=True), key=natural_key)
    if not matches:
        yield Unread(pattern, "matches no file")
    for match in map(Path, matches):
        if match.is_dir():
            yield from _from_folder(match, fixed, skip)
        elif match.suffix.lower() in EXTENSIONS:
            yield from _from_entry(match, fixed)


def _from_folder(folder: Path, root: Path, skip: str | None) -> Iterator[Source | Unread]:
    """Yield the images below a folder in natural order; hidden names are passed over."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: natural_key(entry.name))
    except OSError as error:
        yield Unread(str(folder), f"the folder can't be listed: {error.strerror}")
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if skip is None or os.path.realpath(path) != skip:
                yield from _from_folder(path, root, skip)
        elif entry.is_symlink() or path.suffix.lower() in EXTENSIONS:
            yield from _from_entry(path, root)


def _from_entry(path: Path, root: Path) -> Iterator[Source | Unread]:
    """Yield a file or link found below `root`, or why it can't be read.

    A link is followed only where it stays below `root`: a folder of scans handed over by
    somebody else must not make digitocr read files elsewhere.
    """
    name = path.relative_to(root).as_posix()
    if path.is_symlink():
        inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
        if not path.exists():
            yield Unread(name, _broken(path))
            return
        if not inside:
            yield Unread(name, "is a link that leads out of the folder; name its target as an INPUT")
            return
        if path.is_dir() or path.suffix.lower() not in EXTENSIONS:
            return  # what it points to is found at its own place
    if stat.S_ISREG(path.stat().st_mode):
        yield Source(name, path)


def _broken(path: Path) -> str:
    """Return why a link leads nowhere."""
    try:
        path.stat()
    except FileNotFoundError:
        return "is a link to a file that is not there"
    except OSError as error:
        return f"is a link that can't be followed: {error.strerror}"
    return "is a broken link"


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
    place = Path(os.path.abspath(source.path))
    parents = list(place.parts[1 : -len(PurePath(name).parts)])
    while (count[name] > 1 or name in taken) and parents:
        name = f"{parents.pop()}/{name}"
    return name
