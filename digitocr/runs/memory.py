"""How much memory a process may take, and what it keeps of it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

# M_MMAP_THRESHOLD, at the most 32 MB, and M_TRIM_THRESHOLD: arrays up to the one are kept, all in
# all up to the other.
_MALLOC = {-3: 32 << 20, -1: 256 << 20}


def keep_freed_memory() -> None:
    """Have the memory of one page's arrays kept for the next, where the C library is glibc's.

    It would be given back to the system and fetched anew for every array, which takes a tenth of
    the time of a page: see mallopt(3).
    """
    with suppress(OSError, AttributeError):  # of other C libraries
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in _MALLOC.items():
            mallopt(parameter, value)


def limit_memory(most: int) -> None:
    """Give this process no more memory than so many bytes, or than it was given before.

    What a PDF unpacks to is seen by pdfium alone, so that no check before it holds.
    """
    if sys.platform == "linux":  # Windows has no such limit, and macOS does not keep it
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limits = [limit for limit in (most, soft, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
