"""What the README and docs/ tell people to type works as it says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command import SAMPLES, run_command
from support.corrected import check
from support.material import copied_model, font_folder, learn_little, write_mnist
from support.outputs import read_rows
from support.pdf import PdfPage, pdf

from digitocr.core.errors import ExitCode

TOP = SAMPLES.parent
README = (TOP / "README.md").read_text("utf-8")
PAGES = {TOP / "README.md": README} | {  # in the order in which it names them
    path: path.read_text("utf-8")
    for path in sorted((TOP / "docs").glob("*.md"), key=lambda path: README.find(path.name))
}
BLOCKS = [
    block for page in PAGES.values() for block in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
]
LINES = [
    line.split("   ")[0].split(" |")[0].split(" &&")[0].strip()
    for kind, block in BLOCKS
    if kind == "bash"
    for line in block.splitlines()
    if line.startswith("digitocr ")
]
GOES_ON = [line for line in LINES if line.startswith(("digitocr watch", "digitocr review"))]
COMMANDS = [line for line in LINES if line not in GOES_ON]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the README's commands name, and a small MNIST in the cache."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "scans").mkdir()
    (folder / "pages-with-truth").mkdir()
    (folder / "inbox").mkdir()
    write_mnist(folder / "cache" / "digitocr", 300, 60)
    shutil.copy(SAMPLES / "receipt.jpg", folder / "pages-with-truth")
    receipt = " ".join((SAMPLES / "receipt.txt").read_text("utf-8").split())
    (folder / "pages-with-truth" / "truth.csv").write_text(f"file,truth\nreceipt.jpg,{receipt}\n")
    (folder / "samples").mkdir()
    for name in ("digit.png", "pages.tif", "receipt.jpg", "ruled.jpg"):  # not all: the less to read
        shutil.copy(SAMPLES / name, folder / "samples")
    shutil.copytree(SAMPLES.parent / "forms", folder / "forms")
    for sample, name in (("skewed.png", "page1.png"), ("pages.tif", "2024-01.tif")):
        shutil.copy(SAMPLES / sample, folder / "scans" / name)
    for name in ("a.png", "digit.png"):
        shutil.copy(SAMPLES / "digit.png", folder / name)
    (folder / "roster.csv").write_text("student_id\n3407\n")
    (folder / "ledger.pdf").write_bytes(pdf(*[PdfPage("")] * 7))
    write_additions(folder)
    return folder


def write_additions(folder: Path) -> None:
    """Write a few labelled symbols and a font to train on."""
    images = np.zeros((10, 40, 40), np.uint8)
    for label, image in enumerate(images):
        cv2.putText(image, f"{label}", (8, 34), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
    np.savez(folder / "more.npz", images=images, labels=np.arange(10))
    pytest.importorskip("matplotlib")
    font_folder(folder / "fonts")


def accept(results: Path, file: str) -> None:
    """Decide that all numbers of a file were read right."""
    rows = read_rows(results / f"{file}.csv")
    check(results, file, [row["number"] for row in rows])


def in_shell(command: str, folder: Path) -> subprocess.Popen[str]:
    """Begin a command line in a shell, with digitocr on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line as a shell would."""
    words = shlex.split(command)
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}
    if "<" in words:
        *words, _, name = words
        return run_command(*words[1:], cwd=folder, stdin=(folder / name).read_bytes(), env=cache)
    return run_command(*words[1:], cwd=folder, env=cache)


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("command", COMMANDS)
def test_command_runs(command: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if command.startswith(("digitocr train", "digitocr evaluate")):
        pytest.importorskip("torch")
    if ".pdf" in command:
        pytest.importorskip("pypdfium2")
    if command.startswith("digitocr train"):
        command += " --epochs 1"  # of hundreds: that it learns is tested elsewhere
    if " --from " in command:
        learn_little(monkeypatch)
        accept(desk / "results", "page1.png")
    elif "mine.safetensors" in command and not (desk / "mine.safetensors").exists():
        copied_model(desk, "mine")
    done = typed(command, desk)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_command_runs_in_a_shell(desk: Path) -> None:
    with in_shell(f"{COMMANDS[0]} --restart", desk) as scanning:
        said = scanning.communicate()[1]
    assert scanning.returncode == 0, said


@pytest.mark.parametrize("command", GOES_ON)
def test_what_goes_on_until_it_is_ended_begins_and_ends_well(command: str, desk: Path) -> None:
    pytest.importorskip("watchfiles" if " watch " in command else "uvicorn")
    typed("digitocr scan scans -o results", desk)  # what is reviewed
    with in_shell(f"exec {command}", desk) as running:
        assert running.stderr is not None
        said = ""
        while not re.search("Watching|http://", said):
            said += (line := running.stderr.readline())
            assert line, said
        os.killpg(running.pid, signal.SIGTERM)
        said += running.communicate(timeout=60)[1]
    assert running.returncode == 0, said
    assert "Traceback" not in said


def test_the_python_example_prints_numbers(desk: Path) -> None:
    (program,) = [block for kind, block in BLOCKS if kind == "python"]
    done = subprocess.run([sys.executable, "-c", program], cwd=desk, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.match(r"1 1 22897 [01]\.\d\d (ok|review)\n", done.stdout)


def test_the_output_shown_is_what_is_printed(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "samples")
    shown = next(block for kind, block in BLOCKS if kind == "text")
    said = typed("digitocr scan samples -o results", tmp_path).stderr
    assert without_times(said) == without_times(shown)


def without_times(text: str) -> list[str]:
    """Return the words of a summary without seconds and what depends on them.

    Columns are as wide as the names of the slowest files.
    """
    lines = [re.sub("─+", "─", line).split() for line in text.split("slowest")[0].splitlines()]
    known = [re.sub(r"\d+\.\d\d?( s\b|$)", "", " ".join(line)) for line in lines if line]
    return [line.rstrip() for line in known]


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: code.name)
def test_every_exit_code_is_named(code: ExitCode) -> None:
    assert re.search(rf"^\| {code.value} \| \w", README, re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_pictures_are_there(path: Path) -> None:
    page = PAGES[path]
    targets = re.findall(r"\]\(([^)#]+)[)#]", page) + re.findall(r'src="([^"]+)"', page)
    missing = [name for name in targets if "://" not in name and not (path.parent / name).exists()]
    assert not missing


def test_every_page_is_linked_from_another() -> None:
    linked = "".join(PAGES.values())
    assert [
        path.name for path in PAGES if path.name not in linked and path.name != "README.md"
    ] == []


def test_a_readme_is_read_in_minutes() -> None:
    assert len(README.splitlines()) <= 170
