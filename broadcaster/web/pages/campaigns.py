"""Campaigns: the list, one campaign with its live numbers, its messages, and the three things staff may do to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from broadcaster.campaigns import queries, service
from broadcaster.domain.message import Status
from broadcaster.errors import NotAllowed, NotFound, Refused
from broadcaster.office.queries import Member
from broadcaster.web import rules
from broadcaster.web.render import page
from broadcaster.web.security import Here, Staff

router = APIRouter()

#: the word in the address -> the verb of the room, the states in which it is offered, and the state it leads to
_ACTIONS = {
    "jeda": (service.pause, ("running",), "paused"),
    "lanjut": (service.resume, ("paused",), "running"),
    "henti": (service.stop, ("running", "paused"), "stopped"),
}
#: Who is offered the buttons; the room refuses everybody else.
_MAY_ACT = frozenset(service.CREATORS + service.APPROVERS)


@router.get("/kampanye")
def listing(request: Request, app: Here, _: Staff) -> Response:
    with app.db.read() as session:
        lines = queries.campaigns(session)
    return page(request, "campaigns.html", lines=lines, flow=rules.flow, count_of=rules.count_of)


@router.get("/kampanye/{name}")
def one(
    request: Request,
    app: Here,
    member: Staff,
    name: str,
    baru: Annotated[str, Query()] = "",
    otomatis: Annotated[str, Query()] = "",
) -> Response:
    return _show(request, app, member, name, done=baru, live=otomatis == "ya")


@router.post("/kampanye/{name}/{action}")
def act(request: Request, app: Here, member: Staff, name: str, action: str) -> Response:
    """Do it and show the campaign again; a refusal is said on the same page."""
    if action not in _ACTIONS:
        raise NotFound("Tindakan ini tidak dikenal.")
    verb, _, _ = _ACTIONS[action]
    try:
        verb(app.db, name, by=member.username, now=app.now())
    except NotFound:
        raise
    except Refused as error:
        return _show(request, app, member, name, refused=error)
    return RedirectResponse(f"{request.url.path.rsplit('/', 1)[0]}?baru={action}", 303)


@router.get("/kampanye/{name}/pesan")
def messages(
    request: Request,
    app: Here,
    _: Staff,
    name: str,
    keadaan: Annotated[str, Query()] = "",
    halaman: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    state = keadaan if keadaan in set(Status) else ""
    with app.db.read() as session:
        status = queries.status(session, name)
        title = _line(session, name).title
        count = status.messages.get(state, 0) if state else sum(status.messages.values())
        pages = rules.pages(halaman, count)
        found = queries.messages(
            session,
            app.db.sealer,
            name,
            state=state,
            offset=pages.offset,
            limit=rules.PAGE_SIZE,
            codes=app.code_sentences,
        )
    return page(request, "messages.html", campaign=status, title=title, found=found, pages=pages, state=state)


def _show(
    request: Request,
    app: Here,
    member: Member,
    name: str,
    *,
    done: str = "",
    refused: Refused | None = None,
    live: bool = False,
) -> Response:
    with app.db.read() as session:
        status = queries.status(session, name)
        line = _line(session, name)
    offered = [
        action for action, (_, states, _) in _ACTIONS.items() if member.role in _MAY_ACT and status.state in states
    ]
    return page(
        request,
        "campaign.html",
        status=200 if refused is None else 403 if isinstance(refused, NotAllowed) else 409,
        line=line,
        campaign=status,
        flow=rules.flow(status.messages),
        offered=offered,
        # an old address must not claim what is no longer so
        done=done if done in _ACTIONS and _ACTIONS[done][2] == status.state else "",
        refused=str(refused or ""),
        live=live,
        code_sentences=app.code_sentences,
        several_cells=len({wave.cell for wave in status.waves}) > 1,
    )


def _line(session: Session, name: str) -> queries.CampaignLine:
    found = next((line for line in queries.campaigns(session) if line.name == name), None)
    if found is None:
        raise NotFound(f"Tidak ada kampanye bernama {name}.")
    return found
