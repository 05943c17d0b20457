"""Where providers call us: verify, keep the raw event, answer. Nothing is understood here; jobs read the kept events.

2xx only after the event is stored; 403 for a signature that does not verify; 413 over 64 kB; 5xx only when nothing could
be stored, so that the provider calls again.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from broadcaster.app import App
from broadcaster.channels.protocol import AnswersCalls, Channel, RawEvent, WebhookRequest
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadSignature
from broadcaster.office import queries as office
from broadcaster.outbox import service as outbox
from broadcaster.web.security import Here, app_of

log = structlog.get_logger()
router = APIRouter()

#: Twilio signs for the whole account: either channel verifies the calls of both.
_TWILIO = (ChannelKind.WHATSAPP, ChannelKind.SMS)
_TELEGRAM = (ChannelKind.TELEGRAM,)
#: TwiML that says nothing back: an answer, if any, leaves through the outbox.
_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@router.post("/hooks/twilio/status")
async def twilio_status(request: Request) -> Response:
    await _keep(request, _TWILIO)
    return Response(status_code=204)


@router.post("/hooks/twilio/inbound")
async def twilio_inbound(request: Request) -> Response:
    await _keep(request, _TWILIO)
    return Response(_NO_REPLY, media_type="text/xml")


@router.post("/hooks/telegram")
async def telegram(request: Request) -> Response:
    channel, call = await _keep(request, _TELEGRAM)
    answer = channel.answer_call(call) if isinstance(channel, AnswersCalls) else None
    return Response(status_code=204) if answer is None else JSONResponse(answer)


async def _keep(request: Request, kinds: tuple[ChannelKind, ...]) -> tuple[Channel, WebhookRequest]:
    """Verify by the first of `kinds` that is configured, and keep what the call brings."""
    app = app_of(request)
    call = WebhookRequest(
        url=_called_url(request, app.settings.public_base_url),
        headers=dict(request.headers),
        body=await request.body(),
    )
    channel = next((app.channels[kind] for kind in kinds if kind in app.channels), None)
    if channel is None:
        raise BadSignature(f"not configured: {', '.join(kinds)}")
    channel.verify(call)
    await run_in_threadpool(_store, app, channel.read_webhook(call))
    return channel, call


def _store(app: App, events: Sequence[RawEvent]) -> None:
    now = app.now()
    with app.db.write() as session:
        for event in events:
            outbox.keep_event(session, app.db.sealer, event, now)


def _called_url(request: Request, public_base_url: str) -> str:
    """The address the provider called and signed, from our own setting and the raw bytes: a Host header may lie."""
    path: str = request.scope["raw_path"].decode("latin-1")
    query: str = request.scope["query_string"].decode("latin-1")
    return public_base_url.rstrip("/") + path + (f"?{query}" if query else "")


@router.get("/healthz")
@router.head("/healthz")
def healthz() -> Response:
    """This process answers."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz")
@router.head("/readyz")
def readyz(app: Here) -> Response:
    """This process answers and its database does: any failure to read means no."""
    try:
        with app.db.read() as session:
            office.open_alerts(session)
    except Exception:
        log.exception("readyz.database")
        return Response("database\n", status_code=503, media_type="text/plain")
    return Response("ok\n", media_type="text/plain")
