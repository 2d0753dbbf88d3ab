"""Print faces from folders of font files, grouped by kind.

No font is kept in the repository. Debian's packages (`apt-get download PACKAGE`, `dpkg -x`) and
npm's fontsource (`npm install @fontsource/NAME`) hold all that `font_packages.txt` names, under the
OFL and like licences; `Faces.load` takes the folders they were unpacked to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_KIND_PATTERNS = (  # the first that a file's name holds
    ("segment", r"dseg"),
    ("dotmatrix", r"doto|dotgothic|5x7"),
    ("ocr", r"ocr-?[ab]"),
    ("typewriter", r"typewriter|special-?elite|courier|nimbusmono|texgyrecursor|lmmono"),
    ("thermal", r"vt323|sharetechmono|share-tech|3270|glass|terminus|px437|press-?start|silkscreen"
     r"|pixelify|tiny5|micro-5|jersey|amiga|sixtyfour"),
    ("hand", r"caveat|kalam|patrick|handlee|indie|shadows|reenie|gochi|covered|nanum-?pen|gaegu"
     r"|schoolbell|architects|annie|homemade|rock-?salt|permanent|cedarville|sue-?ellen|girl-next"
     r"|swanky|gloria|neucha|bad-?script|marck|mansalva|delicious|short-?stack|sriracha|itim"
     r"|shantell|playpen|breip|dkg|femke|rufscript|delphine|steve|yusei|kristi|ecolier|klee"
     r"|humor|comicneue|dancing|becausewe|abecedario|jara|penguin"),
)  # fmt: skip
_NOT_FOR_NUMBERS = re.compile(
    r"weather|symbol|dingbat|emoji|barcode|icon|dseg14.*mini|smallcaps|-sc-|unicase|outline|shadow\b"
    r"|eulermath|math-|initials|ornament|musix|webdings|gothic-lig|standardsymbols|d050000|ocrbx|puntos|seggchan",
    re.IGNORECASE,
)
_DIGITS = "0123456789"
_FALLBACKS = {
    "·": ".", "−": "–", "–": "-", "—": "–", "‐": "-", "’": "'", "€": "$", "₹": "$", "£": "$",
    "¥": "$", "×": "x", "÷": ":", "°": "o", "²": "2", "³": "3",
}  # fmt: skip


@lru_cache(maxsize=600)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True, slots=True)
class Face:
    """One font file: how high its digits are for its size, and which characters it has."""

    path: str
    family: str
    kind: str
    digit_ratio: float
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def font(self, digit_height: float) -> ImageFont.FreeTypeFont:
        """Return the font at the size whose digits come nearest to a height in pixels."""
        return _font(self.path, max(5, round(digit_height / self.digit_ratio)))

    def has(self, char: str) -> bool:
        """Tell whether the face draws a character, not an empty box for it."""
        if char not in self._known:
            self._known[char] = _draws(self.font(24), char)
        return self._known[char]

    def drawable(self, text: str) -> str:
        """Return `text` with each character that the face lacks replaced by the nearest it has."""
        return "".join(self._substitute(char) for char in text)

    def _substitute(self, char: str) -> str:
        while char != " " and not self.has(char):
            char = _FALLBACKS.get(char, " ")
        return char


def _glyph(font: ImageFont.FreeTypeFont, char: str) -> NDArray[np.uint8]:
    left, top, right, bottom = font.getbbox(char, anchor="ls")
    size = max(1, int(right - left)), max(1, int(bottom - top))
    image = Image.new("L", size)
    ImageDraw.Draw(image).text((-left, -top), char, font=font, fill=255, anchor="ls")
    return np.asarray(image)


def _draws(font: ImageFont.FreeTypeFont, char: str) -> bool:
    glyph = _glyph(font, char)
    return bool(glyph.max() > 0) and not np.array_equal(glyph, _glyph(font, "\uffff"))


def _kind_of(name: str) -> str:
    for kind, pattern in _KIND_PATTERNS:
        if re.search(pattern, name, re.IGNORECASE):
            return kind
    return "print"


def _family_of(path: Path) -> str:
    if "-latin-" in path.stem:
        return path.stem.split("-latin-")[0]
    return re.split(r"[-_. ]|\d+$|(?<=[a-z])(?=Bold|Italic|Light|Regular|Medium)", path.stem)[
        0
    ].lower()


def _measure(path: Path) -> Face | None:
    """Return a file's face if it draws ten different digits of about one height."""
    try:
        font = _font(str(path), 60)
        glyphs = [_glyph(font, digit) for digit in _DIGITS]
        missing = _glyph(font, "\uffff")
    except (OSError, ValueError):
        return None
    heights = [glyph.shape[0] for glyph in glyphs]
    if min(heights) < 15 or max(heights) > 1.75 * min(heights) or any(g.max() == 0 for g in glyphs):
        return None
    if len({g.tobytes() for g in glyphs}) < 10 or any(np.array_equal(g, missing) for g in glyphs):
        return None
    digit_ratio = float(np.median(heights)) / 60
    return Face(str(path), _family_of(path), _kind_of(str(path.name)), digit_ratio)


def font_files(folders: Iterable[Path]) -> list[Path]:
    """Return the font files under folders, sorted; of fontsource's subsets only the Latin ones."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.suffix.lower() not in {".ttf", ".otf", ".woff"} or _NOT_FOR_NUMBERS.search(
                path.name
            ):
                continue
            if path.suffix == ".woff" and not re.search(r"-latin-\d", path.name):
                continue
            found.append(path)
    return sorted(found)


def load_faces(folders: Iterable[Path]) -> tuple[Face, ...]:
    """Return every usable face under folders; a second file of the same name is left out."""
    by_name = {path.stem: path for path in reversed(font_files(folders))}
    measured = (_measure(by_name[name]) for name in sorted(by_name))
    return tuple(face for face in measured if face is not None)
