"""Fetch the fonts that the supplied model was trained with, from npm and Debian.

    python benchmarks/fonts.py fonts
    digitocr train --fonts fonts ...

The model's card names each font and its SHA-256; what is served now may be another version of it,
which is said. Needs npm; for the fonts of Debian packages also apt-get and dpkg.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from digitocr.recognition.model import load_model

NPM = "-latin-400-normal.woff"  # @fontsource's packages name their files NAME + this
PACKAGES = (
    "fonts-bwht",
    "fonts-freefont-ttf",
    "fonts-noto-core",
    "fonts-ocr-a",
    "fonts-tomsontalks",
)


def fetch_npm(names: list[str], work: Path) -> None:
    """Install the @fontsource packages of some fonts below a folder."""
    wanted = {f"@fontsource/{name.removesuffix(NPM)}": "*" for name in names}
    (work / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=work)


def fetch_debian(work: Path) -> None:
    """Unpack the Debian packages with the other fonts below a folder."""
    subprocess.run(["apt-get", "download", "-q", *PACKAGES], cwd=work)
    for package in work.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, work / "debian"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to put the fonts")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    added = load_model("digits").card["added"]
    wanted = {one["name"]: one["sha256"] for one in added if not one["name"].endswith(".npz")}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        fetch_npm([name for name in wanted if name.endswith(NPM)], work)
        fetch_debian(work)
        found = {path.name: path for path in work.rglob("*.[ow]*") if path.is_file()}
        found |= {path.name: path for path in work.rglob("*.ttf")}
        for name, digest in wanted.items():
            if name not in found:
                print(f"not found: {name}", file=sys.stderr)
                continue
            shutil.copy(found[name], folder / name)
            if hashlib.sha256(found[name].read_bytes()).hexdigest() != digest:
                print(f"another version: {name}", file=sys.stderr)
    print(f"{len(list(folder.iterdir()))} of {len(wanted)} fonts in {folder}")


if __name__ == "__main__":
    main()
