"""The exceptions of digitocr; each class owns its exit code and its advice.

DigitocrError
├── WrongUsage           2
│   └── WrongSetting     2   (one value; a ValueError, too)
├── NothingToRead        3
├── ModelUnreadable      4
├── OutputUnwritable     5
├── ReadsWorse           5   (a model that has learned: it is not written)
├── ExtraMissing         6
├── DataMissing          3   (train and evaluate: no data to work on)
└── InputUnreadable      7   (one input; the batch goes on)
    ├── InputTooLarge    7
    └── FormMisfit       7   (it doesn't show the form)
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from enum import IntEnum

# How sentences name a setting, or how a command goes about it, whose option `cli` knows.
_SETTING = re.compile(r"\b(?:Settings|Limits|Run|Training|Review)\.[a-z_]+")


class ExitCode(IntEnum):
    """How a command ended. Stable: scripts depend on the numbers."""

    OK = 0  # all read
    CRASH = 1  # left to crashes: a bug
    USAGE = 2
    NOTHING_TO_READ = 3
    MODEL = 4
    OUTPUT = 5
    EXTRA_MISSING = 6
    SOME_FAILED = 7  # some files failed, the rest is written
    INTERRUPTED = 130


def counted(n: int, what: str) -> str:
    """Return a number of things in words: 1 page, 2 pages."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def with_names(sentence: str, names: Mapping[str, str]) -> str:
    """Return a sentence in which settings ("Limits.pixels") have the names of a command's options.

    What has none there stays.
    """
    return _SETTING.sub(lambda found: names.get(found[0], found[0]), sentence)


class DigitocrError(Exception):
    """The parent of every error that digitocr foresees: one sentence saying what and why."""

    exit_code = ExitCode.CRASH
    advice = ""  # what to do next, a sentence

    def __init__(self, sentence: str, advice: str | None = None) -> None:
        """Keep the sentence, and the advice where the class's own does not fit."""
        super().__init__(sentence)
        if advice is not None:
            self.advice = advice


class WrongUsage(DigitocrError):
    """Options that can't go together or make no sense."""

    exit_code = ExitCode.USAGE


class WrongSetting(WrongUsage, ValueError):
    """A value that its setting can't have."""

    def __init__(self, setting: str, value: object, why: str) -> None:
        """Keep the setting's name, so that a command can name its option and a form its key."""
        super().__init__(f"{setting} {value}: {why}")
        self.setting, self.value, self.why = setting, value, why

    def __reduce__(self) -> tuple[type[WrongSetting], tuple[str, object, str]]:
        """Tell pickle how to make it anew."""
        return type(self), (self.setting, self.value, self.why)

    def named(self, name: str) -> str:
        """Return the sentence with another name for the setting."""
        return f"{name} {self.value}: {self.why}"


class NothingToRead(DigitocrError):
    """No input file was found."""

    exit_code = ExitCode.NOTHING_TO_READ
    advice = "Name images or PDFs, or a folder that holds some (png, jpg, tif, pdf, heic and more)."


class DataMissing(DigitocrError):
    """Training or evaluation found no data."""

    exit_code = ExitCode.NOTHING_TO_READ


class ModelUnreadable(DigitocrError):
    """The weights file is missing, damaged, or of another shape."""

    exit_code = ExitCode.MODEL
    advice = "Leave out Settings.model to use the supplied one, or make one with: digitocr train"


class ReadsWorse(DigitocrError):
    """A model that has learned reads what others wrote worse, so it is not written."""

    exit_code = ExitCode.OUTPUT
    advice = "Look at what was checked for mistakes, or write it all the same with --force."


class OutputUnwritable(DigitocrError):
    """Results can't be written."""

    exit_code = ExitCode.OUTPUT
    advice = "Choose another folder with Run.output."

    @classmethod
    def because(cls, path: object, error: OSError) -> OutputUnwritable:
        """Return the error that a file or folder can't be written, for what the system says."""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Make room there and run the same command again." if full else None
        return cls(f"{path}: can't be written: {error.strerror}", advice)


class ExtraMissing(DigitocrError):
    """A package that only this command, or only this kind of file, needs is not installed."""

    exit_code = ExitCode.EXTRA_MISSING
    advice = "Install what is missing and run the same command again."


class InputUnreadable(DigitocrError):
    """One input is missing or damaged; the others are read."""

    exit_code = ExitCode.SOME_FAILED
    advice = "Replace what is damaged and run the same command again."


class InputTooLarge(InputUnreadable):
    """One input has more bytes, pixels or pages than may be read."""

    advice = (
        "Shrink or split what is too large, or raise its limit, and run the same command again."
    )


class FormMisfit(InputUnreadable):
    """A page doesn't show the form whose fields are to be read."""

    advice = "Scan pages that don't show the form again, or read them with their own Settings.form."
