"""Inputs and results by URL: an S3 and a web server on loopback, with troubles of theirs."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from unittest.mock import Mock
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from support.command import MISCHIEF, RunCommand, with_modules_of
from support.outputs import read_rows
from support.pictures import Clear, encode

from digitocr.core.errors import (
    ExitCode,
    OutputUnwritable,
)
from digitocr.results.journal import Done
from digitocr.results.store_journal import StoreJournal
from digitocr.storage import object_store

SERVER = MISCHIEF / "s3.py"
_SIGNED = "AWS4-HMAC-SHA256 Credential=somebody/20260101/us-east-1/s3/aws4_request"


class Bucket:
    """A bucket of an S3 server, and what a command needs to know to use it."""

    url = "s3://bucket"

    def __init__(self, port: int) -> None:
        self._server = f"http://127.0.0.1:{port}"
        self.env = {
            "AWS_ENDPOINT_URL": self._server, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "secret",
        }  # fmt: skip
        self._ask("PUT", "/bucket")

    def _ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        headers = {"Authorization": _SIGNED, "Content-Type": "application/octet-stream"}
        asked = urllib.request.Request(self._server + path, data, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.read()  # type: ignore[no-any-return]

    def put(self, key: str, data: bytes) -> None:
        """Put an object."""
        self._ask("PUT", f"/bucket/{quote(key)}", data)

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return all objects below a prefix."""
        listing = self._ask("GET", f"/bucket?list-type=2&prefix={prefix}/")
        keys = [one.text or "" for one in ElementTree.fromstring(listing).findall(".//{*}Key")]
        return {
            key.removeprefix(f"{prefix}/"): self._ask("GET", f"/bucket/{quote(key)}")
            for key in keys
        }


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of an S3 server, a process of its own."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    command = [sys.executable, str(SERVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


@pytest.fixture(scope="module")
def picture(clear: Clear) -> bytes:
    """A page of two numbers."""
    return encode(".png", clear.gray)


@pytest.fixture(scope="module")
def bucket(server: int, picture: bytes) -> Bucket:
    """A bucket with pages that are as they should be, and such as bring trouble."""
    bucket = Bucket(server)
    for key in ("page10.png", "page2.png", "deep/er/a [1].png", "deep.txt", ".hidden/a.png"):
        bucket.put(f"scans/{key}", picture)
    for key in ("flaky.png", "broken.png", "torn.png", "slow.png", "../../up.png", "a//b.png"):
        bucket.put(f"trouble/{key}", picture)
    return bucket


def test_from_a_store_into_it(
    run_apart: RunCommand, bucket: Bucket, picture: bytes, tmp_path: Path
) -> None:
    command = ["scan", f"{bucket.url}/scans/", "-o", f"{bucket.url}/out"]
    done = run_apart(*command, env=bucket.env)
    assert done.returncode == 0, done.stderr
    found = bucket.contents("out")
    for name in ("page10.png", "page2.png", "deep/er/a [1].png"):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    run_apart("scan", "scans", "-o", "here")
    folder = tmp_path / "here"
    here = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".inputs.jsonl"  # of reviews, which need a folder
    }
    assert found.keys() == here.keys()
    assert {name for name in found if found[name] != here[name]} == {"journal.jsonl", "run.json"}

    bucket.put("scans/page2.png", picture[:-20])  # now it can't be read
    done = run_apart(*command, env=bucket.env)
    assert "Of these 2 were read before" in done.stderr
    assert done.returncode == ExitCode.SOME_FAILED
    again = bucket.contents("out")
    assert found.keys() - again.keys() == {"page2.png.csv", "page2.png.json"}
    journal = [json.loads(line) for line in again["journal.jsonl"].splitlines()]
    assert [line["file"] for line in journal if isinstance(line, dict)][3:] == ["page2.png"]


@pytest.mark.slow
def test_trouble_is_waited_for_or_costs_its_file(
    run_apart: RunCommand, bucket: Bucket, tmp_path: Path
) -> None:
    done = run_apart("scan", f"{bucket.url}/trouble/", "-o", "out", env=bucket.env)
    assert done.returncode == ExitCode.SOME_FAILED, done.stderr
    read = {row["file"] for row in read_rows(tmp_path / "out" / "numbers.csv")}
    assert read == {"flaky.png", "slow.png"}
    errors = {row["file"]: row["error"] for row in read_rows(tmp_path / "out" / "errors.csv")}
    assert errors["../../up.png"] == errors["a//b.png"] == "its name is no path below a folder"
    assert errors["broken.png"].startswith("can't be opened: ")
    assert errors.keys() == {"../../up.png", "a//b.png", "broken.png", "torn.png"}
    assert "Traceback" not in done.stderr


def test_a_stranger_s_file_is_not_replaced(run_apart: RunCommand, bucket: Bucket) -> None:
    bucket.put("mine/numbers.csv", b"mine")
    done = run_apart("scan", f"{bucket.url}/scans/", "-o", f"{bucket.url}/mine", env=bucket.env)
    assert done.returncode == ExitCode.OUTPUT
    assert "numbers.csv: no journal says that digitocr wrote this." in done.stderr
    assert bucket.contents("mine") == {"numbers.csv": b"mine"}


def test_a_file_a_glob_and_a_store_that_is_not_there(run_apart: RunCommand, bucket: Bucket) -> None:
    done = run_apart(
        "scan", f"{bucket.url}/scans/page*.png", f"{bucket.url}/scans/page10.png",
        f"{bucket.url}/none/", "s3://no-bucket/", "--dry-run", env=bucket.env,
    )  # fmt: skip
    assert done.stdout.split() == ["page2.png", "page10.png"]
    assert "s3://no-bucket/: can't be reached: The specified bucket does not exist" in done.stderr


def test_the_run_that_began_last_has_the_journal(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in bucket.env.items():
        monkeypatch.setenv(key, value)
    place = object_store.StorePath(f"{bucket.url}/two")
    first = StoreJournal(place, ["a", "b"])
    first.add(Done("a", n_pages=1))
    first.flush()
    second = StoreJournal(place, ["a", "b"])
    assert second["a"] == Done("a", n_pages=1)
    first.add(Done("b"))
    with pytest.raises(OutputUnwritable, match="another run is writing there"):
        first.flush()
    with pytest.raises(OutputUnwritable):
        first.close()
    second.add(Done("b", n_pages=2))
    second.close()
    assert bucket.contents("two").keys() == {"journal.jsonl"}
    third = StoreJournal(place, ["a", "b"])
    assert (third["a"], third["b"]) == (Done("a", n_pages=1), Done("b", n_pages=2))
    third.close()
    fresh = StoreJournal(place, ["a", "b"], restart=True)
    assert fresh["a"] is None
    fresh.close()


class Web(BaseHTTPRequestHandler):
    """A web server that does not know ranges, and is out of order at first."""

    page = b""
    asked = 0

    def do_GET(self) -> None:
        Web.asked += 1
        if Web.asked <= 2 or "secret" not in self.path:
            self.send_error(503 if "secret" in self.path else 403)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.page)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.page)

    do_HEAD = do_GET  # noqa: N815  (the name is http.server's)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_page_on_the_web(run_apart: RunCommand, picture: bytes, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    pytest.importorskip("fsspec")
    Web.page = picture
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/scans/a.png"
        done = run_apart("scan", f"{url}?key=secret", f"{url}?key=wrong", "-o", "out")
        server.shutdown()
    assert done.returncode == ExitCode.SOME_FAILED, done.stderr
    assert [row["number"] for row in read_rows(tmp_path / "out" / "numbers.csv")] == ["3407", "57"]
    assert f"error: {url}: can't be reached: the server says 403 Forbidden." in done.stderr
    told = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert "secret" not in told + done.stderr


def test_what_a_missing_file_hides_is_told_and_nothing_else() -> None:
    hidden = ConnectionError(111, "Connection refused")
    for error, told in (
        (FileNotFoundError("http://a/b"), "Connection refused"),  # aiohttp's
        (PermissionError(13, "Access denied"), "Access denied"),
    ):
        error.__cause__ = hidden
        with pytest.raises(OSError, match=told), object_store._os_errors():
            raise error


def test_a_condition_that_failed_is_a_file_that_exists() -> None:
    aiohttp = pytest.importorskip("aiohttp")
    answered = aiohttp.ClientResponseError(Mock(), (), status=412, message="Precondition Failed")
    gcsfs_error = OSError("precondition")  # gcsfs calls it `code`
    gcsfs_error.code = 412  # type: ignore[attr-defined]
    for error in (answered, gcsfs_error):
        with pytest.raises(FileExistsError), object_store._os_errors():
            raise error


def test_nothing_is_put_on_a_web_server(run_apart: RunCommand) -> None:
    done = run_apart("scan", "a.png", "-o", "https://example.org/results")
    assert done.returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("https", "aiohttp")]
)
def test_what_is_not_installed_is_named(
    scheme: str, package: str, run_apart: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfor name in ('s3fs', 'gcsfs', 'aiohttp'): sys.modules[name] = None\n"
    )
    done = run_apart("scan", f"{scheme}://somewhere/a.png", env=with_modules_of(tmp_path))
    assert done.returncode == ExitCode.EXTRA_MISSING
    assert f"{scheme}:// needs {package}, which is not installed" in done.stderr
    assert "pip install 'digitocr[cloud]'" in done.stderr
