"""Thousands of hostile pictures and documents through `scan_file`, in a process that may die.

python tests/fuzz/images.py --files 20000 --seed 1

Each file has to end as a result that is JSON or as a sentence for its error row. A crash, a hang,
any other exception and anything that a library prints is a defect: the file is kept, and the rest
goes on in a new process. Ends with 1 where there are defects.
"""

from __future__ import annotations

import argparse
import json
import random
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # run by its path, it finds its neighbours
from fuzz.mutate import mutated
from fuzz.seeds import all_seeds

READER = [sys.executable, str(Path(__file__).with_name("reader.py"))]


class Outcome(NamedTuple):
    """How the reading of a file ended."""

    kind: str  # "read" or "error"; "crash", "hang", "exception" or "noise" are defects
    text: str  # the sentence, or what was seen of the defect
    seconds: float = 0.0
    megabytes: int = 0  # the peak of the process's memory


class Reader:
    """A process that reads one file after the other, begun anew where it has died."""

    def __init__(self, command: Sequence[str], limit: float, folder: Path) -> None:
        """Keep the command, the seconds that a file may take, and a folder for what it prints."""
        self._command, self._limit = command, limit
        self._printed = folder / "printed"
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> Outcome:
        """Return how the reading of a file ended."""
        process = self._process = self._process or self._begin()
        assert process.stdin and process.stdout
        self._printed.write_bytes(b"")
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], self._limit)[0]:
            self.close()
            return Outcome("hang", f"more than {self._limit:g} s")
        answer = process.stdout.readline()
        printed = self._printed.read_text(errors="replace")
        if not answer:
            code = process.wait()
            self.close()
            return Outcome("crash", f"exit status {code}\n{printed}")
        return _outcome(json.loads(answer), printed)

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _begin(self) -> subprocess.Popen[str]:
        with self._printed.open("ab") as printed:
            pipe = subprocess.PIPE
            return subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=printed, text=True
            )


def _outcome(answer: dict[str, Any], printed: str) -> Outcome:
    cost = answer["seconds"], answer["megabytes"]
    if "defect" in answer:
        return Outcome("exception", answer["defect"], *cost)
    if printed:
        return Outcome("noise", printed, *cost)
    if "error" in answer:
        return Outcome("error", answer["error"], *cost)
    return Outcome("read", "", *cost)


def hostile_files(n: int, seed: int, endings: Sequence[str] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of hostile files, all kinds in turn; the same for the same seed."""
    seeds = all_seeds()
    kinds = [ending for ending in seeds if not endings or ending in endings]
    for i in range(n):
        ending = kinds[i % len(kinds)]
        rng = random.Random(f"{seed} {i}")
        data = mutated(rng.choice(seeds[ending]), ending, seeds[ending], rng)
        yield f"{seed}-{i:06}.{ending}", data


def run(
    files: Iterator[tuple[str, bytes]], found: Path, limit: float, command: Sequence[str] = READER
) -> list[tuple[str, Outcome]]:
    """Read files and return the name and outcome of each; defects are kept in `found`."""
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        reader = Reader(command, limit, Path(place))
        try:
            for name, data in files:
                path = Path(place, name)
                path.write_bytes(data)
                outcome = reader.read(path)
                path.unlink()
                outcomes.append((name, outcome))
                if outcome.kind not in ("read", "error"):
                    _keep(found, name, data, outcome)
        finally:
            reader.close()
    return outcomes


def _keep(found: Path, name: str, data: bytes, outcome: Outcome) -> None:
    """Keep a file that showed a defect, and what was seen, beside it."""
    found.mkdir(parents=True, exist_ok=True)
    (found / name).write_bytes(data)
    (found / f"{name}.{outcome.kind}.txt").write_text(outcome.text)
    print(f"{name}: {outcome.kind}: {outcome.text.strip().splitlines()[-1:]}", flush=True)


def summary(outcomes: Sequence[tuple[str, Outcome]]) -> str:
    """Return what a run came to, in a line for each kind of file and one for all."""
    lines = []
    for ending in dict.fromkeys(Path(name).suffix for name, _ in outcomes):
        own = Counter(one.kind for name, one in outcomes if name.endswith(ending))
        lines.append(f"{ending}: " + ", ".join(f"{n} {kind}" for kind, n in sorted(own.items())))
    slowest = max(outcomes, key=lambda pair: pair[1].seconds)
    largest = max(outcomes, key=lambda pair: pair[1].megabytes)
    kinds = Counter(outcome.kind for _, outcome in outcomes)
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in ("read", "error"))
    defects = len(outcomes) - kinds["read"] - kinds["error"]
    lines.append(
        f"files: {len(outcomes)}, {counts}, {defects} defects; "
        f"slowest {slowest[1].seconds:.1f} s ({slowest[0]}), "
        f"most memory {largest[1].megabytes} MB ({largest[0]})"
    )
    return "\n".join(lines)


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="endings, with commas: png,pdf")
    parser.add_argument("--seconds", type=float, default=60, help="that one file may take")
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="for defects")
    wanted = parser.parse_args()
    endings = [ending for ending in wanted.only.split(",") if ending]
    files = hostile_files(wanted.files, wanted.seed, endings)
    outcomes = run(files, wanted.found, wanted.seconds)
    print(summary(outcomes))
    return int(any(outcome.kind not in ("read", "error") for _, outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
