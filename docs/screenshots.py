"""Make the pictures of the review's page that docs/review.md shows, from the samples.

Run it from the repository root, with `pip install -e '.[dev]'`, chromium and chromedriver:

    python docs/screenshots.py
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.command import run_command
from support.reviewing import reviewing, start_browser

HERE = Path(__file__).parent
WIDTH, HEIGHT, COLOURS = 1180, 740, 128  # pixels; of so many colours a picture takes 90 KB


def main() -> None:
    """Make them."""
    chrome = start_browser()
    try:
        with tempfile.TemporaryDirectory() as folder:
            out, root = Path(folder) / "out", HERE.parent
            run_command("scan", "samples/ruled.jpg", "-o", out, "-q", cwd=root)
            with reviewing(out) as server:
                _screen(chrome, dark=False)
                _open(chrome, server.address)
                _save(chrome, "review.png")
                _press(chrome, "t")
                _screen(chrome, dark=True)
                _save(chrome, "review-table.png")
    finally:
        chrome.quit()


def _screen(chrome: Any, dark: bool) -> None:
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def _open(chrome: Any, address: str) -> None:
    chrome.get(address)
    while not chrome.find_element("id", "status").text:
        time.sleep(0.1)


def _press(chrome: Any, key: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(chrome).send_keys(key).perform()


def _save(chrome: Any, name: str) -> None:
    time.sleep(3)  # pictures and second guesses come after the number
    taken = Image.open(io.BytesIO(chrome.get_screenshot_as_png())).convert("RGB")
    few = taken.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(HERE / name, optimize=True)


if __name__ == "__main__":
    main()
