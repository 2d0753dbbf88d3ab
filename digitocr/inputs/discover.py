"""Inputs as typed → an ordered list of `Source`s: files, folders, globs, stdin and URLs."""

# Unlike Path's, isdir and islink of os.path don't raise where a name is too long or barred; and
# scandir and join take a third of the time, of which 100,000 files need seconds.
# ruff: noqa: PTH112, PTH114, PTH118, PTH122
from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path, PurePath
from typing import TypeAlias

from digitocr.core.source import (
    Remote,
    Source,
    Unread,
)
from digitocr.storage import object_store

Identity: TypeAlias = tuple[int, int]  # device, inode
RealPath: TypeAlias = Callable[[str], str]  # a folder → its path without links

EXTENSIONS = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".webp", ".tif", ".tiff"),
        *(".gif", ".avif", ".jp2", ".j2k", ".heic", ".heif", ".pdf"),
    }
)
STDIN = "-"
_MOST_STDIN = 2_000_000_001  # bytes, one more than a file may have: the rest is not waited for
_DRAWN = ".annotated.jpg"  # what a picture with readings drawn on adds to an input's name
_NO_FILE = (
    "is neither a file nor a folder",
    "Leave out what is no file: pipes and devices may never end.",
)
_LEADS_OUT = (
    "is a link that leads out of the folder; to read it add Run.follow_symlinks",
    "Add Run.follow_symlinks where links out of folders are to be followed.",
)
# What runs and reviews write themselves, in lower case: the combined files, the journal,
# decisions and audits (packages `results` and `review`). No folder of results may be called so.
COMBINED_FILES = ("numbers.csv", "numbers.xlsx", "forms.csv", "errors.csv", "run.json")
_TAKEN = {*COMBINED_FILES, "journal.jsonl", "corrections.jsonl", "audit.json"}


@dataclass(frozen=True, slots=True)
class _Walk:
    """How folders are walked."""

    skip: Set[Identity]  # folders of results and the like
    follow: bool  # links that lead out of what was named
    without_links: set[str] = field(
        default_factory=set
    )  # folders that were listed and hold no links


def find_sources(
    inputs: Sequence[str],
    *excluded: object_store.Place | None,
    follow: bool = False,
    key: Callable[[str], str] | None = None,
) -> list[Source | Unread]:
    """Return what to read, in the order typed and natural order within folders.

    Args:
        inputs: files, folders (walked), globs, "-" for one image or PDF on stdin, or URLs of these.
        excluded: folders, of results and the like, passed over where they lie inside an input.
        follow: links that lead out of an input are followed, each folder once.
        key: what is the same for names that clash; None for `folded_name`.

    Returns:
        Sources with distinct names, each file once, and an `Unread` for each input that can't
        be one: missing, of an unknown type, a broken link. Empty where folders hold no images.

    Raises:
        ExtraMissing: a package that reads a URL is not installed.
    """
    places = (_identity(folder) for folder in excluded if isinstance(folder, Path))
    walk = _Walk({place for place in places if place}, follow)
    found: list[Source | Unread] = []
    for text in inputs:
        found += _from_url(text, excluded) if object_store.is_url(text) else _from_input(text, walk)
    real_path: RealPath = cache(os.path.realpath)  # folders are far fewer than files
    return _with_distinct_names(
        _each_once(found, real_path, walk.without_links), real_path, key or folded_name
    )


def folded_name(name: str) -> str:
    """Return what is the same for names that macOS or Windows take for one.

    Those differ by case alone, or by how a letter with an accent is put together (canonical
    caseless matching: Unicode 15, D145).
    """
    if name.isascii():
        return name.lower()
    from unicodedata import normalize

    return normalize("NFC", normalize("NFD", name).casefold())


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key that puts page2 before page10; equal only for equal names."""
    parts = re.split("([0-9]+)", name.casefold())  # text, digits, text, ...
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name


def _from_input(text: str, walk: _Walk) -> Iterator[Source | Unread]:
    """Yield what one INPUT stands for."""
    if text == STDIN:
        yield Source("stdin", data=sys.stdin.buffer.read(_MOST_STDIN) if sys.stdin else b"")
    elif os.path.isdir(text):
        yield from _walk(Path(text), Path(text), walk)
    elif glob.has_magic(text) and not os.path.lexists(text):
        yield from _from_glob(text, walk)
    else:
        yield _from_file(text)


def _from_url(url: str, excluded: Sequence[object_store.Place | None]) -> Iterator[Source | Unread]:
    """Yield what a URL stands for; below a folder's, in the order and with the gaps of `_walk`."""
    try:
        found = object_store.find(url)
    except OSError as error:
        yield Unread(object_store.without_secrets(url), f"can't be reached: {error.strerror}")
        return
    for name, remote in sorted(found, key=lambda one: [*map(natural_key, one[0].split("/"))]):
        known = PurePath(name).suffix.lower() in EXTENSIONS
        if remote.url == url:  # named by itself
            yield Source(name, remote=remote) if known else _unknown_type(url)
        elif known and not any(remote.url.startswith(f"{one}/") for one in excluded):
            yield from _below_url(name, remote)


def _below_url(name: str, remote: Remote) -> Iterator[Source | Unread]:
    """Yield a file found below a URL, unless its name would lead results out of their folder."""
    parts = name.split("/")
    if ".." in parts or list(PurePath(name).parts) != parts or "\0" in name:
        yield Unread(name, "its name is no path below a folder")
    elif not (_is_hidden(name) or name.endswith(_DRAWN)):
        yield Source(name, remote=remote)


def _from_file(text: str) -> Source | Unread:
    """Return the file that was named, or why it can't be read."""
    path, shown = Path(text), text or '""'
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Unread(shown, _why_unreachable(path, error))
    if not stat.S_ISREG(mode):
        return Unread(shown, *_NO_FILE)
    if path.suffix.lower() not in EXTENSIONS:
        return _unknown_type(text)
    return Source(path.name, path)


def _unknown_type(text: str) -> Unread:
    types = ", ".join(sorted(extension[1:] for extension in EXTENSIONS))
    sentence = f"is of no type that digitocr reads ({types})"
    advice = "Save other types of files as PNG or PDF."
    return Unread(object_store.without_secrets(text), sentence, advice)


def _from_glob(pattern: str, walk: _Walk) -> Iterator[Source | Unread]:
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
    matches = [fixed / name for name in sorted(found, key=natural_key) if not _is_hidden(name)]
    if not matches:
        yield Unread(pattern, "matches no file")
    for match in matches:
        yield from _walk(match, fixed, walk)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePath(name).parts)


def _walk(top: Path, root: Path, walk: _Walk) -> Iterator[Source | Unread]:
    """Yield the images at or below `top` in natural order.

    Hidden names, the results folder and pictures that a run drew are passed over. A list
    instead of recursion, because folders may be nested deeper than Python's stack.
    """
    if top != root and not walk.follow and _leads_out(top.parent, root):
        yield Unread(top.relative_to(root).as_posix(), *_LEADS_OUT)
        return
    waiting: list[Path | Source] = [top]
    followed = set[Identity | None]()
    while waiting:  # the next one is the last
        path = waiting.pop()
        if isinstance(path, Source):
            yield path
            continue
        if path != root and os.path.islink(path):
            if not (walk.follow and os.path.isdir(path) and _leads_out(path, root)):
                yield from _from_entry(path, root, walk.follow)
                continue
            if _identity(path) in followed:  # links may go round in circles
                continue
            followed.add(_identity(path))
        elif not os.path.isdir(path):
            yield from _from_entry(path, root, walk.follow)
            continue
        if path == root or _identity(path) not in walk.skip:
            yield from _add_entries(path, root, waiting, walk.without_links)


def _add_entries(
    folder: Path, root: Path, waiting: list[Path | Source], without_links: set[str]
) -> Iterator[Unread]:
    """Add what is in a folder to what waits, the first last; yield why it can't be listed.

    What the listing itself tells of files, as most are, needs no more looks at each: a folder
    without links is noted as `without_links`.
    """
    try:
        with os.scandir(folder) as listing:
            entries = [entry for entry in listing if not entry.name.startswith(".")]
        entries.sort(key=lambda entry: natural_key(entry.name), reverse=True)
        if not any(entry.is_symlink() for entry in entries):
            without_links.add(str(folder))
        above = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                waiting.append(folder / entry.name)
            elif _is_image(entry.name):
                waiting.append(Source(above + entry.name, folder / entry.name))
    except OSError as error:
        yield Unread(str(folder), f"the folder can't be listed: {error.strerror}")


def _is_image(name: str) -> bool:
    """Tell whether a file found in a folder is to be read, by its name."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.endswith(_DRAWN)


def _leads_out(path: Path, root: Path) -> bool:
    """Tell whether a path, links followed, is not below `root`."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _identity(path: Path) -> Identity | None:
    """Return what tells a file or folder from all others, None where nothing is found."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _from_entry(path: Path, root: Path, follow: bool) -> Iterator[Source | Unread]:
    """Yield a file or link found below `root`, or why it can't be read.

    Unless asked to, a link is followed only where it stays below `root`: a folder of scans handed
    over by somebody else must not make digitocr read files elsewhere.
    """
    name, link = path.relative_to(root).as_posix(), os.path.islink(path)
    image = _is_image(name)
    if not image and not link:
        return
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Unread(name, _why_unreachable(path, error))
        return
    if not image and not stat.S_ISDIR(mode):
        return
    if link and not follow and _leads_out(path, root):
        yield Unread(name, *_LEADS_OUT)
    elif stat.S_ISREG(mode):
        yield Source(name, path)
    elif not stat.S_ISDIR(mode):  # a folder that is linked to is found at its own place
        yield Unread(name, *_NO_FILE)


def _why_unreachable(path: Path, error: OSError) -> str:
    """Return why there is nothing to be found at a path."""
    if os.path.islink(path):
        if isinstance(error, FileNotFoundError):
            return "is a link to a file that is not there"
        return f"is a link that can't be followed: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return f"can't be reached: {error.strerror}"


def _each_once(
    found: Sequence[Source | Unread], real_path: RealPath, without_links: Set[str]
) -> list[Source | Unread]:
    """Return the list without files that an earlier INPUT has named already."""
    seen: set[str] = set()
    once: list[Source | Unread] = []
    for one in found:
        if isinstance(one, Source):
            place = _place(one, real_path, without_links)
            if place in seen:
                continue
            seen.add(place)
        once.append(one)
    return once


def _place(source: Source, real_path: RealPath, without_links: Set[str]) -> str:
    """Return what tells a source from all others: its URL, or its path without links."""
    if source.remote:
        return source.remote.url
    if source.path is None:
        return STDIN
    # Windows knows a file by names in other cases, too; its real path has the one on the disk.
    folder, name = os.path.split(source.path)
    if sys.platform == "win32" or (folder not in without_links and os.path.islink(source.path)):
        return os.path.realpath(source.path)
    return os.path.join(real_path(folder), name)


@dataclass(slots=True)
class _Names:
    """The names that sources have, by what is the same for names that clash (`folded_name`)."""

    key: Callable[[str], str]
    count: Counter[str]  # of those that they would have
    taken: set[str]  # of those that they have

    def are_free(self, name: str) -> bool:
        """Tell whether no source has a name, and no file of the run's that of its first folder."""
        return self.key(name) not in self.taken and _first_part(name) not in _TAKEN

    def clash(self, name: str) -> bool:
        """Tell whether several sources would have a name."""
        return self.count[self.key(name)] > 1


def _with_distinct_names(
    found: Sequence[Source | Unread], real_path: RealPath, key: Callable[[str], str] = folded_name
) -> list[Source | Unread]:
    """Return the list with equal names told apart by as many parent folders as it takes.

    A name may not begin with that of a file that the run itself writes either.
    """
    names = _Names(key, Counter(key(one.name) for one in found if isinstance(one, Source)), set())
    distinct: list[Source | Unread] = []
    for one in found:
        if isinstance(one, Source):
            if names.clash(one.name) or not names.are_free(one.name):
                one = replace(one, name=_free_name(one, names, real_path))
            names.taken.add(key(one.name))
        distinct.append(one)
    return distinct


def _parents(source: Source, real_path: RealPath) -> list[str]:
    """Return the names of the folders above what a source's name says, the topmost first."""
    if source.remote:
        above = object_store.without_secrets(source.remote.url).split("/")[2:]
        parts = [part for part in above if part not in ("", ".", "..")]
    elif source.path:
        parts = list(PurePath(real_path(str(source.path.parent)), source.path.name).parts[1:])
    else:
        return []
    return parts[: -len(PurePath(source.name).parts)]


def _free_name(source: Source, names: _Names, real_path: RealPath) -> str:
    """Return the source's name, with parent folders before it until no other has it."""
    name, parents = source.name, _parents(source, real_path)
    while (names.clash(name) and parents) or not names.are_free(name):
        name = f"{parents.pop() if parents else '_'}/{name}"
    return name


def _first_part(name: str) -> str:
    """Return the folder that a name begins with, in lower case, or "" where it is in none."""
    folder, slash, _ = name.partition("/")
    return folder.casefold() if slash else ""
