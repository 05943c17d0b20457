"""One way to make a page: a template, the filters, and what every page shows around its content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from broadcaster.clock import today
from broadcaster.office.rules import ROLES
from broadcaster.web import formats, words
from broadcaster.web.security import app_of

_HERE = Path(__file__).resolve().parent
STATIC_DIR = _HERE / "static"

#: name in the address -> the word in the menu
MENU = (
    ("/beranda", "Beranda"),
    ("/kampanye", "Kampanye"),
    ("/kotak-masuk", "Kotak masuk"),
    ("/pesan", "Pesan"),
    ("/hasil", "Hasil"),
)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=formats.number,
        rupiah=formats.rupiah,
        day=formats.day,
        weekday=formats.weekday,
        path=lambda text: quote(text, safe=""),
        on_whatsapp=formats.on_whatsapp,
    )
    environment.globals.update(
        between=formats.between,
        rupiah_between=formats.rupiah_between,
        percent=formats.percent,
        words=words,
        roles=ROLES,
        menu=MENU,
        # a changed file has a new address, so browsers may keep the old one for ever
        static={file.name: f"/static/{file.name}?v={_digest(file)}" for file in sorted(STATIC_DIR.iterdir())},
    )
    return environment


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


_TEMPLATES = _environment()


def page(request: Request, template: str, *, status: int = 200, **context: object) -> Response:
    """Fill `template` for the member who looks at it, in the office's zone."""
    app = app_of(request)
    now, zone = app.now(), app.settings.zone
    text = _TEMPLATES.get_template(template).render(
        member=getattr(request.state, "member", None),
        office=getattr(request.state, "office", ""),
        mode=words.MODE.get(app.settings.mode, ""),
        here=request.scope["path"],
        today=today(now, zone),
        now=now,
        hour=lambda value: formats.hour(value, zone),
        local_day=lambda value: formats.day(value.astimezone(zone).date()),
        moment=lambda value: formats.moment(value, zone),
        **context,
    )
    return HTMLResponse(text, status)


def problem(request: Request, status: int, sentence: str = "", title: str = "") -> Response:
    """A page that says what went wrong and where to go on."""
    usual_title, usual_sentence = words.PROBLEM.get(status, words.PROBLEM[400 if status < 500 else 500])
    return page(request, "problem.html", status=status, title=title or usual_title, sentence=sentence or usual_sentence)
