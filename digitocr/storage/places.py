"""Files that are written whole or not at all, at a place on a disk or in a store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from digitocr.core.errors import OutputUnwritable
from digitocr.storage import atomic
from digitocr.storage.object_store import Place, StorePath


def place_inside(folder: Place, name: str) -> Place:
    """Return where a result goes, in a folder through no link out of it; stores have no links.

    Raises:
        InputUnreadable: as `atomic.path_inside`.
    """
    return atomic.path_inside(folder, name) if isinstance(folder, Path) else folder / name


def write_file(path: Place, content: bytes | Iterator[bytes], safe: bool = True) -> None:
    """Write a file whole or not at all; on a disk `safe` as `atomic.write` takes it.

    Raises:
        OutputUnwritable: it can't be written.
    """
    with unwritable(path):
        if isinstance(path, StorePath):
            path.write(content)
        else:
            atomic.write(path, content, safe)


@contextmanager
def unwritable(path: Place) -> Iterator[None]:
    """Say which file it is that can't be written."""
    try:
        yield
    except OSError as error:
        raise OutputUnwritable.because(path, error) from error


def check_folder(folder: Place) -> None:
    """Make the output folder, or raise OutputUnwritable while nothing is lost yet."""
    if isinstance(folder, StorePath):
        return  # has no folders; its journal is written before anything is read
    try:
        atomic.check(folder)
    except FileExistsError as error:
        raise OutputUnwritable(f"{folder}: is a file, not a folder") from error
    except OSError as error:
        raise OutputUnwritable.because(folder, error) from error


def remove_folder(path: Path) -> None:
    """Remove a folder with all in it, or a link in its place, if there is one."""
    if path.is_symlink():
        with suppress(OSError):
            path.unlink()
    shutil.rmtree(path, ignore_errors=True)
