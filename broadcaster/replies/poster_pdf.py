"""A poster as PDF, one page. Drawn by typst with the fonts it brings, so that every machine makes the same page."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import segno
import typst

from broadcaster.replies.posters import Sheet

Size = Literal["a4", "a3"]
SIZES: tuple[Size, ...] = ("a4", "a3")
_PAGE = Path(__file__).with_name("poster.typ")
_QUIET_ZONE = 4  # modules of white around a code, as ISO/IEC 18004 asks


def pdf(sheet: Sheet, size: Size) -> bytes:
    """The page. Long words become smaller; nothing runs onto a second page."""
    data = {
        "size": size,
        "title": sheet.title,
        "office": sheet.office,
        "letterhead": sheet.letterhead,
        "code": sheet.code,
        "quiet": _QUIET_ZONE,
        **sheet.words,
        "ways": [
            {**asdict(way), "qr": qr_svg(way.url), "modules": _code(way.url).symbol_size(1, 0)[0]} for way in sheet.ways
        ],
    }
    made = typst.compile(_PAGE.read_bytes(), ignore_system_fonts=True, sys_inputs={"data": json.dumps(data)})
    assert isinstance(made, bytes), "one document is one file"
    return made


def qr_svg(text: str) -> str:
    """A QR code with its quiet zone, black on white, able to lose 15 % and still be read (paper on a notice board suffers)."""
    out = io.BytesIO()
    _code(text).save(out, kind="svg", border=_QUIET_ZONE, xmldecl=False, light="white", omitsize=True)
    return out.getvalue().decode()


def _code(text: str) -> segno.QRCode:
    return segno.make(text, micro=False, error="m")
