"""Reads files whose paths come on stdin, a line each, and answers each with a line of JSON.

An answer has `read`, the number of pages, or `error`, the sentence for the error row; `defect`,
a traceback, where something else was met. The answers go where stdout went; stdout itself is made
one with stderr, so that all a library prints is noise that can be seen.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from digitocr import scan_file
from digitocr.core.errors import InputUnreadable
from digitocr.core.source import Unread
from digitocr.export.csv import error_rows
from digitocr.export.json import json_text

_MEMORY = 6 * 10**9  # bytes of address space: a file that wants more fails


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    for line in sys.stdin:
        _forget_peak()
        start = time.perf_counter()
        answer = _answer(Path(line.rstrip("\n")))
        answer |= {"seconds": time.perf_counter() - start, "megabytes": _peak()}
        print(json.dumps(answer), file=answers, flush=True)


def _answer(path: Path) -> dict[str, Any]:
    try:
        result = scan_file(path)
        json.loads(json_text(result), parse_constant=_no_json)
        return {"read": len(result.pages)}
    except InputUnreadable as error:
        sentence = str(error).removeprefix(f"{path}: ")
        row = error_rows([Unread(path.name, sentence)])
        if row.count("\n") == 2 and sentence.isprintable():
            return {"error": sentence}
        return {"defect": f"no row: {row!r}"}
    except BaseException:
        return {"defect": traceback.format_exc()}


def _no_json(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def _forget_peak() -> None:
    """Begin to measure the peak of memory anew (proc(5), /proc/pid/clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Return the most memory that was held at once, in MB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) // 1000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


if __name__ == "__main__":
    main()
