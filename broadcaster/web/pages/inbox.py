"""The inbox: conversations that wait for staff, one conversation with an answer form, and who looks after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from broadcaster.errors import NotAllowed, NotFound, Refused
from broadcaster.office.queries import Member, timetable
from broadcaster.rendering.queries import answer as quick_answer
from broadcaster.replies import inbox as service
from broadcaster.replies import queries
from broadcaster.replies.inbox_rules import DONE, OPEN, STATES, WAITING
from broadcaster.web import words
from broadcaster.web.render import page
from broadcaster.web.security import Here, Staff

router = APIRouter()

#: the word in the address -> the states it shows
_FILTERS = {"menunggu": (OPEN,), "dijawab": (WAITING,), "selesai": (DONE,), "semua": STATES}


@router.get("/kotak-masuk")
def listing(request: Request, app: Here, _: Staff, keadaan: Annotated[str, Query()] = "menunggu") -> Response:
    shown = keadaan if keadaan in _FILTERS else "menunggu"
    with app.db.read() as session:
        table = timetable(session, app.settings.zone)
        lines = queries.conversations(session, app.db.sealer, table, states=_FILTERS[shown])
    return page(request, "inbox.html", lines=lines, shown=shown, filters=words.INBOX_FILTER)


@router.get("/kotak-masuk/{number}")
def one(
    request: Request,
    app: Here,
    member: Staff,
    number: int,
    pakai: Annotated[str, Query()] = "",
    baru: Annotated[str, Query()] = "",
) -> Response:
    return _show(request, app, member, number, quick=pakai, done=baru)


@router.post("/kotak-masuk/{number}/jawab")
def answer(request: Request, app: Here, member: Staff, number: int, teks: Annotated[str, Form()] = "") -> Response:
    """Plan the answer; what was written is kept on the page when it is refused."""
    try:
        service.answer(app.db, number, teks, by=member.username, now=app.now())
    except NotFound:
        raise
    except Refused as refused:
        return _show(request, app, member, number, refused=refused, written=teks)
    return RedirectResponse(f"/kotak-masuk/{number}?baru=jawab", 303)


@router.post("/kotak-masuk/{number}/sapa")
def reopen(request: Request, app: Here, member: Staff, number: int) -> Response:
    return _do(request, app, member, number, "sapa", service.reopen)


@router.post("/kotak-masuk/{number}/ambil")
def take(request: Request, app: Here, member: Staff, number: int) -> Response:
    mine = partial(service.assign, username=member.username)
    return _do(request, app, member, number, "ambil", mine)


@router.post("/kotak-masuk/{number}/selesai")
def close(request: Request, app: Here, member: Staff, number: int) -> Response:
    return _do(request, app, member, number, "selesai", service.close)


def _do(request: Request, app: Here, member: Member, number: int, done: str, verb: Callable[..., object]) -> Response:
    try:
        verb(app.db, number, by=member.username, now=app.now())
    except NotFound:
        raise
    except Refused as refused:
        return _show(request, app, member, number, refused=refused)
    return RedirectResponse(f"/kotak-masuk/{number}?baru={done}", 303)


def _show(
    request: Request,
    app: Here,
    member: Member,
    number: int,
    *,
    quick: str = "",
    done: str = "",
    refused: Refused | None = None,
    written: str = "",
) -> Response:
    with app.db.read() as session:
        found = queries.conversation(session, app.db.sealer, number, timetable(session, app.settings.zone))
        if quick in words.QUICK_ANSWERS and not written:
            try:
                written = quick_answer(session, quick, found.line.household_id).text
            except Refused as error:
                refused = error
    return page(
        request,
        "conversation.html",
        # a ready answer that cannot be filled is said on the page; nothing was asked to be done
        status=200 if refused is None or request.method == "GET" else 403 if isinstance(refused, NotAllowed) else 409,
        found=found,
        line=found.line,
        may_answer=member.role in service.MAY_ANSWER,
        window_open=found.line.window_ends_at is None or found.line.window_ends_at > app.now(),
        hours_left=_hours_left(found.line, app),
        refused=str(refused or ""),
        written=written,
        done=done if done in words.INBOX_DONE else "",
    )


def _hours_left(line: queries.ConversationLine, app: Here) -> int | None:
    """Whole hours in which a free text may still be written on WhatsApp; None on other channels."""
    if line.window_ends_at is None:
        return None
    return max(0, int((line.window_ends_at - app.now()).total_seconds() // 3600))
