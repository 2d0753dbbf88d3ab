"""The page of `digitocr review`, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.command import run_command
from support.outputs import numbers_of, read_rows, results_in
from support.pictures import Clear
from support.reviewing import decisions, reviewing, scanned, start_browser

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# As WebDriver names them.
ENTER, DELETE, RIGHT, DOWN, SHIFT, TAB = (
    *("\ue007", "\ue017", "\ue014", "\ue015", "\ue008", "\ue004"),
)
# What a browser notes of a server that was ended, and of one that refuses a second decision.
_EXPECTED = ("net::ERR_", "status of 409")
HOSTILE = "<img src=x onerror=document.title='taken'>.png"


class Page:
    """The page as a person has it before them."""

    def __init__(self, chrome: Chrome) -> None:
        self.chrome = chrome

    def open(self, address: str) -> None:
        self.chrome.get(address)
        self.wait(lambda: self.text("status") != "")

    def wait(self, holds: Callable[[], bool]) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.chrome, 20, 0.02).until(lambda _: holds(), self.text("status"))

    def text(self, name: str) -> str:
        return self.chrome.find_element("id", name).text

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.chrome).send_keys(*keys).perform()

    def press_with_shift(self, key: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.chrome).key_down(SHIFT).send_keys(key).key_up(SHIFT).perform()

    def says(self, part: str) -> None:
        """Wait until the line that screen readers read out says something."""
        self.wait(lambda: part in self.text("status"))


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    browser = start_browser()
    yield browser
    browser.quit()


@pytest.fixture
def page(chrome: Chrome) -> Iterator[Page]:
    """A page; in the end nothing may have gone wrong in the browser."""
    chrome.get("about:blank")
    chrome.get_log("browser")  # type: ignore[no-untyped-call]
    yield Page(chrome)
    said = [one["message"] for one in chrome.get_log("browser")]  # type: ignore[no-untyped-call]
    assert not [one for one in said if not any(part in one for part in _EXPECTED)]


def test_a_review_by_keyboard_alone(page: Page, tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png", "b.png", HOSTILE)
    with reviewing(out) as server:
        page.open(server.address)
        assert "0 of 6 checked · 6 left" in page.text("counts")
        seen = set()
        for i in range(6):
            seen.add(page.text("place").split(" · ")[0])
            if i == 1:
                page.press("1", "2", "/", "0", "5", ENTER)
                page.says("is now 12/05.")
            elif i == 2:
                page.press(DELETE)
                page.says("No number.")
                page.press("u")
                page.says("Taken back.")
                page.press(RIGHT)
            else:
                page.press(ENTER)
                page.says("Accepted")
        page.says("Read as")  # the one that was passed over comes last
        page.press("8", "8", ENTER)
        page.says("Nothing is left to review.")
        assert "6 of 6 checked" in page.text("counts")
        assert seen == {"a.png", "b.png", HOSTILE}  # shown as text, whatever it is
        assert page.chrome.title == "digitocr review"
    rows = read_rows(out / "numbers.csv")
    assert [row["status"] for row in rows] == ["checked"] * 6
    assert {"12/05", "88"} <= {row["number"] for row in rows}
    assert [one["undone"] for one in decisions(out)].count(True) == 1


def test_a_number_that_was_missed_is_added(page: Page, tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out) as server:
        page.open(server.address)
        page.press("a")
        page.says("Add a number")
        page.press(DOWN * 3, "6", "1", ENTER)  # three times down: off the one that was read
        page.says("Added 61.")
        page.press("u")
        page.says("Taken back.")
        page.press("a")
        page.says("Add a number")
        page.press(DOWN * 3, "6", "2", ENTER)
        page.says("Added 62.")
    assert sorted(row["number"] for row in read_rows(out / "numbers.csv")) == ["3407", "57", "62"]


def test_a_table_is_checked_whole(page: Page, tmp_path: Path, samples: Path) -> None:
    picture = samples / "receipt.jpg"
    assert run_command("scan", picture, "-o", "out", "-q", cwd=tmp_path).returncode == 0
    result = results_in(tmp_path / "out")["receipt.jpg"]
    (rows,) = [table["rows"] for table in result["pages"][0]["tables"]][:1]
    with reviewing(tmp_path / "out") as server:
        page.open(server.address)
        page.press("t")
        page.says("Table of")
        shown = page.chrome.find_elements("css selector", "#sheet tr")
        assert len(shown) == len(rows)
        page.press_with_shift(ENTER)
        page.says("All of it is checked.")
    after = results_in(tmp_path / "out")["receipt.jpg"]
    assert numbers_of(after) == numbers_of(result)
    in_table = [one for one in after["pages"][0]["numbers"] if one["table"] == 1]
    assert in_table
    assert {one["status"] for one in in_table} == {"checked"}


def test_a_killed_server_loses_nothing(page: Page, tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png", "b.png")
    for left in (4, 3):
        with reviewing(out) as server:
            page.open(server.address)
            assert f"{left} left" in page.text("counts")
            page.press("9", str(left), ENTER)
            page.says(f"is now 9{left}.")
            server.kill()
            page.press("5", ENTER)
            page.wait(lambda: "The server has ended" in page.text("banner"))
    with reviewing(out):
        pass
    assert {"94", "93"} <= {row["number"] for row in read_rows(out / "numbers.csv")}
    assert json.loads((out / "run.json").read_bytes())["checked"] == 2


def test_two_tabs_do_not_fight(page: Page, tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out) as server:
        page.open(server.address)
        first = page.chrome.current_window_handle
        page.chrome.switch_to.new_window("tab")
        page.open(server.address)
        read = page.chrome.find_element("id", "typed").get_attribute("placeholder")
        page.press("1", ENTER)
        page.says("is now 1.")
        page.chrome.switch_to.window(first)
        page.says("Another tab: checked: 1.")
        assert "Checked: 1" in page.text("chance")
        page.chrome.switch_to.window(page.chrome.window_handles[1])
        page.chrome.close()
        page.chrome.switch_to.window(first)
    assert [(one["read"], one["number"]) for one in decisions(out)] == [(read, "1")]


def test_an_audit_hides_readings_until_they_are_typed(
    page: Page, tmp_path: Path, samples: Path
) -> None:
    scan = ("scan", samples / "digit.png", "-o", "out", "--min-confidence", "0")
    run_command(*scan, "-q", cwd=tmp_path)
    (truth,) = numbers_of(results_in(tmp_path / "out")["digit.png"])
    with reviewing(tmp_path / "out", "--audit", "3") as server:
        page.open(server.address)
        assert truth not in page.text("number")
        page.press("6", "6", ENTER)
        page.says(f"It was read as {truth}.")
        page.press(ENTER)
        page.says("1 of 1 wrong")
        said = server.end()
    assert "Audit: 1 of 1 wrong: between 21 % and 100 % of the ok numbers are" in said
    (row,) = read_rows(tmp_path / "out" / "numbers.csv")
    assert (row["number"], row["status"]) == ("66", "checked")
    assert json.loads((tmp_path / "out" / "run.json").read_bytes())["audit"]["wrong"] == 1
    assert "Audit: 1 of 1 wrong" in run_command(*scan, cwd=tmp_path).stderr


def test_what_can_t_be_written_is_told(page: Page, tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    hindered = out / "a.png.csv"
    with reviewing(out) as server:
        page.open(server.address)
        hindered.unlink()
        (hindered / "in-the-way").mkdir(parents=True)
        page.press("1", ENTER)
        page.says("is now 1.")
        page.wait(lambda: "a.png.csv: can't be written" in page.text("banner"))
        assert "No decision is lost" in page.text("banner")
        page.press("2", ENTER)  # and the review goes on
        page.says("Nothing is left to review.")
        (hindered / "in-the-way").rmdir()
        hindered.rmdir()
        page.says("Results show all decisions again.")
        assert page.text("banner") == ""
    assert {row["number"] for row in read_rows(out / "numbers.csv")} == {"1", "2"}


def test_the_last_decision_is_taken_back_after_reopening(
    page: Page, tmp_path: Path, clear: Clear
) -> None:
    out = scanned(tmp_path, clear, "a.png", "b.png")
    for _ in range(2):  # in two sessions
        with reviewing(out) as server:
            page.open(server.address)
            page.press("1", ENTER)
            page.says("is now 1.")
            page.press("2", ENTER)
            page.says("is now 2.")
    with reviewing(out) as server:
        page.open(server.address)
        page.says("Nothing is left")
        for left in (1, 2, 3):
            page.press("u")
            page.wait(lambda left=left: f"{left} left" in page.text("counts"))
        page.says("Taken back.")
    undone = [one for one in decisions(out) if one["undone"]]
    assert [one["number"] for one in undone] == ["2", "1", "2"]


def test_a_missed_number_comes_into_the_table_that_is_shown(
    page: Page, tmp_path: Path, samples: Path
) -> None:
    run_command("scan", samples / "receipt.jpg", "-o", "out", "-q", cwd=tmp_path)

    def shown() -> list[str]:
        return [one.text for one in page.chrome.find_elements("css selector", "#sheet td span")]

    with reviewing(tmp_path / "out") as server:
        page.open(server.address)
        page.press("t")
        page.says("Table of")
        n = len(shown())
        page.press("a")
        page.press(DOWN * 2, "6", "1", ENTER)
        page.says("Added 61.")
        assert len(shown()) == n + 1
        assert "61" in shown()
        page.press("u")
        page.says("Taken back.")
        assert len(shown()) == n


def test_a_key_that_is_held_down_decides_once(page: Page, tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png", "b.png")
    key = {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    with reviewing(out) as server:
        page.open(server.address)
        for i in range(5):
            held = {**key, "autoRepeat": i > 0}
            page.chrome.execute_cdp_cmd("Input.dispatchKeyEvent", held)
        page.says("Accepted")
        page.chrome.execute_cdp_cmd("Input.dispatchKeyEvent", {**key, "type": "keyUp"})
        page.press("5", "5", ENTER)
        page.says("is now 55.")
        assert "2 of 4 checked" in page.text("counts")


def test_an_answer_that_was_overtaken_is_passed_over(
    page: Page, tmp_path: Path, clear: Clear
) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out) as server:
        page.open(server.address)
        known = page.chrome.execute_async_script(
            "const done = arguments[0];"
            "import(new URL('numbers.js', location.href)).then(async (numbers) => {"
            "  const now = numbers.of(0), old = { ...now, number: '1' };"
            "  numbers.take([{ ...now, version: 5, number: '2', decided: true }]);"
            "  numbers.take([old]);"
            "  done(numbers.of(0).number);"
            "});"
        )
        assert known == "2"


def test_a_server_that_is_there_again_is_asked_again(
    page: Page, tmp_path: Path, clear: Clear
) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out) as server:
        page.open(server.address)
        page.chrome.execute_script("window.kept = fetch; fetch = () => Promise.reject();")
        page.press("1", ENTER)
        page.wait(lambda: "The server has ended" in page.text("banner"))
        page.chrome.execute_script("fetch = window.kept;")
        page.wait(lambda: page.text("banner") == "")
        page.press(ENTER)  # what was typed is still there
        page.says("is now 1.")


def test_every_part_is_reached_by_tab(page: Page, tmp_path: Path, samples: Path) -> None:
    run_command("scan", samples / "receipt.jpg", "-o", "out", "-q", cwd=tmp_path)
    with reviewing(tmp_path / "out") as server:
        page.open(server.address)
        page.press("t")
        page.says("Table of")
        reached = []
        for _ in range(25):
            page.press(TAB)
            one = page.chrome.switch_to.active_element
            reached.append(one.get_attribute("id") or one.get_attribute("aria-current") or "")
            outline = one.value_of_css_property("outline-style")
            assert outline != "none" or one.get_attribute("id") in ("typed", "")
    order = [*("accept", "none", "previous", "next", "whole", "true", "accept-all")]
    order += ["zoom-out", "zoom-in", "zoom-whole", "add", "viewport"]
    assert reached[: len(order)] == order
    assert {"open-filter", "open-help", "typed"} <= set(reached)  # and round again


def test_names_are_shown_as_they_are(page: Page, tmp_path: Path, clear: Clear) -> None:
    names = ["a #1?x=%2e%2e&.png", '"it\'s".png', "\u202egnp.exe.png", "\u05d0\u05d1 7.png"]
    out = scanned(tmp_path, clear, *names)
    with reviewing(out) as server:
        page.open(server.address)
        seen = set()
        for i in range(8):
            seen.add(page.chrome.find_element("css selector", "#place bdi").text)
            for picture in ("#crop img", "#line img", "#sheet-of-paper img"):
                image = page.chrome.find_element("css selector", picture)
                page.wait(lambda image=image: int(image.get_property("naturalWidth")) > 0)
            before = page.text("place")
            page.press(ENTER)
            page.wait(lambda before=before: page.text("place") != before)
            assert f"{i + 1} of 8 checked" in page.text("counts")
    assert seen == set(names)
    rows = read_rows(out / "numbers.csv")
    assert {row["status"] for row in rows} == {"checked"}
