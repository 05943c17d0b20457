"""WhatsApp templates through Twilio's Content API: create, ask for approval, look up, list.

What a failed call leaves behind is told by the `Blocked` code (`TemplateRegistrar`): a template that may have been created after
all must not be created again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]
from twilio.rest.content.v1.content import ContentList  # type: ignore[import-untyped]
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList  # type: ignore[import-untyped]

from broadcaster.channels.http import HttpAnswer, NothingSent, TransportError
from broadcaster.channels.protocol import Approval, HeldTemplate, TemplateSpec
from broadcaster.channels.twilio_client import RefusedCall, TwilioAccount, code_of
from broadcaster.errors import Blocked

_PAGE = 500  # templates listed at once; Twilio gives at most 1000
_DETAIL = 200  # characters of Twilio's own words that are shown
#: What a button's id holds when a template is reviewed: the intent, and a reference as a sent text has it.
_SAMPLE_REFERENCE = "0a1b2c3d-1"


class TemplateCalls:
    """The registrar's part of the WhatsApp channel (`TemplateRegistrar`)."""

    _twilio: TwilioAccount

    async def templates(self) -> Sequence[HeldTemplate]:
        """Every template of the account, to the last page."""
        listed = await _read(self._twilio.client.content.v1.content_and_approvals.list_async(page_size=_PAGE))
        return [
            HeldTemplate(str(one.sid), str(one.friendly_name or ""), _approval(one.approval_requests))
            for one in listed
            if one.sid
        ]

    async def create_template(self, spec: TemplateSpec) -> str:
        """Create it and return its sid. A pressed button brings back `<intent>:<reference>`."""
        request = ContentList.ContentCreateRequest(
            {
                "friendly_name": spec.name,
                "language": spec.language,
                "variables": _samples(spec),
                "types": ContentList.Types(_content_type(spec)),
            }
        )
        created = await _changed(self._twilio.client.content.v1.contents.create_async(request))
        if not isinstance(created.sid, str) or not created.sid:
            raise _unknown("jawabannya tanpa nomor templat")
        return created.sid

    async def request_approval(self, sid: str, name: str, category: str) -> None:
        """Ask Meta for approval, through Twilio; a template that was asked for already is refused (92009)."""
        request = ApprovalCreateList.ContentApprovalRequest({"name": name, "category": category})
        await _changed(self._twilio.client.content.v1.contents(sid).approval_create.create_async(request))

    async def approval(self, sid: str) -> Approval:
        """Where it stands; never asked for approval counts as `unsubmitted`."""
        found = await _read(self._twilio.client.content.v1.contents(sid).approval_fetch().fetch_async())
        return _approval(found.whatsapp)


def reference_variable(variables: Mapping[str, str]) -> str:
    """The number after the last one: it stands in the buttons' ids, so that a press tells which text it answers."""
    return str(max((int(name) for name in variables if name.isdecimal()), default=0) + 1)


def _approval(state: object) -> Approval:
    if not isinstance(state, dict):
        return Approval("unsubmitted", "")
    return Approval(
        status=str(state.get("status") or "unsubmitted").lower(),
        category=str(state.get("category") or ""),
        reason=str(state.get("rejection_reason") or ""),
    )


def _samples(spec: TemplateSpec) -> dict[str, str]:
    samples = dict(spec.samples)
    if spec.buttons:
        samples[reference_variable(spec.samples)] = _SAMPLE_REFERENCE
    return samples


def _content_type(spec: TemplateSpec) -> dict[str, Any]:
    if not spec.buttons:
        return {"twilio/text": {"body": spec.body}}
    reference = reference_variable(spec.samples)
    actions = [
        {"type": "QUICK_REPLY", "title": button.title, "id": f"{button.intent}:{{{{{reference}}}}}"}
        for button in spec.buttons
    ]
    return {"twilio/quick-reply": {"body": spec.body, "actions": actions}}


async def _read(call: Awaitable[Any]) -> Any:
    """A call that changes nothing: without an answer, nothing is known and nothing is lost."""
    try:
        return await call
    except TransportError as error:
        raise _unreachable(str(error)) from error
    except RefusedCall as refused:
        raise _refusal(refused.answer) or _unreachable(str(refused)) from refused
    except (TwilioException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreachable("jawabannya tidak dapat dibaca") from error


async def _changed(call: Awaitable[Any]) -> Any:
    """A call that creates: only Twilio's own refusal, or no byte sent, says that nothing was created."""
    try:
        return await call
    except NothingSent as error:
        raise _unreachable(error.code) from error
    except TransportError as error:
        raise _unknown(str(error)) from error
    except RefusedCall as refused:
        raise _refusal(refused.answer) or _unknown(str(refused)) from refused
    except (TwilioException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unknown("jawabannya tidak dapat dibaca") from error


def _refusal(answer: HttpAnswer) -> Blocked | None:
    """What Twilio's own refusal means; None for anything a proxy or a server in trouble may have said."""
    code = code_of(answer)
    if not code or not 400 <= answer.status < 500 or answer.status == 408:
        return None
    if answer.status == 429:
        return Blocked(
            f"Twilio meminta kita menunggu (kode {code}); ulangi beberapa menit lagi.", code="too_many_calls"
        )
    if answer.status in (401, 403):
        return Blocked(
            f"Twilio menolak kunci akun (kode {code}); periksa BROADCASTER_TWILIO_*.", code="bad_credentials"
        )
    said = str(json.loads(answer.body).get("message") or "")[:_DETAIL]
    return Blocked(
        f"Twilio menolak templat dengan kode {code}: {said or '-'}; perbaiki, lalu kirim ulang.",
        code="template_refused",
    )


def _unreachable(why: str) -> Blocked:
    return Blocked(f"Twilio tidak dapat dihubungi ({why}); periksa jaringan lalu ulangi.", code="provider_unreachable")


def _unknown(why: str) -> Blocked:
    return Blocked(
        f"Twilio tidak menjawab dengan jelas ({why}), sehingga tidak diketahui apakah permintaan ini dijalankan.",
        code="template_unknown",
    )
