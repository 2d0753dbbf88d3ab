"""What the tests of `digitocr review` share: the command while it runs, and a browser."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from support.command import COMMAND, run_command
from support.pictures import Clear, encode

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@dataclass
class Server:
    """A review that goes on; `said` is what it had to say when it has ended."""

    address: str
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def ask(
        self, method: str, what: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Return status, content and headers of an answer; underscores in headers are dashes."""
        place = urlsplit(self.address)
        connection = http.client.HTTPConnection(place.netloc, timeout=30)
        path = what if what.startswith("/") else place.path + what
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content, {key.lower(): value for key, value in answer.getheaders()}

    def get(self, what: str) -> Any:
        """Return the JSON that is asked for."""
        status, content, _ = self.ask("GET", what)
        assert status == 200, content
        return json.loads(content)

    def post(self, what: str, told: object, **headers: str) -> tuple[int, Any]:
        """Tell the server something as its own page does; return status and JSON."""
        origin = self.address.split("/", 3)
        given = {"Origin": "/".join(origin[:3]), "Content_Type": "application/json", **headers}
        status, content, _ = self.ask("POST", what, json.dumps(told).encode(), **given)
        return status, json.loads(content)

    def kill(self) -> None:
        """End it without a chance to write anything."""
        self.process.kill()
        self.process.wait()

    def end(self) -> str:
        """End it as a service is ended; return what it said since its address."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.said.append(self.process.communicate(timeout=60)[1])
        return "".join(self.said)


@contextmanager
def reviewing(folder: Path, *options: str) -> Iterator[Server]:
    """Review a results folder while the block runs."""
    command = [*COMMAND, "review", str(folder), *options]
    process = subprocess.Popen(command, cwd=folder.parent, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        said = process.stderr.readline()
        address = re.search(r"http://\S+/", said)
        assert address, said + process.stderr.read()
        server = Server(address[0], process)
        yield server
        if process.poll() is None:
            server.end()
    finally:
        process.kill()
        process.communicate()


def scanned(folder: Path, clear: Clear, *names: str, options: Sequence[str] = ()) -> Path:
    """Return a folder of results in which the numbers 3407 and 57 of each file are doubtful."""
    for name in names:
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(".png", clear.gray))
    scan = ("scan", "in", "-o", "out", "--min-confidence", "1", "-q", *options)
    done = run_command(*scan, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def decisions(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a folder's corrections."""
    return [json.loads(line) for line in (folder / "corrections.jsonl").read_text().splitlines()]


def start_browser() -> Chrome:
    """Return a headless Chromium; skip where there is none."""
    driver = shutil.which("chromedriver")
    binary = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if not (driver and binary):
        pytest.skip("there is no chromium with chromedriver to open the page in")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Root's Chromium starts without its sandbox alone; containers have a small /dev/shm.
    for one in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1280,860"):
        options.add_argument(f"--{one}")
    return webdriver.Chrome(options, webdriver.ChromeService(driver))
