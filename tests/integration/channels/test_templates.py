"""The Content API through the real client: what travels, what comes back, and what is known after a call that failed."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from broadcaster.channels import twilio_templates
from broadcaster.channels.protocol import Approval, HeldTemplate, TemplateRegistrar, TemplateSpec
from broadcaster.channels.twilio import WhatsAppChannel
from broadcaster.clock import FixedClock
from broadcaster.errors import Blocked
from tests.integration.channels.test_wire import make_template
from tests.integration.channels.world import World, always, channels, http_answer, raw_server, world

NAME = "ambil_kartu_1"


def run(scenario: Callable[[World], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def begin() -> None:
        async with world(**options) as it:
            await scenario(it)

    asyncio.run(begin())


async def asked_for(it: World, name: str = NAME) -> str:
    """A template that approval was asked for; its sid."""
    sid = await make_template(it)
    await it.channels.whatsapp.request_approval(sid, name, "UTILITY")
    return sid


def test_a_template_is_created_sent_for_approval_and_looked_up() -> None:
    async def scenario(it: World) -> None:
        registrar = it.channels.whatsapp
        assert isinstance(registrar, TemplateRegistrar)
        sid = await make_template(it)
        assert await registrar.approval(sid) == Approval("unsubmitted", "")
        await registrar.request_approval(sid, NAME, "UTILITY")
        assert await registrar.approval(sid) == Approval("approved", "UTILITY")
        template = it.sim.store.templates[sid]
        template.status, template.category, template.reason = "rejected", "MARKETING", "INVALID_FORMAT"
        assert await registrar.approval(sid) == Approval("rejected", "MARKETING", "INVALID_FORMAT")
        assert await registrar.templates() == [
            HeldTemplate(sid, NAME, Approval("rejected", "MARKETING", "INVALID_FORMAT"))
        ]

    run(scenario)


def test_what_is_asked_travels_as_json_in_the_published_form() -> None:
    async def scenario(it: World) -> None:
        await asked_for(it)
        create, approval = it.requests
        body = json.loads(create.body)
        assert (create.method, create.path) == ("POST", "/v1/Content")
        assert (body["friendly_name"], body["language"]) == (NAME, "id")
        assert body["variables"] == {"1": "Ibu Siti", "2": "Rizki", "3": "0a1b2c3d-1"}
        given = {kind: content for kind, content in body["types"].items() if content}
        assert list(given) == ["twilio/quick-reply"]
        assert given["twilio/quick-reply"]["body"] == "Yth. {{1}}, KIA {{2}} siap."
        assert [(one["type"], one["title"], one["id"]) for one in given["twilio/quick-reply"]["actions"]] == [
            ("QUICK_REPLY", "Sudah diambil", "already_collected:{{3}}"),
            ("QUICK_REPLY", "Berhenti", "opt_out:{{3}}"),
        ]
        sid = next(iter(it.sim.store.templates))
        assert approval.path == f"/v1/Content/{sid}/ApprovalRequests/whatsapp"
        asked = json.loads(approval.body)
        assert {key: value for key, value in asked.items() if value is not None} == {
            "name": NAME, "category": "UTILITY",
        }  # fmt: skip
        assert [dict(one.headers)["X-Original-Host" if "X-Original-Host" in dict(one.headers) else "x-original-host"]
                for one in it.requests] == ["content.twilio.com"] * 2  # fmt: skip

    run(scenario)


CONTENT = {
    "sid", "account_sid", "friendly_name", "language", "variables", "types", "url", "date_created", "date_updated", "links",
}  # fmt: skip
APPROVAL = {"name", "category", "content_type", "status", "rejection_reason", "allow_category_change"}
META = {"page", "page_size", "first_page_url", "previous_page_url", "url", "next_page_url", "key"}


def call(it: World, path: str, data: object = None, *, user: str = "AC1:secret") -> tuple[int, Any]:
    request = urllib.request.Request(it.sim.base_url + path, None if data is None else json.dumps(data).encode())
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=5) as found:
            return found.status, json.load(found)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_the_simulator_answers_with_the_fields_of_the_published_description() -> None:
    """twilio-oai, twilio_content_v1: schemas content.v1.content, content.approval_fetch, content_and_approvals."""

    async def scenario(it: World) -> None:
        it.sim.store.clock = FixedClock(datetime(2026, 10, 5, 1, 2, 3, 456, tzinfo=UTC))
        sid = await asked_for(it)
        at = f"https://content.twilio.com/v1/Content/{sid}"
        _, content = await asyncio.to_thread(call, it, f"/v1/Content/{sid}")
        assert content.keys() == CONTENT
        assert (content["url"], content["date_created"]) == (at, "2026-10-05T01:02:03Z")
        assert len(content["account_sid"]) == len(content["sid"]) == 34
        assert content["links"] == {
            "approval_create": f"{at}/ApprovalRequests/whatsapp", "approval_fetch": f"{at}/ApprovalRequests",
        }  # fmt: skip
        _, fetched = await asyncio.to_thread(call, it, f"/v1/Content/{sid}/ApprovalRequests")
        assert fetched.keys() == {"sid", "account_sid", "whatsapp", "url"}
        assert fetched["whatsapp"].keys() == APPROVAL | {"type", "flows"}
        assert fetched["whatsapp"]["content_type"] == "twilio/quick-reply"
        assert fetched["url"] == content["links"]["approval_fetch"]
        _, listed = await asyncio.to_thread(call, it, "/v1/ContentAndApprovals?PageSize=20")
        assert listed["contents"][0].keys() == CONTENT - {"links", "url"} | {"approval_requests"}
        assert listed["contents"][0]["approval_requests"].keys() == APPROVAL
        assert listed["meta"].keys() == META
        assert (listed["meta"]["key"], listed["meta"]["page_size"]) == ("contents", 20)
        other = (
            await asyncio.to_thread(
                call, it, "/v1/Content", {"language": "id", "types": {"twilio/text": {"body": "a"}}}
            )
        )[1]
        status, asked = await asyncio.to_thread(
            call, it, f"/v1/Content/{other['sid']}/ApprovalRequests/whatsapp", {"name": "x", "category": "MARKETING"}
        )
        assert (status, asked["status"], asked["category"]) == (201, "received", "MARKETING")
        assert asked.keys() == APPROVAL | {"send_ttl_seconds", "bid_amount"}

    run(scenario)


REFUSED = {
    "without types": ("/v1/Content", {"language": "id", "types": {}}, 400, 20001),
    "without a body": ("/v1/Content", {"language": "id", "types": {"twilio/text": {"body": ""}}}, 400, 20001),
    "a page that is too large": ("/v1/Content?PageSize=1001", None, 400, 20006),
    "a template nobody made": ("/v1/Content/HX0/ApprovalRequests", None, 404, 20404),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_simulator_refuses_in_twilios_own_body(case: str) -> None:
    async def scenario(it: World) -> None:
        path, data, expected, code = REFUSED[case]
        status, body = await asyncio.to_thread(call, it, path, data)
        assert (status, body["code"], body["status"]) == (expected, code, expected)
        assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
        status, body = await asyncio.to_thread(call, it, path, data, user="")
        assert (status, body["code"]) == (401, 20003)

    run(scenario)


def test_a_list_is_read_to_its_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_templates, "_PAGE", 3)

    async def scenario(it: World) -> None:
        sids = [await make_template(it) for _ in range(7)]
        listed = await it.channels.whatsapp.templates()
        assert [one.sid for one in listed] == sids[::-1]
        assert {one.approval for one in listed} == {Approval("unsubmitted", "")}
        pages = [raw.path for raw in it.requests if raw.method == "GET"]
        assert [path.split("?")[0] for path in pages] == ["/v1/ContentAndApprovals"] * 3
        assert ["PageToken" in path for path in pages] == [False, True, True]

    run(scenario)


def test_a_rejected_name_is_not_taken_again_and_a_template_is_asked_for_once() -> None:
    async def scenario(it: World) -> None:
        sid = await asked_for(it)
        it.sim.store.templates[sid].status = "rejected"
        with pytest.raises(Blocked, match="in use") as again:
            await asked_for(it)
        assert again.value.code == "template_refused"
        with pytest.raises(Blocked, match="92009"):
            await it.channels.whatsapp.request_approval(sid, "nama_lain", "UTILITY")
        await asked_for(it, "ambil_kartu_1_v2")

    run(scenario)


def test_a_refused_template_is_a_sentence_with_twilios_code_and_words() -> None:
    async def scenario(it: World) -> None:
        with pytest.raises(Blocked, match="20404"):
            await it.channels.whatsapp.approval("HX0")
        sid = await make_template(it)
        with pytest.raises(Blocked, match=r"20001.*Invalid name") as refused:
            await it.channels.whatsapp.request_approval(sid, "Nama Salah", "UTILITY")
        assert refused.value.code == "template_refused"

    run(scenario)


def test_an_unreachable_twilio_is_a_sentence_too() -> None:
    async def scenario() -> None:
        async with channels("http://127.0.0.1:1") as it:
            for call in (it.whatsapp.approval("HX0"), it.whatsapp.templates(), it.whatsapp.create_template(SPEC)):
                with pytest.raises(Blocked) as refused:
                    await call
                assert refused.value.code == "provider_unreachable"

    asyncio.run(scenario())


SPEC = TemplateSpec(NAME, "id", "Halo {{1}}, kartunya siap.", {"1": "Ibu"}, (), "UTILITY")
Asking = Callable[[WhatsAppChannel, str], Awaitable[Any]]
CALLS: dict[str, Asking] = {
    "template_create": lambda registrar, _sid: registrar.create_template(SPEC),
    "template_approval": lambda registrar, sid: registrar.request_approval(sid, NAME, "UTILITY"),
    "template_list": lambda registrar, _sid: registrar.templates(),
    "template_fetch": lambda registrar, sid: registrar.approval(sid),
}
#: fault -> what is known after a call that changes something, and after one that only asks
KNOWN = {
    "429": ("too_many_calls", "too_many_calls"),
    "http_500": ("template_unknown", "provider_unreachable"),
    "http_500_after": ("template_unknown", "provider_unreachable"),
    "cut_before": ("template_unknown", "provider_unreachable"),
    "cut_after": ("template_unknown", "provider_unreachable"),
    "redirect": ("template_unknown", "provider_unreachable"),
    "html_page": ("template_unknown", "provider_unreachable"),
    "slow_ms": ("template_unknown", "provider_unreachable"),
}


#: Where the request for approval came through, asking again is refused: that is the next test's matter.
FAILING = [
    (kind, name)
    for kind in KNOWN
    for name in CALLS
    if not (name == "template_approval" and kind in ("cut_after", "http_500_after", "slow_ms"))
]


@pytest.mark.parametrize(("kind", "name"), FAILING)
def test_what_is_known_after_a_call_that_failed(kind: str, name: str) -> None:
    async def scenario(it: World) -> None:
        sid = await make_template(it)
        changes = name in ("template_create", "template_approval")
        # the client asks once more when a kept connection is cut, but only where that changes nothing
        times = 2 if kind.startswith("cut") and not changes else 1
        it.fail(kind=kind, channel=name, next=times, ms=1500, status=200)
        with pytest.raises(Blocked) as failed:
            await CALLS[name](it.channels.whatsapp, sid)
        assert failed.value.code == KNOWN[kind][0 if changes else 1], str(failed.value)
        assert "\n" not in str(failed.value)
        await CALLS[name](it.channels.whatsapp, sid)  # nothing was repeated by itself, and the next one goes through

    run(scenario, read_timeout_s=0.4, connect_timeout_s=0.4)


def test_an_approval_whose_answer_was_lost_was_asked_for_all_the_same() -> None:
    async def scenario(it: World) -> None:
        sid = await make_template(it)
        it.fail(kind="cut_after", channel="template_approval", next=1)
        with pytest.raises(Blocked):
            await it.channels.whatsapp.request_approval(sid, NAME, "UTILITY")
        assert (await it.channels.whatsapp.approval(sid)).status == "approved"

    run(scenario)


def test_a_fault_for_every_text_leaves_the_templates_alone() -> None:
    async def scenario(it: World) -> None:
        it.fail(kind="cut_before")
        await asked_for(it)
        assert len(await it.channels.whatsapp.templates()) == 1

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (
            http_answer(b'{"code": 20003, "message": "Authenticate", "status": 401}', "401 Unauthorized"),
            "bad_credentials",
        ),
        (http_answer(b'{"friendly_name": "x"}', "201 Created"), "template_unknown"),
        (http_answer(b"not json", "201 Created"), "template_unknown"),
        (http_answer(b'{"message": "Forbidden"}', "403 Forbidden"), "template_unknown"),
    ],
    ids=["wrong key", "no sid", "no json", "a gateway's refusal"],
)
def test_only_twilios_own_words_say_that_nothing_was_created(answer: bytes, code: str) -> None:
    async def scenario() -> None:
        async with raw_server(always(answer)) as url, channels(url) as it:
            with pytest.raises(Blocked) as failed:
                await it.whatsapp.create_template(SPEC)
            assert failed.value.code == code

    asyncio.run(scenario())
