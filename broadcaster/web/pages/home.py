"""The first page: what needs attention, what waits for staff, what is running."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from broadcaster.campaigns import queries as campaigns
from broadcaster.office import queries as office
from broadcaster.replies import queries as replies
from broadcaster.web import rules
from broadcaster.web.render import page
from broadcaster.web.security import Here, Staff

router = APIRouter()


@router.get(rules.HOME)
def home(request: Request, app: Here, _: Staff) -> Response:
    with app.db.read() as session:
        alerts = office.open_alerts(session)
        missing = office.missing_facts(session)
        lines = campaigns.campaigns(session)
        open_replies = replies.count_open(session)
    return page(
        request,
        "home.html",
        alerts=alerts,
        code_sentences=app.code_sentences,
        missing=missing,
        running=[line for line in lines if line.state in ("running", "paused")],
        waiting=[line for line in lines if line.state in ("draft", "approved")],
        unknown=[line for line in lines if line.messages.get("unknown")],
        open_replies=open_replies,
        flow=rules.flow,
    )
