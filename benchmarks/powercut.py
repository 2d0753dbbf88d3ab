"""Cut the power at random moments of a run, on paper, go on, and see that nothing is lost.

    python benchmarks/powercut.py [--files 60] [--moments 50] [--seed 0]

A run over small generated pictures is traced (strace). For each moment a folder is made of what a
disk would have to hold then: of each file what was there at its last fsync, and of what came after
it a part drawn at random; of the names in each folder those at the folder's last fsync, and as many
of the later changes, in their order, as are drawn. That is no more than POSIX promises, and less
than ext4 and others keep. There the same command is run: results have to be, byte for byte, those
of the run that was traced. Printed is how many came out so, and how many files were read twice.
Needs Linux and strace (apt install strace).
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kills import COMMAND, ENV, begin, contents, make_pictures

CALLS = "openat,write,fsync,rename,unlink,mkdir,ftruncate"
STRACE = ["strace", "-f", "-qq", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}"]
UNFINISHED, RESUMED = " <unfinished ...>", re.compile(r"<\.\.\. \w+ resumed>")
PATH_OF_FD = re.compile(r"\d+<((?:\\x[0-9a-f]{2})*)[^>]*>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class File:
    """A file: what is in it, and what of that the disk has for sure; or a folder."""

    data: bytes = b""
    safe: bytes = b""
    is_folder: bool = False

    def after_cut(self, rng: random.Random) -> bytes:
        """Return what may be in it when the power is back."""
        if self.data.startswith(self.safe):
            return self.data[: rng.randint(len(self.safe), len(self.data))]
        return rng.choice([self.data, self.safe])


Change = tuple[Path, File | None]  # a name, and what it is of from then on


@dataclass
class Disk:
    """What a disk holds, and what it holds for sure, below a folder."""

    top: Path
    names: dict[Path, File] = field(default_factory=dict)
    safe: dict[Path, File] = field(default_factory=dict)
    waiting: dict[Path, list[Change]] = field(default_factory=dict)  # by folder

    def name(self, path: Path, file: File | None) -> None:
        """Give a file a name, or take a name away."""
        _set(self.names, path, file)
        self.waiting.setdefault(path.parent, []).append((path, file))

    def sync_folder(self, folder: Path) -> None:
        """Keep the names in a folder."""
        for path, file in self.waiting.pop(folder, ()):
            _set(self.safe, path, file)

    def write_cut(self, out: Path, rng: random.Random) -> None:
        """Write what may be there when the power is back."""
        names = dict(self.safe)
        for changes in self.waiting.values():
            for path, file in changes[: rng.randint(0, len(changes))]:
                _set(names, path, file)
        out.mkdir()
        for path, file in sorted(names.items(), key=lambda one: len(one[0].parts)):
            place = out / path.relative_to(self.top)
            if place.parent.is_dir():  # else there is no way to it
                place.mkdir() if file.is_folder else place.write_bytes(file.after_cut(rng))


def _set(names: dict[Path, File], path: Path, file: File | None) -> None:
    if file is None:
        names.pop(path, None)
    else:
        names[path] = file


def ended_calls(trace: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, arguments and answer of each call that went well, in the order of their ends."""
    begun: dict[str, str] = {}
    for line in trace:
        pid, call = line.rstrip("\n").split(maxsplit=1)
        if call.endswith(UNFINISHED):
            begun[pid] = call.removesuffix(UNFINISHED)
            continue
        if found := RESUMED.search(call):
            call = call[: found.start()] + begun.pop(pid) + call[found.end() :]
        head, _, answer = call.rpartition(" = ")
        if not answer.startswith("-1"):
            name, _, arguments = head.partition("(")
            yield name, arguments, answer


def texts(arguments: str) -> list[bytes]:
    """Return the strings among a call's arguments."""
    return [bytes.fromhex(one.replace("\\x", "")) for one in TEXT.findall(arguments)]


def opened(text: str) -> Path:
    """Return the path of the file that is open."""
    found = PATH_OF_FD.search(text) or [text, ""]
    return Path(bytes.fromhex(found[1].replace("\\x", "")).decode())


def apply(disk: Disk, name: str, arguments: str, answer: str) -> None:
    """Have a call act on a disk."""
    if name == "openat":
        path = opened(answer)
        if "O_CREAT" in arguments and disk.top in path.parents and path not in disk.names:
            disk.name(path, File())
    elif name == "mkdir":
        path = Path(texts(arguments)[0].decode())
        if disk.top in path.parents:
            disk.name(path, File(is_folder=True))
    elif name in ("rename", "unlink"):
        old, *new = (Path(one.decode()) for one in texts(arguments))
        if disk.top in old.parents:
            for path in new:
                disk.name(path, disk.names[old])
            disk.name(old, None)
    elif name in ("write", "fsync", "ftruncate"):
        path = opened(arguments)
        file = disk.names.get(path)
        if file and name == "write":
            file.data += texts(arguments.partition(",")[2])[0][: int(answer)]
        elif file and name == "ftruncate":
            file.data = file.data[: int(arguments.rpartition(", ")[2].rstrip(") "))]
        elif file and not file.is_folder:
            file.safe = file.data
        elif file or path == disk.top:
            disk.sync_folder(path)


def main() -> None:
    """Trace a run, and cut it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("error: needs strace (apt install strace)")
    rng, well, again = random.Random(arguments.seed), 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        scans, whole, trace = folder / "scans", folder / "whole", folder / "trace"
        make_pictures(scans, arguments.files)
        scan = [*COMMAND, scans, "-o", whole, "--workers", "2", "-q"]
        subprocess.run([*STRACE, "-o", *map(str, (trace, *scan))], env=ENV, check=True)
        calls, wanted = list(ended_calls(trace.open())), contents(whole)
        for i in range(arguments.moments):
            disk, out = Disk(whole), folder / f"out{i}"
            for call in calls[: rng.randrange(len(calls) + 1)]:
                apply(disk, *call)
            disk.write_cut(out, rng)
            same = begin(scans, out).wait() == 0 and contents(out) == wanted
            again += (out / "journal.jsonl").read_bytes().count(b"\n") - arguments.files
            well += same
            if not same:
                print(f"moment {i}: results differ", flush=True)
    print(f"{well} of {arguments.moments} as if the power had stayed; {again} files read twice")
    sys.exit(well != arguments.moments)


if __name__ == "__main__":
    main()
