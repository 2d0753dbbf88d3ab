"""What lies in an output folder that no run of digitocr has put there: it is never replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from digitocr.core.errors import (
    InputUnreadable,
    OutputUnwritable,
)
from digitocr.inputs.discover import COMBINED_FILES
from digitocr.results.file_names import FILE_ENDINGS, PICTURES
from digitocr.results.file_results import Output
from digitocr.results.journal import (
    NAME,
    is_ours,
)
from digitocr.storage.atomic import path_inside
from digitocr.storage.object_store import StorePath

_NAMED = 3  # of what is found
_ADVICE = "Move it elsewhere, or choose another folder with Run.output."


def refuse_foreign_files(output: Output, names: Iterable[str]) -> None:
    """See that a run replaces nothing but what runs before it wrote: a journal is there of these.

    Links don't count: they are replaced by results, and never written through.

    Args:
        output: where results go; a folder is there.
        names: of the inputs.

    Raises:
        OutputUnwritable: something would be replaced, or pictures would go through a link.
    """
    folder = output.folder
    if folder is None or isinstance(folder, StorePath):
        return  # of a store `StoreJournal` asks once it knows whether there is a journal
    pictures = folder / PICTURES
    if "xlsx" in output.formats and pictures.is_symlink():
        sentence = f"{pictures}: is a link, and nothing is written through links"
        raise OutputUnwritable(sentence, "Remove it, or choose another folder with Run.output.")
    if not is_ours(folder):
        refuse(folder, chain(_combined_in(folder), _results_in(folder, names)))


def refuse(folder: object, found: Iterable[str]) -> None:
    """Raise OutputUnwritable where something is found, and name the first few."""
    if few := list(islice(found, _NAMED)):
        sentence = f"{folder}: {', '.join(few)}: no journal says that digitocr wrote this"
        raise OutputUnwritable(sentence, _ADVICE)


def _combined_in(folder: Path) -> Iterator[str]:
    files = _files_in(folder)
    return (name for name in (NAME, *COMBINED_FILES) if name in files)


def _results_in(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield what lies where the results of inputs go; each folder is looked into once."""
    in_folder: dict[str, set[str]] = {}
    for name in names:
        parent, _, file = name.rpartition("/")
        if parent not in in_folder:
            in_folder[parent] = set()
            with suppress(InputUnreadable):  # a link leads elsewhere: nothing is written there
                in_folder[parent] = _files_in(path_inside(folder, name).parent)
        for ending in FILE_ENDINGS if in_folder[parent] else ():
            if f"{file}.{ending}" in in_folder[parent]:
                yield f"{name}.{ending}"


def _files_in(folder: Path) -> set[str]:
    """Return the names of the files in a folder, none where there is no such folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    return set()
