"""Pages of a PDF are read like the pictures in them; a bad one is named."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.command import RunCommand, with_modules_of
from support.outputs import numbers_of, read_rows, results_in, rows
from support.pdf import PdfPage, pdf, pdf_image, pdf_stream, scan_page
from support.pictures import Clear, Gray, encode

from digitocr.core.errors import InputUnreadable
from digitocr.core.page_ranges import parse_page_ranges
from digitocr.core.source import Source
from digitocr.inputs.reader import read_pages

pytest.importorskip("pypdfium2", reason="needs digitocr[pdf]")

TEXT = PdfPage("BT /F 60 Tf 40 60 Td (3407) Tj 250 0 Td (57) Tj ET")


def read(data: bytes, wanted: str | None = None, dpi: int = 300) -> list[tuple[Gray, float | None]]:
    """Return the pages of a PDF in grey, and their resolutions."""
    ranges = None if wanted is None else parse_page_ranges(wanted)
    return [(page.gray, page.dpi) for page in read_pages(Source("x", data=data), ranges, dpi)]


def strips(gray: Gray) -> PdfPage:
    """Return a page that 13 strips of a scan fill, each a picture."""
    content, images = "", {}
    for i in range(13):
        content += f"q 504 0 0 14.4 0 {187.2 - 14.4 * (i + 1):.1f} cm /S{i} Do Q "
        images[f"S{i}"] = pdf_image(gray[20 * i : 20 * i + 20])
    return PdfPage(content, images=images)


def within_form(_: Gray) -> PdfPage:
    """Return a page that shows the scan, object 3, through a form, half as large within it."""
    form = pdf_stream(
        "/Type/XObject/Subtype/Form/BBox[0 0 252 93.6]/Resources<</XObject<</I 3 0 R>>>>",
        b"252 0 0 93.6 0 0 cm /I Do",
    )
    return PdfPage("2 0 0 2 0 0 cm /X Do", images={"X": form})


def stencil(gray: Gray) -> PdfPage:
    """Return a page whose ink is a mask, as compressed scans have it."""
    bits = np.packbits(gray > 128, axis=1)
    mask = pdf_image(bits, "/ImageMask true/BitsPerComponent 1/Width 700")
    mask = mask.replace(b"/Width 88", b"")
    return PdfPage("504 0 0 187.2 0 0 cm /I Do", images={"I": mask})


def with_ocr(gray: Gray) -> PdfPage:
    """Return a scan with invisible text over it, as programs that make PDFs searchable add it."""
    page = scan_page(gray)
    return replace(page, content=f"q {page.content} Q BT 3 Tr /F 30 Tf 9 9 Td (9999) Tj ET")


def with_logo(gray: Gray) -> PdfPage:
    """Return a scan with a far sharper but small picture on it, all white."""
    page = scan_page(gray)
    logo = pdf_image(np.full((400, 400), 255, np.uint8))
    content = f"q {page.content} Q q 14 0 0 14 0 0 cm /L Do Q"
    return replace(page, content=content, images={**page.images, "L": logo})


@pytest.mark.parametrize("page_of", [scan_page, with_ocr, with_logo, within_form])
def test_scan_is_read_in_its_own_pixels(page_of: Callable[[Gray], PdfPage], clear: Clear) -> None:
    [(page, dpi)] = read(pdf(page_of(clear.gray), more=[pdf_image(clear.gray)]))
    assert np.array_equal(page, clear.gray) and dpi == pytest.approx(100, abs=0.1)


def test_scan_in_strips_is_read_in_its_own_pixels(clear: Clear) -> None:
    [(page, dpi)] = read(pdf(strips(clear.gray)))
    assert page.shape == clear.gray.shape and dpi == pytest.approx(100, abs=0.1)
    rows_moved = (page != clear.gray).any(axis=1)  # pdfium rounds where a strip begins
    assert rows_moved.mean() < 0.1


def test_mask_is_read_in_its_own_pixels(clear: Clear) -> None:
    [(page, dpi)] = read(pdf(stencil(clear.gray)))
    assert np.array_equal(page, np.where(clear.gray > 128, 255, 0)) and dpi == 100


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_page_is_read_as_shown(quarters: int, clear: Clear) -> None:
    [(page, dpi)] = read(pdf(scan_page(clear.gray, entries=f"/Rotate {90 * quarters}")))
    assert np.array_equal(page, np.rot90(clear.gray, -quarters)) and dpi == 100


@pytest.mark.parametrize("dpi", [72, 299.7, 600])
def test_scan_has_its_resolution_whatever_is_asked_for(dpi: float, clear: Clear) -> None:
    [(page, found)] = read(pdf(scan_page(clear.gray, dpi)), dpi=150)
    assert np.array_equal(page, clear.gray) and found == pytest.approx(dpi, abs=0.1)


def test_text_and_small_pictures_are_drawn_at_the_dpi_asked_for(clear: Clear) -> None:
    small = PdfPage("50 0 0 20 9 9 cm /I Do", images={"I": pdf_image(clear.gray)})
    stamped = replace(
        scan_page(clear.gray), content=scan_page(clear.gray).content + " 9 9 m 99 9 l S"
    )
    ground = replace(
        small,
        content=f"q 504 0 0 187.2 0 0 cm /G Do Q {small.content}",
        images={**small.images, "G": pdf_image(np.full((1, 1), 250, np.uint8))},
    )
    for page in (TEXT, small, stamped, ground, PdfPage("")):
        for dpi in (300, 150):
            [(gray, found)] = read(pdf(page), dpi=dpi)
            assert (gray.shape, found) == ((round(187.2 * dpi / 72), 7 * dpi), dpi)


def test_filled_in_form_shows_what_was_filled_in() -> None:
    shown = pdf_stream(
        "/Type/XObject/Subtype/Form/BBox[0 0 400 80]"
        "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>>>>>",
        b"BT /F 60 Tf 9 9 Td (3407) Tj ET",
    )
    field = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(n)/V(3407)/F 4/Rect[40 40 440 120]/AP<</N 3 0 R>>>>"
    )
    page = PdfPage("", entries="/Annots[4 0 R]")
    data = pdf(page, catalog="/AcroForm<</Fields[4 0 R]>>", more=[shown, field])
    [(gray, _)] = read(data)
    assert gray.min() == 0 and (gray < 128).mean() > 0.01


def test_pages_are_read_in_order_and_counted(run: RunCommand, clear: Clear, tmp_path: Path) -> None:
    document = pdf(scan_page(clear.gray), PdfPage(""), TEXT, scan_page(np.rot90(clear.gray, 2)))
    (tmp_path / "a.pdf").write_bytes(document)
    assert run("scan", "a.pdf", "-o", "out", "--annotate").returncode == 0
    found = results_in(tmp_path / "out")["a.pdf"]["pages"]
    assert [page["page"] for page in found] == [1, 2, 3, 4]
    assert [[number["text"] for number in page["numbers"]] for page in found] == [
        clear.numbers,
        [],
        ["3407", "57"],
        clear.numbers,
    ]
    assert [(page["width"], page["dpi"]) for page in found] == [
        (700, 100),
        (2100, 300),
        (2100, 300),
        (700, 100),
    ]
    assert (tmp_path / "out/a.pdf.page4.annotated.jpg").exists()
    run("scan", "a.pdf", "-o", "out", "--annotate", "--pages", "3")
    assert [path.name for path in (tmp_path / "out").glob("a.pdf.*.jpg")] == [
        "a.pdf.page3.annotated.jpg"
    ]
    low = run("scan", "-", "-o", "-", "-q", "--dpi", "150", "--format", "json", stdin=pdf(TEXT))
    assert low.returncode == 0 and json.loads(low.stdout)["pages"][0]["width"] == 1050


def test_blank_pages_are_blank_and_no_error(run: RunCommand, tmp_path: Path) -> None:
    white = scan_page(np.full((260, 700), 255, np.uint8))
    invisible = replace(white, content=f"q {white.content} Q BT 3 Tr /F 9 Tf (99) Tj ET")
    spaces = PdfPage("BT /F 60 Tf 40 60 Td (  ) Tj ET")
    pages = (white, invisible, spaces, PdfPage(""), PdfPage("1 g 0 0 504 187 re f"))
    (tmp_path / "a.pdf").write_bytes(pdf(*pages))
    done = run("scan", "a.pdf", "-o", "out", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    result = results_in(tmp_path / "out")["a.pdf"]
    assert len(result["pages"]) == len(pages) and numbers_of(result) == []


def encrypted() -> bytes:
    """Return a PDF that no password opens."""
    lock = f"/Filter/Standard/V 1/R 2/O<{'ab' * 32}>/U<{'cd' * 32}>/P -4"
    return pdf(PdfPage(""), trailer=f"/Encrypt<<{lock}>>/ID[<00><00>]")


def no_picture(filter_name: str) -> bytes:
    """Return a PDF whose second page has a picture that can't be decoded."""
    entries = "/Type/XObject/Subtype/Image/Width 70/Height 26/BitsPerComponent 8"
    stream = pdf_stream(f"{entries}/ColorSpace/DeviceGray/Filter/{filter_name}", b"no picture")
    page = PdfPage("504 0 0 187.2 0 0 cm /I Do", images={"I": stream})
    return pdf(TEXT, page, TEXT)


def without_glyphs() -> PdfPage:
    """Return a page with text in a font that has lost the shapes of its digits."""
    names = "/Differences[48/zero/one/two/three/four/five/six/seven/eight/nine]"
    font = (
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<<>>"
        f"/Encoding<<{names}>>/FirstChar 48/LastChar 57/Widths[1 1 1 1 1 1 1 1 1 1]>>"
    )
    form = pdf_stream(
        f"/Type/XObject/Subtype/Form/BBox[0 0 504 187]/Resources<</Font<</F {font}>>>>",
        b"BT /F 60 Tf 40 60 Td (3407) Tj ET",
    )
    return PdfPage("/X Do", images={"X": form})


def bad_pdfs(clear: Clear) -> dict[str, tuple[bytes, str]]:
    """Return bad PDFs and a part of the sentence on each, by name."""
    whole = pdf(scan_page(clear.gray), TEXT, TEXT)
    huge = pdf_image(np.zeros((9, 9), np.uint8)).replace(b"/Width 9", b"/Width 60000")
    huge = huge.replace(b"/Height 9", b"/Height 60000")
    cut = {
        f"cut-at-{percent}.pdf": (whole[: len(whole) * percent // 100], "is damaged: its data ends")
        for percent in (2, 30, 70, 95)
    }
    return cut | {
        "encrypted.pdf": (encrypted(), "is encrypted; save it without a password"),
        "no-objects.pdf": (b"%PDF-1.7\nstartxref\n9\n%%EOF", "is damaged: it is no whole PDF"),
        "no-pages.pdf": (pdf(), "is damaged"),
        "no-such-page.pdf": (
            re.sub(rb"Kids\[\d+ 0 R", b"Kids[99 0 R", whole),
            "is damaged",
        ),
        "no-jpeg.pdf": (no_picture("DCTDecode"), "is damaged: what is on page 2 can't be drawn"),
        "no-jp2.pdf": (no_picture("JPXDecode"), "is damaged: what is on page 2 can't be drawn"),
        "no-glyphs.pdf": (pdf(without_glyphs()), "is damaged: what is on page 1 can't be drawn"),
        "large-page.pdf": (
            pdf(TEXT, replace(TEXT, size=(14_400, 14_400))),
            "has on page 2, at 300 dpi, 3600 million pixels, more than 200",
        ),
        "large-picture.pdf": (
            pdf(PdfPage("504 0 0 187 0 0 cm /I Do", images={"I": huge})),
            "has in pictures on page 1 3600 million pixels, more than 200",
        ),
    }


def test_bad_pdf_is_named_and_leaves_the_others_alone(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    bad = bad_pdfs(clear)
    for name, (data, _) in bad.items():
        (tmp_path / "scans" / name).write_bytes(data)
    (tmp_path / "scans" / "good.pdf").write_bytes(pdf(scan_page(clear.gray)))
    done = run("scan", "scans", "-o", "out", "-q")
    assert done.returncode == 7 and len(done.stderr.splitlines()) == len(bad)
    said = {row["file"]: row["error"] for row in read_rows(tmp_path / "out/errors.csv")}
    assert said.keys() == bad.keys()
    for name, (_, part) in bad.items():
        assert part in said[name], name
    assert list(results_in(tmp_path / "out")) == ["good.pdf"]


def test_page_that_is_not_wanted_is_not_drawn(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(no_picture("DCTDecode"))
    (tmp_path / "b.pdf").write_bytes(pdf(TEXT))
    done = run("scan", "a.pdf", "b.pdf", "-o", "-", "-q", "--pages", "3,7-", "--format", "json")
    assert done.returncode == 7
    assert done.stderr == "error: b.pdf: has 1 page, none of those that --pages names.\n"
    assert [page["page"] for page in json.loads(done.stdout)["pages"]] == [3]
    with pytest.raises(InputUnreadable, match="page 2"):
        read(no_picture("DCTDecode"), "2-3")


def test_missing_extra_costs_only_the_files_that_need_it(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(TEXT))
    (tmp_path / "b.png").write_bytes(encode(".png", clear.gray))
    missing = "raise ModuleNotFoundError(\"No module named 'pypdfium2'\", name='pypdfium2')\n"
    (tmp_path / "pypdfium2.py").write_text(missing)
    path = with_modules_of(tmp_path)

    def scan(*inputs: str) -> subprocess.CompletedProcess[str]:
        return run("scan", *inputs, "-o", "out", "-q", env=path)

    sentence = "error: a.pdf: is a PDF, which needs: pip install 'digitocr[pdf]'.\n"
    both, alone = scan("a.pdf", "b.png"), scan("a.pdf")
    assert (both.returncode, both.stderr) == (7, sentence)
    assert (alone.returncode, alone.stderr) == (6, sentence)
    assert numbers_of(results_in(tmp_path / "out")["b.png"]) == clear.numbers


def test_pdf_on_stdin_and_under_another_name(run: RunCommand, clear: Clear, tmp_path: Path) -> None:
    data = b"\n\n" + pdf(scan_page(clear.gray))
    (tmp_path / "caf\udce9.png").write_bytes(data)
    for where, stdin in (("-", data), ("caf\udce9.png", None)):
        done = run("scan", where, "-o", "-", "-q", stdin=stdin)
        assert [row["number"] for row in rows(done.stdout)] == clear.numbers
