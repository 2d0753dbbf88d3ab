"""Object stores and web servers: inputs are found and fetched, results are put, by their URLs.

By fsspec (the extra `cloud`), whose libraries know the protocols, take credentials as users of each
store know it, and try again what fails for a moment. What is fetched is only what was typed: no
redirection by a file's content, no chained URLs, no links out of a web page.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar, cast

from digitocr.core.errors import (
    DigitocrError,
    ExtraMissing,
    WrongUsage,
)
from digitocr.core.source import Remote

R = TypeVar("R")

# What reads each scheme: the package, and what brings it.
_CLOUD = "pip install 'digitocr[cloud]'"
_NEEDS = {
    "s3": ("s3fs", _CLOUD),
    "gs": ("gcsfs", f"{_CLOUD} gcsfs"),
    "az": ("adlfs", f"{_CLOUD} adlfs"),
    "https": ("aiohttp", _CLOUD),
    "http": ("aiohttp", _CLOUD),
}
_WEB = {"https", "http"}  # files by themselves, to be read only
_BLOCK = 16 << 20  # bytes that are asked for at a time
_AT_ONCE = 32  # small files fetched at a time: the wait for each is far longer than its way
# Seconds before a web server is asked again; the stores' libraries have such pauses of their own.
_PAUSES = (0.5, 2.0, 5.0)
_AGAIN = {408, 429, *range(500, 600)}  # answers that may be others next time (RFC 9110)
_CONDITION_FAILED = 412
_KEPT = {errno.ENOENT, errno.EACCES, errno.EEXIST, errno.ENAMETOOLONG}
_KINDS = {
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    FileExistsError: errno.EEXIST,
}
_SECRETS = re.compile(r"(?<=//)[^/@\s]*@|\?[^\s'\")]*")  # a password, a signature


def is_url(text: str) -> bool:
    """Tell whether a text is a URL of a kind that is known here."""
    scheme, mark, _ = text.partition("://")
    return bool(mark) and scheme in _NEEDS


def without_secrets(text: str) -> str:
    """Return a URL, or a sentence with one, without password and signature."""
    return _SECRETS.sub("", text) if "://" in text else text


@dataclass(frozen=True)
class StorePath:
    """A place in an object store: as much of a `Path` as results need.

    All that goes wrong is an OSError whose `strerror` says what.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> StorePath:
        return StorePath(f"{self.url}/{name}")

    def read_bytes(self) -> bytes:
        """Return what is there."""
        with _os_errors():
            return bytes(_store(self.url).cat_file(self.url))

    def write(self, content: bytes | Iterable[bytes], new: bool = False) -> None:
        """Put content there, whole or not at all: stores show nothing before its end is there.

        Args:
            content: of more than a few megabytes in pieces.
            new: raise FileExistsError where there is something already. Stores know that for sure
                (a conditional put), though a few that only speak S3's language ignore it.
        """
        with _os_errors():
            if isinstance(content, bytes):
                how = {"mode": "create"} if new else {}
                _store(self.url).pipe_file(self.url, content, **how)
                return
            # A folder, because Windows opens no file of a name that is open already.
            with tempfile.TemporaryDirectory() as folder:
                whole = Path(folder) / "whole"
                with whole.open("wb") as file:
                    file.writelines(content)
                _store(self.url).put_file(str(whole), self.url)

    def exists(self) -> bool:
        """Tell whether there is something."""
        with _os_errors():
            return bool(_store(self.url).exists(self.url))

    def unlink(self) -> None:
        """Remove what is there, if anything is."""
        with suppress(FileNotFoundError), _os_errors():  # some stores say so, S3 doesn't
            _store(self.url).rm_file(self.url)

    def beginning(self) -> list[StorePath]:
        """Return all places that begin as this one does, in one listing."""
        folder, _, start = self.url.rpartition("/")
        with _os_errors():
            found = _store(self.url).find(folder, prefix=start)
        return [StorePath(f"{_scheme(self.url)}://{path}") for path in found]


Place: TypeAlias = Path | StorePath


def output_place(text: str) -> Place:
    """Return where results go, as typed.

    Raises:
        ExtraMissing: what the URL needs is not installed.
        WrongUsage: it is a web server's.
    """
    if not is_url(text):
        return Path(text)
    if _scheme(text) in _WEB:
        raise WrongUsage(
            f"Run.output {without_secrets(text)}: results can't be put on a web server"
        )
    _store(text)
    return StorePath(text.rstrip("/"))


def contents(folder: Place, names: Iterable[str]) -> Iterator[bytes]:
    """Yield what each file of a folder holds, in order; of a store's many at a time.

    Raises:
        OSError: one can't be read.
    """
    if isinstance(folder, Path):
        yield from ((folder / name).read_bytes() for name in names)
        return
    left = iter(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while some := [folder / name for name in islice(left, 4 * _AT_ONCE)]:
            yield from pool.map(StorePath.read_bytes, some)


def find(url: str) -> list[tuple[str, Remote]]:
    """Return what a URL stands for, each with its name relative to it, in no order.

    Args:
        url: of one file, or, in a store, what keys begin with up to a "/", or a glob.

    Raises:
        ExtraMissing: what reads the URL is not installed.
        OSError: there is no such thing, or it can't be reached.
    """
    store, web = _store(url), _scheme(url) in _WEB
    with _os_errors():
        if web:
            about = _patiently(lambda: store.info(url))
            return [(_last(url.partition("?")[0]), _remote(url, about))]
        path = str(store._strip_protocol(url))  # as fsspec's own methods name files
        if not url.endswith("/"):
            try:
                about = store.info(path)
            except FileNotFoundError:
                return _matches(store, url, path)
            if about["type"] == "file":
                return [(_last(path), _remote(url, about))]
        return _files_below(store, url, path, path)


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _matches(store: Any, url: str, pattern: str) -> list[tuple[str, Remote]]:
    """Return the matches of a glob, named relative to its fixed first folders."""
    fixed = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
    found = store.glob(pattern, detail=True) if fixed and fixed != pattern else {}
    if not found:
        raise FileNotFoundError(errno.ENOENT, "there is nothing of that name")
    files: list[tuple[str, Remote]] = []
    for path, about in found.items():
        files += _files_below(store, url, path, fixed) if about["type"] == "directory" else []
        files += _with_names_below(url, {path: about}, fixed) if about["type"] == "file" else []
    return files


def _files_below(store: Any, url: str, path: str, root: str) -> list[tuple[str, Remote]]:
    return _with_names_below(url, store.find(path, detail=True), root)


def _with_names_below(url: str, found: dict[str, Any], root: str) -> list[tuple[str, Remote]]:
    """Return files of a listing with their names below `root`."""
    top, scheme = f"{root}/", _scheme(url)
    return [
        (path.removeprefix(top), _remote(f"{scheme}://{path}", about))
        for path, about in found.items()
        if path.startswith(top)
    ]


def _remote(url: str, about: dict[str, Any]) -> Remote:
    version = next((about[key] for key in ("ETag", "etag", "Last-Modified") if about.get(key)), "")
    return Remote(url, about.get("size"), str(version).strip('"'))


def fetched_file(remote: Remote, most: int) -> BufferedIOBase:
    """Return a file's bytes, at most so many, as a temporary file without a name.

    Raises:
        OSError: it can't be had, after some attempts.
    """
    with _os_errors():
        return _patiently(lambda: _temporary_copy(remote, most))


def _temporary_copy(remote: Remote, most: int) -> BufferedIOBase:
    # In a stream where ranges may not be known, as on web servers.
    block = 0 if _scheme(remote.url) in _WEB else _BLOCK
    here = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    try:
        with _store(remote.url).open(remote.url, "rb", block_size=block) as there:
            _copy(there, here, most)
    except BaseException:
        here.close()
        raise
    here.seek(0)
    return cast(BufferedIOBase, here)  # it is typed as one that may be a wrapper


def _copy(there: IO[bytes], here: IO[bytes], most: int) -> None:
    while most > 0 and (data := there.read(min(most, _BLOCK))):
        here.write(data)
        most -= len(data)


def _patiently(ask: Callable[[], R]) -> R:
    """Return what is asked for, where that fails for a moment after some pauses."""
    for pause in _PAUSES:
        try:
            return ask()
        except Exception as error:
            if not _may_pass(_cause(error)):
                raise
        time.sleep(pause)
    return ask()


def _may_pass(error: Exception) -> bool:
    """Tell whether a web server's error may not be there the next time."""
    from aiohttp import ClientError, ClientResponseError

    if isinstance(error, ClientResponseError):
        return error.status in _AGAIN
    return isinstance(error, ClientError | TimeoutError)


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _store(url: str) -> Any:
    return _store_of(_scheme(url))


@cache
def _store_of(scheme: str) -> Any:
    """Return what speaks a scheme's protocol; what it needs to know is in its own settings."""
    package, brings = _NEEDS[scheme]
    try:
        import fsspec

        options = {"client_kwargs": {"timeout": _web_timeout()}} if scheme in _WEB else {}
        with _os_errors():
            return fsspec.filesystem(scheme, use_listings_cache=False, **options)
    except ImportError as error:
        sentence = f"{scheme}:// needs {package}, which is not installed"
        raise ExtraMissing(sentence, f"Install it with: {brings}") from error


def _web_timeout() -> Any:
    """Return how long a web server may be silent; a large file may take as long as it takes."""
    from aiohttp import ClientTimeout

    return ClientTimeout(total=None, sock_connect=20, sock_read=60)


@contextmanager
def _os_errors() -> Iterator[None]:
    """Turn what goes wrong into an OSError that says what: each library has errors of its own."""
    try:
        yield
    except (DigitocrError, ImportError):
        raise
    except Exception as error:
        cause = _cause(error)
        raise OSError(_errno_of(cause), _reason(cause)) from error


def _cause(error: Exception) -> Exception:
    """Return an error, or what it hides: all that fails on the web is a FileNotFoundError's cause.

    S3's, whose cause is the answer, are what they say.
    """
    hidden = error.__cause__ if isinstance(error, FileNotFoundError) else None
    return hidden if isinstance(hidden, Exception) and not hasattr(hidden, "response") else error


def _errno_of(error: Exception) -> int:
    """Return the errno of a library's error; of one that only a store has, EIO."""
    number = getattr(error, "errno", None)
    if number in _KEPT:
        return int(number)
    if _status(error) == _CONDITION_FAILED:
        return errno.EEXIST
    return next((number for kind, number in _KINDS.items() if isinstance(error, kind)), errno.EIO)


def _status(error: Exception) -> object:
    """Return the HTTP status in a library's error: gcsfs calls it `code`, others `status`."""
    return getattr(error, "status" if hasattr(error, "status") else "code", None)


def _reason(error: Exception) -> str:
    """Return what a library's error says, on one line."""
    said = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    if isinstance(error, FileNotFoundError) and "://" not in said and "/" in said:
        said = ""  # nothing but the path
    text = " ".join(without_secrets(str(said)).split()) or os.strerror(_errno_of(error))
    status = getattr(error, "status", None)
    return f"the server says {status} {text}" if status else text
