"""A `digitocr review` that runs while it is measured, and a browser to open its page in."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands import digitocr


@dataclass(frozen=True)
class ReviewServer:
    """A review that is running."""

    address: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it without a chance to write anything."""
        self.process.kill()
        self.process.wait()


@contextmanager
def review_server(folder: Path) -> Iterator[ReviewServer]:
    """Review a results folder while the block runs."""
    command = [digitocr(), "review", str(folder)]
    process = subprocess.Popen(command, cwd=folder.parent, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        said = process.stderr.readline()
        address = re.search(r"http://\S+/", said)
        if not address:
            sys.exit(said + process.stderr.read())
        yield ReviewServer(address[0], process)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()


def corrections_of(folder: Path) -> list[dict[str, Any]]:
    """Return the decisions that a results folder holds, one a line of its corrections."""
    return [json.loads(line) for line in (folder / "corrections.jsonl").read_text().splitlines()]


def start_browser() -> Any:
    """Return a headless Chromium, or exit where there is none."""
    driver = shutil.which("chromedriver")
    binary = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if not (driver and binary):
        sys.exit("error: there is no chromium with chromedriver: apt install chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    # Root's Chromium starts without its sandbox alone; containers have a small /dev/shm.
    for one in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1280,860"):
        options.add_argument(f"--{one}")
    return webdriver.Chrome(options, webdriver.ChromeService(driver))
