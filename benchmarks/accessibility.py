"""How many rules of axe-core the page of `digitocr review` breaks.

    npm install --prefix /tmp axe-core
    python benchmarks/accessibility.py /tmp/node_modules/axe-core/axe.min.js [--pictures FOLDER]

Every view of the page in Chromium, in light and dark, 1280 pixels wide and at 200 % zoom (640 wide,
each two pixels of the screen). All rules of axe run, its best practices too; what they find is
printed, and what axe leaves to be decided by a person.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from commands import REPO, SAMPLES, digitocr, run_well
from review_server import review_server, start_browser

ESCAPE = "\ue00c"
# What is pressed from one view to the next.
VIEWS = {
    "queue": "",
    "typed": "12",
    "help": ESCAPE + "?",
    "filter": ESCAPE + "/",
    "table": ESCAPE + "t",
    "adding": "ta",
    "left": ESCAPE + "/",
}
SCREENS = {"wide": (1280, 860, 1), "zoomed": (640, 430, 2)}
AXE = (
    "const done = arguments[0]; axe.run(document).then(done, (error) => done({error: `${error}`}));"
)


def main() -> None:
    """Print what each view breaks, and how many violations there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("axe", type=Path, help="axe.min.js")
    parser.add_argument("--pictures", type=Path, help="keep a picture of each view")
    asked = parser.parse_args()
    chrome, found, n_views = start_browser(), 0, 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            form = ["--form", REPO / "forms" / "form.toml"]
            for name, inputs in (
                ("table", [SAMPLES / "receipt.jpg"]),
                ("form", [*form, REPO / "forms" / "scans"]),
            ):
                out = Path(folder) / name
                scan = [digitocr(), "scan", *inputs, "-o", out, "-q", "--min-confidence", "1"]
                run_well(scan)
                with review_server(out) as server:
                    for screen, size in SCREENS.items():
                        for scheme in ("light", "dark"):
                            _screen(chrome, size, scheme)
                            found += _views(
                                chrome, server.address, asked, f"{name}-{screen}-{scheme}"
                            )
                            n_views += len(VIEWS)
    finally:
        chrome.quit()
    print(f"{n_views} views: {found} violations")


def _screen(chrome: Any, size: tuple[int, int, int], scheme: str) -> None:
    metrics = dict(zip(("width", "height", "deviceScaleFactor"), size, strict=True))
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "mobile": False})
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def _views(chrome: Any, address: str, asked: argparse.Namespace, which: str) -> int:
    """Go through the views; return how many violations they have."""
    from selenium.webdriver import ActionChains

    chrome.get(address)
    while not chrome.find_element("id", "status").text:
        time.sleep(0.1)
    chrome.execute_script(asked.axe.read_text())
    n = 0
    for view, keys in VIEWS.items():
        ActionChains(chrome).send_keys(*keys).perform() if keys else None
        time.sleep(1)
        found = chrome.execute_async_script(AXE)
        for kind in ("violations", "incomplete"):
            for rule in found[kind]:
                for node in rule["nodes"]:
                    n += kind == "violations"
                    why = [one["message"] for part in ("any", "all", "none") for one in node[part]]
                    print(which, view, kind, rule["id"], node["target"], why[:1], flush=True)
        if asked.pictures:
            asked.pictures.mkdir(exist_ok=True)
            chrome.save_screenshot(str(asked.pictures / f"{which}-{view}.png"))
    return n


if __name__ == "__main__":
    main()
