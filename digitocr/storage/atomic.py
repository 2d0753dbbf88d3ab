"""Files that are written whole or not at all, within a folder, and safe from power cuts."""

# Of a small file, to make paths of pathlib's takes longer than to write it.
# ruff: noqa: PTH103, PTH105, PTH108, PTH112, PTH118, PTH120, PTH123
from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO

from digitocr.core.errors import InputUnreadable

OTHER_NAME = "Rename what can't have results, or choose another folder with Run.output."
_TOKEN = 8  # random bytes in the name of a file that is being written
_UNFINISHED = re.compile(rf"\.[0-9a-f]{{{2 * _TOKEN}}}\.tmp")
_TO_SYNC = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY  # as fsync takes files there


def check(folder: Path) -> None:
    """Make a folder and a file in it, to know that results can be written there.

    Raises:
        OSError: they can't.
    """
    # After a power cut `remove_unfinished` removes it.
    name = folder / f".{os.urandom(_TOKEN).hex()}.tmp"
    write(name, b"", safe=False)
    name.unlink()


def path_inside(folder: Path, name: str) -> Path:
    """Return where a result of this name goes in the output folder.

    Args:
        folder: may itself be a link.
        name: relative to it, "/" between folders.

    Raises:
        InputUnreadable: a link in the folder leads out of it, or the name does.
    """
    path, folders = folder / name, name.split("/")[:-1]
    ways = accumulate(folders, os.path.join, initial=str(folder))
    # As most do; real paths take their time. The folder itself may be a link. On Windows there are
    # more ways out of a folder.
    plain = sys.platform != "win32" and {"", ".."}.isdisjoint(folders)
    if plain and not any(map(os.path.islink, islice(ways, 1, None))):
        return path
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(folder)):
        sentence = "its results can't be written: their folder is a link elsewhere"
        raise InputUnreadable(sentence, OTHER_NAME)
    return path


def write(path: Path, content: bytes | Iterator[bytes], safe: bool = True) -> None:
    """Write a file whole or not at all, making its folder.

    Args:
        path: of the file.
        content: of it, or the pieces of it.
        safe: it is on the disk, and its name, when this returns. Else a power cut may leave the
            name with no content, until the journal has seen to it.

    Raises:
        OSError: it can't be written; what stood there before is untouched.
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)
    # Short, because the target's name may be as long as names can be; new, because workers on
    # other machines write here too.
    beside = os.path.join(folder, f".{os.urandom(_TOKEN).hex()}.tmp")
    try:
        with open(beside, "xb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            if safe:
                file.flush()
                os.fsync(file.fileno())
        os.replace(beside, path)
        if safe:
            sync_folder(Path(folder))
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def file_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of a file, of any size, a megabyte at a time."""
    return iter(partial(file.read, 1 << 20), b"")


def remove_unfinished(folder: Path) -> None:
    """Remove files that killed processes were writing in a folder, if there is one."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                path.unlink()


def sync_file(path: Path) -> None:
    """Make what is in a file safe, if there is one.

    Raises:
        OSError: it can't be.
    """
    with suppress(FileNotFoundError):  # results that somebody removes are missed by the next run
        _sync(path, _TO_SYNC)


def sync_folder(path: Path) -> None:
    """Make the names in a folder safe.

    Raises:
        OSError: they can't be.
    """
    with suppress(PermissionError):  # Windows has no such thing
        _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    opened = os.open(path, flags)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
