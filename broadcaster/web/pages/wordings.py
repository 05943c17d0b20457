"""The messages as they look on a phone: what each says, costs and needs before it can be sent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from broadcaster.audience.previews import household_preview
from broadcaster.domain.message import ChannelKind
from broadcaster.rendering import comparing, previews, samples
from broadcaster.rendering.queries import Version, history, latest, templates
from broadcaster.rendering.source import MESSAGE_PURPOSES
from broadcaster.web.render import page
from broadcaster.web.security import Here, Staff

router = APIRouter()
#: What most families have comes first.
_ORDER = (ChannelKind.WHATSAPP, ChannelKind.TELEGRAM, ChannelKind.SMS, ChannelKind.VILLAGE_LIST)


@router.get("/pesan")
def listing(request: Request, app: Here, _: Staff) -> Response:
    today = app.today()
    with app.db.read() as session:
        messages = previews.overview(session, MESSAGE_PURPOSES, today)
        answers = previews.overview(session, ("answer",), today)
    return page(request, "wordings.html", messages=messages, answers=answers)


@router.get("/pesan/{key}")
def one(
    request: Request,
    app: Here,
    _: Staff,
    key: str,
    contoh: Annotated[str, Query(max_length=40)] = samples.USUAL,
    keluarga: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    with app.db.read() as session:
        if keluarga is None:
            found = previews.sample_preview(session, key, contoh, app.today())
        else:
            found = household_preview(session, app.db.sealer, key, keluarga, app.today(), app.now())
        version, versions = latest(session, key), history(session, key)
        others = [other for other in templates(session) if _belong(version, other)]
        state = comparing.standing(session, key)
    empty = dict.fromkeys(
        note.message for shown in found.channels for note in shown.warnings if note.code == previews.EMPTY
    )
    return page(
        request,
        "wording.html",
        found=found,
        channels=sorted(found.channels, key=lambda shown: _ORDER.index(shown.channel)),
        version=version,
        versions=versions,
        others=others,
        samples=samples.SAMPLES,
        senders={ChannelKind.SMS: app.settings.twilio_sms_from},
        empty=list(empty),
        behind=state is comparing.Standing.STAFF_BEHIND,
        standing=comparing.SENTENCES[state].format(key=key),
    )


def _belong(version: Version, other: Version) -> bool:
    """Whether `other` is another wording of the same message."""
    first = version.variant_of or version.key
    return other.key != version.key and first in (other.key, other.variant_of)
