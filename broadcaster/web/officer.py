"""`/petugas/<token>`: the village officer's page, for one hand, a small screen and a bad line.

The address is the secret: 192 random bits, kept as a hash. A PIN comes first, then a cookie that is sent to this address alone.
Everything works by plain forms; a small script keeps ticks on the telephone while the line is away and sends them again. Forms
need no token of their own: nobody who does not know the address can aim at it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from broadcaster.app import App
from broadcaster.errors import BadInput, NotAllowed, NotFound, Refused
from broadcaster.office.queries import facts
from broadcaster.village import queries, service
from broadcaster.village.queries import Opened
from broadcaster.village.rules import FIRST, LEAVE, PIN_DIGITS, TICKS
from broadcaster.web import rules
from broadcaster.web.render import page
from broadcaster.web.security import OFFICER, Here, is_https

router = APIRouter()

#: Families on one page: with style and script well under 40 kB, also unpacked.
PAGE_SIZE = 15
_TICK = re.compile(r"([0-9]{1,15})\.([a-z_]{1,20})")
_CLIENT = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclass(frozen=True)
class Sent:
    """A tick in a form: `choice` is "<household>.<kind>", `client_id` names this one press."""

    choice: str
    client_id: str
    age_s: int = 0

    def told(self) -> service.Told:
        """Raises `BadInput` for what no page of ours sends."""
        match = _TICK.fullmatch(self.choice)
        if match is None or not _CLIENT.fullmatch(self.client_id):
            raise BadInput("Catatan ini tidak dikenal; muat ulang halaman lalu catat lagi.", code="unknown_tick")
        return service.Told(int(match.group(1)), match.group(2), self.client_id, self.age_s)


@router.get(OFFICER + "{token}")
def show(
    request: Request,
    app: Here,
    token: str,
    hal: Annotated[int, Query(ge=1, le=10_000)] = 1,
    sisa: Annotated[str, Query()] = "",
    baru: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    link = _find(request, app, token)
    if isinstance(link, Response):
        return link
    if not _signed_in(request, app, link):
        return _pin_page(request, app)
    return _list_page(request, app, link, number=hal, rest=bool(sisa), just=baru)


@router.post(OFFICER + "{token}")
def enter(
    request: Request,
    app: Here,
    token: str,
    pin: Annotated[str, Form(max_length=40)] = "",
    c: Annotated[str, Form(max_length=60)] = "",
    id: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """The PIN. A tick that was pressed when the session was over comes along and is kept."""
    link = _find(request, app, token)
    if isinstance(link, Response):
        return link
    sent = Sent(c, id)
    entry = service.enter(app.db, token, pin, app.now())
    if not entry.cookie:
        return _pin_page(request, app, entry=entry, sent=sent)
    response = _noted(request, app, link, sent) if c else RedirectResponse(_address(token), 303)
    response.set_cookie(
        _cookie_name(app), entry.cookie, path=OFFICER + token, httponly=True, samesite="lax",
        secure=is_https(app.settings),
    )  # fmt: skip
    return response


@router.post(OFFICER + "{token}/catat")
def tick(
    request: Request,
    app: Here,
    token: str,
    c: Annotated[str, Form(max_length=60)] = "",
    id: Annotated[str, Form(max_length=64)] = "",
    umur: Annotated[int, Form(ge=0, le=10**9)] = 0,
    hal: Annotated[int, Form(ge=1, le=10_000)] = 1,
    sisa: Annotated[str, Form(max_length=1)] = "",
) -> Response:
    """One tick. A form is led back to its place; the script is told 204 (kept), 401 (PIN again), 403 (refused), 404 or 410."""
    link = _find(request, app, token)
    if isinstance(link, Response):
        return link
    sent = Sent(c, id, umur)
    if not _signed_in(request, app, link):
        return Response(status_code=401) if _by_script(request) else _pin_page(request, app, sent=sent)
    return _noted(request, app, link, sent, number=hal, rest=bool(sisa))


def _noted(request: Request, app: App, link: Opened, sent: Sent, *, number: int = 1, rest: bool = False) -> Response:
    token = request.path_params["token"]
    try:
        told = sent.told()
        service.note(app.db, link, told, app.now(), app.settings.zone)
    except (BadInput, NotAllowed) as refused:
        return _refused(request, app, refused)
    if _by_script(request):
        return Response(status_code=204)
    return RedirectResponse(_address(token, number, rest=rest, just=told.household_id), 303)


def _find(request: Request, app: App, token: str) -> Opened | Response:
    """The link; a page that says politely that it is over; or the plain 404 of every address that does not exist."""
    try:
        with app.db.read() as session:
            return queries.find_link(session, token, app.now())
    except NotFound as error:
        if error.code != "link_over":
            raise HTTPException(404) from error
        if _by_script(request):
            return Response(status_code=410)
        return _page(request, app, "petugas/over.html", status=410)


def _signed_in(request: Request, app: App, link: Opened) -> bool:
    return queries.proves(app.db.sealer, link, request.cookies.get(_cookie_name(app), ""), app.now())


def _cookie_name(app: App) -> str:
    """With https the browser itself refuses this name from an unprotected page."""
    return "__Secure-petugas" if is_https(app.settings) else "petugas"


def _by_script(request: Request) -> bool:
    return request.headers.get("accept", "") == "application/json"


def _address(token: str, number: int = 1, *, rest: bool = False, just: int = 0) -> str:
    asked = {"hal": number if number > 1 else "", "sisa": "1" if rest else "", "baru": just if rest else ""}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{OFFICER}{token}{'?' if query else ''}{query}{f'#k{just}' if just else ''}"


def _refused(request: Request, app: App, refused: Refused) -> Response:
    status = 403 if isinstance(refused, NotAllowed) else 400
    if _by_script(request):
        return JSONResponse({"refused": refused.code, "message": str(refused)}, status)
    return _page(request, app, "petugas/refused.html", status=status, sentence=str(refused))


def _pin_page(request: Request, app: App, *, entry: service.Entry | None = None, sent: Sent | None = None) -> Response:
    status = 200
    if entry is not None:
        status = 403 if entry.locked_until is None else 429
    response = _page(
        request, app, "petugas/pin.html", status=status, entry=entry, sent=sent or Sent("", ""), digits=PIN_DIGITS,
        action=OFFICER + request.path_params["token"],
    )  # fmt: skip
    if entry is not None and entry.locked_until is not None:
        response.headers["retry-after"] = str(max(1, int((entry.locked_until - app.now()).total_seconds())))
    return response


def _list_page(request: Request, app: App, link: Opened, *, number: int, rest: bool, just: int) -> Response:
    """`rest`: only families without a note, and `just`, the one that got its note a moment ago."""
    with app.db.read() as session:
        found = queries.list_of(session, app.db.sealer, link, app.now(), app.today())
    lines = [line for line in found.lines if not rest or line.open or line.household_id == just]
    pages = rules.pages(number, len(lines), PAGE_SIZE)
    token = request.path_params["token"]
    return _page(
        request,
        app,
        "petugas/list.html",
        found=found,
        lines=lines[pages.offset : pages.offset + PAGE_SIZE],
        pages=pages,
        rest=rest,
        left=sum(1 for line in found.lines if line.open),
        ticks=TICKS,
        first=FIRST,
        leave=LEAVE,
        for_staff=" ".join(kind for kind, rule in TICKS.items() if rule.staff),
        client_id=secrets.token_hex(8),
        action=f"{OFFICER}{token}/catat",
        address=lambda number=1, rest=rest: _address(token, number, rest=rest),
    )


def _page(request: Request, app: App, template: str, *, status: int = 200, **context: object) -> Response:
    with app.db.read() as session:
        request.state.office = facts(session)["nama_kantor"]
    return page(request, template, status=status, **context)
