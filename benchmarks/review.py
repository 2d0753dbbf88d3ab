"""The page of `digitocr review` in Chromium: how soon it is there, how soon the next number is,
and whether decisions are lost when the server is killed.

python benchmarks/review.py [speed|kills]

speed: the sample pages' results, copied until there are 100,000 numbers, all to review, in random
order, so that nearly every number is on another page than the one before. Times are taken in the
browser: from the key to the frame in which the next number and its picture are shown.
kills: 200 numbers of the sample pages are typed; five times the server is killed meanwhile.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from commands import SAMPLES, digitocr, run_well
from review_server import corrections_of, review_server, start_browser

NUMBERS, TYPED, KILLS = 100_000, 200, 5
PAUSES = (1.0, 0.3, 0.0)  # seconds between a number and the key that decides it
KEYS = 60  # pressed for each pause
ENTER = "\ue007"

# Notes, for each key, when the next number and its picture are there.
WATCH = """
window.times = [];
addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  const start = performance.now(), image = document.querySelector("#crop img");
  const before = image.src;
  const look = () => {
    const there = image.src !== before && image.complete && image.naturalWidth > 0;
    if (there) window.times.push(performance.now() - start);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}, true);
"""


def many(folder: Path) -> Path:
    """Return results of 100,000 numbers: those of the sample pages, many times."""
    few, out = folder / "few", folder / "out"
    run_well([digitocr(), "scan", SAMPLES, "-o", few, "-q"])
    out.mkdir()
    about = json.loads((few / "run.json").read_bytes())
    about["settings"]["formats"] = ["json"]
    lines = [json.loads(line) for line in (few / "journal.jsonl").read_text().splitlines()]
    results = {
        line["file"]: json.loads((few / f"{line['file']}.json").read_text()) for line in lines
    }
    chance, n_numbers = random.Random(1), 0
    with (out / "journal.jsonl").open("w") as journal, (out / ".inputs.jsonl").open("w") as inputs:
        for copy in range(10_000):
            for line in lines:
                if n_numbers >= NUMBERS:
                    (out / "run.json").write_text(json.dumps(about))
                    return out
                name = f"{copy}/{line['file']}"
                result = {**results[line["file"]], "file": name}
                for page in result["pages"]:
                    for number in page["numbers"]:
                        number.update(status="review", confidence=round(chance.random(), 4))
                        n_numbers += 1
                path = out / f"{name}.json"
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(result))
                written = {f"{name}.json": path.stat().st_size}
                entry = {**line, "file": name, "written": written}
                journal.write(json.dumps(entry, separators=(",", ":")) + "\n")
                inputs.write(json.dumps([name, None]) + "\n")
    raise AssertionError("too few numbers")


def press(chrome: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(chrome).send_keys(*keys).perform()


def until(holds: Any) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the page does not go on"
        time.sleep(0.005)


def shown(chrome: Any) -> bool:
    return bool(chrome.execute_script(
        "const image = document.querySelector('#crop img');"
        "return image.complete && image.naturalWidth > 0;"
    ))  # fmt: skip


def speed(folder: Path, chrome: Any) -> None:
    out, start = many(folder), time.perf_counter()
    with review_server(out) as server:
        print(f"{NUMBERS} numbers; from the command to its address: "
              f"{time.perf_counter() - start:.2f} s")  # fmt: skip
        for which in ("first", "second"):
            start = time.perf_counter()
            chrome.get(server.address)
            until(lambda: shown(chrome))
            print(f"the page is opened a {which} time, to the picture of the first number: "
                  f"{time.perf_counter() - start:.2f} s")  # fmt: skip
        chrome.execute_script(WATCH)
        for pause in PAUSES:
            chrome.execute_script("window.times = [];")
            for i in range(KEYS):
                time.sleep(pause)
                press(chrome, ENTER)
                until(lambda i=i: chrome.execute_script("return window.times.length") > i)
            times = sorted(chrome.execute_script("return window.times"))
            late, last = times[int(0.9 * KEYS)], times[-1]
            print(
                f"a key every {pause} s: median {statistics.median(times):.0f} ms, "
                f"nine of ten within {late:.0f} ms, longest {last:.0f} ms"
            )
        chrome.get("about:blank")


def kills(folder: Path, chrome: Any) -> None:
    """Type numbers, each another, and kill the server five times right after a key."""
    out, typed, chance = folder / "out", 0, random.Random(1)
    run_well([digitocr(), "scan", SAMPLES, "-o", out, "-q", "--min-confidence", "1"])
    answered: list[str] = []
    ends = [*sorted(chance.sample(range(10, TYPED - 10), KILLS)), TYPED]
    for end in ends:
        with review_server(out) as server:
            chrome.get(server.address)
            until(lambda: chrome.find_element("id", "status").text)
            while typed < end:
                text = str(100_000 + typed)
                press(chrome, text, ENTER)
                typed += 1
                if typed == end < TYPED:  # maybe before it is written, maybe after
                    time.sleep(chance.random() * 0.02)
                    server.kill()
                    break
                until(
                    lambda text=text: f"is now {text}." in chrome.find_element("id", "status").text
                )
                answered.append(text)
            chrome.get("about:blank")
    there = {one["number"] for one in corrections_of(out)}
    in_results = (out / "numbers.csv").read_text()
    lost = [
        text
        for text in answered
        if text not in there or f",{text},1.0000,checked," not in in_results
    ]
    torn = [
        one for one in corrections_of(out) if f",{one['number']},1.0000,checked," not in in_results
    ]
    print(f"{TYPED} typed, {KILLS} kills: {len(answered)} answered, {len(lost)} of them lost; "
          f"{len(there)} written, {len(torn)} of them not in numbers.csv")  # fmt: skip


def main() -> None:
    measures = {"speed": speed, "kills": kills}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=[*measures], help="both where left out")
    part: str | None = parser.parse_args().part
    chrome = start_browser()
    try:
        for measure in [measures[part]] if part else measures.values():
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder), chrome)
    finally:
        chrome.quit()


if __name__ == "__main__":
    main()
