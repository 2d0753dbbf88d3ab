"""How a command ends: every error is one sentence on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from digitocr.cli.console import (
    say,
    say_lines,
)
from digitocr.cli.options import (
    OPTION_NAMES,
    sentence_of,
)
from digitocr.core.errors import (
    DigitocrError,
    ExitCode,
    WrongUsage,
    with_names,
)


@contextmanager
def reported(verbose: bool = False) -> Iterator[None]:
    """Turn every error into one sentence on stderr and its exit code."""
    try:
        yield
    except typer.Exit:
        raise
    except DigitocrError as error:
        advice = with_names(error.advice, OPTION_NAMES)
        if isinstance(error, WrongUsage) and not advice:
            advice = f"See: digitocr {sys.argv[1]} --help"
        sentence = f"{sentence_of(error).rstrip('.')}. {advice}".rstrip()
        _fail(sentence, error.exit_code, verbose)
    except KeyboardInterrupt:
        _fail("interrupted.", ExitCode.INTERRUPTED, verbose=False)
    except BrokenPipeError:
        # The reader of stdout has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(ExitCode.OUTPUT) from None
    except OSError as error:  # of inputs they are caught where these are read
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _fail(f"{error.filename or 'stdout'}: {error.strerror}.", ExitCode.OUTPUT, verbose)
    except Exception as error:
        sentence = f"unexpected {type(error).__name__}: {error}. See where with --verbose."
        _fail(sentence, ExitCode.CRASH, verbose)


def _fail(sentence: str, code: ExitCode, verbose: bool) -> NoReturn:
    """Say why a command ends, and end it."""
    if verbose:
        say_lines(traceback.format_exc())
    say(f"error: {sentence}")
    raise typer.Exit(code) from None
