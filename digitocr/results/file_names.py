"""What the results of a file are called in the output folder."""

from __future__ import annotations

import hashlib
import os
import re

PICTURES = ".pictures"  # in the output folder: those of numbers, which a workbook is made of
FILE_ENDINGS = ("csv", "json", "form.csv")  # after a file's name
# What else may come after it, of a page: tables, and the page with its readings drawn on it.
PAGE_ENDING = re.compile(r"(?:page(\d+)\.)?(?:table\d+\.csv|annotated\.jpg)")


def page_prefix(page: int) -> str:
    """Return what tells the pages of a longer file apart, before an ending."""
    return "" if page == 1 else f"page{page}."


def number_pictures_folder(file: str) -> str:
    """Return where the pictures of a file's numbers are, a ZIP a page; its name may be long."""
    return f"{PICTURES}/{hashlib.sha256(os.fsencode(file)).hexdigest()[:32]}"


def page_picture_names(file: str, page: int) -> tuple[str, str]:
    """Return what the pictures of a page are called: with readings drawn on, and its numbers'."""
    annotated = f"{file}.{page_prefix(page)}annotated.jpg"
    return annotated, f"{number_pictures_folder(file)}/{page}.zip"
