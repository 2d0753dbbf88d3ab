"""Inputs as typed become an ordered list of distinct names."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path, PurePosixPath
from random import Random
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitocr.core.source import (
    Source,
    Unread,
)
from digitocr.inputs.discover import (
    _with_distinct_names,
    find_sources,
    folded_name,
    natural_key,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    """Make empty files with their folders."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def names(*inputs: str, output: str | None = None) -> list[str]:
    """Return the names of the sources found; there may be nothing unread."""
    found = find_sources(inputs, Path(output) if output else None)
    assert all(isinstance(one, Source) for one in found), found
    return [one.name for one in found if isinstance(one, Source)]


def unread(*inputs: str) -> list[tuple[str, str]]:
    """Return the inputs that can't be sources, and why."""
    return [(one.file, one.error) for one in find_sources(inputs) if isinstance(one, Unread)]


@pytest.mark.parametrize(
    "ordered",
    [
        ["page1", "page2", "page10", "page10a", "page11"],
        ["1.png", "1a.png", "2.png", "10.png"],
        ["a", "A1", "a2", "B", "b1"],
        ["1-2", "1-10", "2-1"],
        ["", "0", "00", "a"],
        ["é1", "é02", "é10"],
        ["x" + "9" * 250, "x1" + "0" * 250],
        ["²", "٣"],  # digits to Unicode, not to us
    ],
)
def test_natural_order_counts_where_there_are_digits(ordered: list[str]) -> None:
    for start in (sorted(ordered), sorted(ordered, reverse=True)):
        assert sorted(start, key=natural_key) == ordered


NAMES = st.text(st.sampled_from("aAbß019 .-/é\udcff"), max_size=8)


@given(NAMES, NAMES)
def test_only_equal_names_have_equal_keys(one: str, other: str) -> None:
    assert (natural_key(one) == natural_key(other)) == (one == other)


@given(st.lists(NAMES), st.randoms())
def test_order_does_not_depend_on_how_the_disk_lists_names(
    listed: list[str], random: Random
) -> None:
    shuffled = random.sample(listed, len(listed))
    assert sorted(shuffled, key=natural_key) == sorted(listed, key=natural_key)


def test_names_are_relative_to_the_input_that_found_them(here: Path) -> None:
    make("scans/a.png", "scans/deep/b.png")
    assert (
        names("scans") == names(str(here / "scans")) == names("scans/") == ["a.png", "deep/b.png"]
    )
    assert names("scans/a.png") == ["a.png"]
    assert names("scans/d*") == names("scans/*/b.png") == ["deep/b.png"]
    assert names("s*/*.png") == ["scans/a.png"]
    assert names(".") == ["scans/a.png", "scans/deep/b.png"]
    assert names("scans/deep/..") == ["a.png", "deep/b.png"]


def test_file_named_like_a_pattern_is_that_file() -> None:
    make("a[1].png", "a1.png")
    assert names("a[1].png") == ["a[1].png"]
    assert names("a[[]1].png") == ["a[1].png"]


@pytest.mark.parametrize("pattern", ["[", "a[", "*/../*.png", "x" * 300 + "*", "*.png/*", "*.jpg"])
def test_pattern_that_can_match_nothing_is_one_sentence(pattern: str) -> None:
    make("a.png")
    [(name, error)] = unread(pattern)
    assert name == pattern and error.startswith(("matches no file", "is no pattern", "has .."))


def test_two_stars_within_a_name_are_a_sentence_or_one_star() -> None:
    make("a.png")  # an error of pathlib before Python 3.13
    (found,) = find_sources(["**ng"])
    assert found == Source("a.png", Path("a.png")) or "is no pattern" in getattr(found, "error", "")


def test_pattern_does_not_climb_out_of_its_folder() -> None:
    make("a/b/c.png", "secret.png")
    assert unread("a/*/../../*.png") == [("a/*/../../*.png", "has .. after a wildcard")]
    assert names("a/../a/*/*.png") == ["b/c.png"]


def test_pattern_walks_round_no_circle_of_links() -> None:
    make("a/x.png", "b/x.png")
    for link in ("a/one", "a/two", "b/one", "b/two"):  # 2^40 paths to who follows them
        Path(link).symlink_to(Path("..").resolve() / Path.cwd().name)
    assert names("**/*.png") == names("**") == ["a/x.png", "b/x.png"]


def test_folder_nested_deeper_than_the_stack_is_walked() -> None:
    depth = sys.getrecursionlimit() + 50
    folders = ["/".join("d" * n) for n in range(1, depth + 1)]
    for folder in folders:
        os.mkdir(folder)  # noqa: PTH102 pathlib takes its time
    make(f"{folders[-1]}/x.png")
    try:
        assert [PurePosixPath(name).name for name in names(".")] == ["x.png"]
    finally:  # pytest can't remove it
        os.remove(f"{folders[-1]}/x.png")  # noqa: PTH107
        for folder in reversed(folders):
            os.rmdir(folder)  # noqa: PTH106


def test_files_of_one_name_get_as_many_parents_as_it_takes() -> None:
    make("a/1/x.png", "b/1/x.png", "c/x.png", "y.png")
    inputs = ["a/1/x.png", "b/1/x.png", "c/x.png", "y.png"]
    assert names(*inputs) == ["1/x.png", "b/1/x.png", "c/x.png", "y.png"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("A.png", "a.PNG"), ("\u00e9.png", "e\u0301.png"), ("STRASSE.png", "stra\u00dfe.png")],
    ids=["case", "accent", "sharp s"],
)
def test_names_that_some_disks_take_for_one_get_parents(one: str, other: str) -> None:
    for name in (one, other, "b.png"):
        make(f"scans/{name}")
    found = names("scans")
    assert len({folded_name(name) for name in found}) == 3
    assert {PurePosixPath(name).name for name in found} == {one, other, "b.png"}
    assert "b.png" in found and {one, other}.isdisjoint(found)


@given(st.text(max_size=6))
def test_how_a_letter_is_put_together_makes_no_other_name(name: str) -> None:
    assert (
        folded_name(normalize("NFC", name))
        == folded_name(normalize("NFD", name))
        == folded_name(name)
    )


@given(st.lists(st.sampled_from(["a/b/x.png", "b/x.png", "b/b/x.png", "x.png", "a/x.png"])))
def test_names_are_distinct_whatever_folders_and_files_are_given(files: list[str]) -> None:
    make("a/b/x.png", "b/x.png", "b/b/x.png", "x.png", "a/x.png")
    for inputs in (files, [*files, "b"], ["a", "b", *files], [*files, "."]):
        found = [one for one in find_sources(inputs) if isinstance(one, Source)]
        assert len({one.name for one in found}) == len(found)
        places = {os.path.realpath(one.path) for one in found if one.path}
        assert len(places) == len(found)
        assert not [one.name for one in found if ".." in one.name or one.name.startswith("/")]


def test_names_are_distinct_where_no_parents_are_left() -> None:
    paths = {"/r/a/x.png": "a/x.png", "/a/x.png": "x.png", "/x.png": "x.png"}
    sources = [Source(name, Path(path)) for path, name in paths.items()]
    found = _with_distinct_names(sources, os.path.realpath)
    assert [one.name for one in found if isinstance(one, Source)] == [
        "a/x.png",
        "_/a/x.png",
        "x.png",
    ]


def test_file_reached_by_several_ways_is_read_once() -> None:
    make("scans/in/x.png")
    Path("linked").symlink_to("scans")
    Path("y.png").symlink_to("scans/in/x.png")
    ways = ["scans", "linked", "linked/in/x.png", "y.png", "scans/in/../in", "scans/i*/x.png"]
    for first in ways:
        assert len(names(first, *ways)) == 1


def test_results_folder_is_passed_over_but_not_one_named_like_it() -> None:
    make("scans/out/a.png", "scans/outer/b.png", "scans/c.png", "scans/c.png.annotated.jpg")
    assert names("scans", output="scans/out") == ["c.png", "outer/b.png"]
    assert names("scans/*", output="./scans/../scans/out") == ["c.png", "outer/b.png"]
    assert names("scans", output="scans") == ["c.png", "out/a.png", "outer/b.png"]


def test_stdin_is_read_once_and_a_closed_one_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x89PNG")))
    assert find_sources(["-", "-"]) == [Source("stdin", data=b"\x89PNG")]
    monkeypatch.setattr(sys, "stdin", None)
    assert find_sources(["-"]) == [Source("stdin", data=b"")]


def test_link_is_followed_only_where_it_stays_inside() -> None:
    make("scans/a/x.png", "scans/.kept/y.png", "other/z.png", "scans/notes.txt")
    for link, target in {
        "scans/b.png": "a/x.png",  # the same file as a/x.png, found first there
        "scans/k.png": ".kept/y.png",
        "scans/a/up": "..",
        "scans/text.png.txt": "notes.txt",
    }.items():
        Path(link).symlink_to(target)
    assert names("scans") == ["a/x.png", "k.png"]
    Path("scans/z.png").symlink_to("../other/z.png")
    Path("scans/other").symlink_to("../other")
    out = "is a link that leads out of the folder; to read it add Run.follow_symlinks"
    assert unread("scans") == unread("scans/*") == [("other", out), ("z.png", out)]
    Path("link-to-scans").symlink_to("scans")
    assert names("link-to-scans/a/x.png") == ["x.png"]
    assert unread("link-to-scans") == unread("scans")
