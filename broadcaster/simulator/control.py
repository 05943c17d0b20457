"""/_sim/...: look at what the simulated providers received, and say how they and the people behave."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aiohttp import web

from broadcaster.clock import parse_moment
from broadcaster.errors import BadInput, BroadcasterError
from broadcaster.simulator.agenda import Agenda
from broadcaster.simulator.faults import Faults, read_fault
from broadcaster.simulator.inbound import Inbound
from broadcaster.simulator.people import People, Planned
from broadcaster.simulator.store import Options, Raw, Store, Text
from broadcaster.simulator.telegram import Telegram

_PAGE_MOST = 10_000
Handler = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


class Control:
    """The handlers under /_sim. A refused request is 400 with a sentence."""

    def __init__(
        self, store: Store, people: People, faults: Faults, agenda: Agenda, telegram: Telegram, inbound: Inbound
    ) -> None:
        self._store, self._people, self._faults = store, people, faults
        self._agenda, self._telegram, self._inbound = agenda, telegram, inbound

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sim/messages", _refusing(self.messages)),
            web.get("/_sim/requests", _refusing(self.requests)),
            web.get("/_sim/stats", _refusing(self.stats)),
            web.post("/_sim/fail", _refusing(self.fail)),
            web.post("/_sim/people", _refusing(self.people)),
            web.post("/_sim/inbound", _refusing(self.inbound)),
            web.post("/_sim/clock", _refusing(self.clock)),
            web.post("/_sim/options", _refusing(self.options)),
            web.get("/_sim/templates", _refusing(self.templates)),
            web.post("/_sim/template", _refusing(self.template)),
            web.post("/_sim/reset", _refusing(self.reset)),
        ]

    async def messages(self, request: web.Request) -> web.Response:
        """Accepted texts from number `since` on, at most 10,000; ask again with `next` until it is null."""
        since, now = _number(request, "since"), self._store.now()
        found = self._store.texts[since : since + _PAGE_MOST]
        following = since + len(found)
        return web.json_response(
            {
                "messages": [_text_json(text, now) for text in found],
                "next": following if following < len(self._store.texts) else None,
            }
        )

    async def requests(self, request: web.Request) -> web.Response:
        """Raw requests with a number above `since`."""
        since = _number(request, "since")
        found = [raw for raw in self._store.requests if raw.number > since][:_PAGE_MOST]
        return web.json_response({"requests": [_raw_json(raw) for raw in found]})

    async def stats(self, _request: web.Request) -> web.Response:
        store = self._store
        return web.json_response(
            {
                "accepted": store.accepted,
                "refused": store.refused,
                "inbound": store.inbound,
                "duplicates": store.duplicates,
                "duplicate_numbers": store.duplicate_examples,
                "same_text": store.same_text,
                "receipts": store.receipts,
                "faults": store.faults,
                "worst_second": store.worst_second,
                "requests": store.request_count,
                "waiting": self._agenda.waiting,
                "due": self._agenda.due_by(store.now()),
                "failed_acts": self._agenda.failed,
                "now": store.now().isoformat(),
            }
        )

    async def fail(self, request: web.Request) -> web.Response:
        """One fault, a list of them, or {"clear": true}."""
        body = await _json(request, (dict, list))
        if isinstance(body, dict) and body.get("clear"):
            self._faults.clear()
            return _done()
        for fault in [read_fault(one) for one in (body if isinstance(body, list) else [body])]:
            self._faults.add(fault)
        return _done()

    async def people(self, request: web.Request) -> web.Response:
        """{"default": behaviour, "people": [{"address", "behaviour", "replies": [{"after_s", "text" | "button"}]}]}."""
        body = await _json(request, (dict,))
        if "default" in body:
            self._people.set_default(str(body["default"]))
        for person in body.get("people", ()):
            try:
                address, behaviour = str(person["address"]), str(person.get("behaviour", "delivered"))
                replies = [Planned(**reply) for reply in person.get("replies", ())]
            except (KeyError, TypeError, AttributeError) as error:
                raise BadInput(f"a person needs address, behaviour and replies: {error}", code="bad_people") from error
            self._people.set(address, behaviour, replies)
        return _done()

    async def inbound(self, request: web.Request) -> web.Response:
        await self._inbound.act(await _json(request, (dict,)))
        return _done()

    async def clock(self, request: web.Request) -> web.Response:
        """{"now": ISO 8601 with an offset}: the clock runs on from there, and what is due by then happens."""
        body = await _json(request, (dict,))
        try:
            self._store.set_now(parse_moment(str(body.get("now", ""))))
        except ValueError as error:
            raise BadInput(f"now: {error}", code="bad_clock") from error
        self._agenda.time_moved()
        return _done()

    async def options(self, request: web.Request) -> web.Response:
        """Any of the fields of `Options`."""
        body = await _json(request, (dict,))
        kinds = {field.name: type(getattr(self._store.options, field.name)) for field in dataclasses.fields(Options)}
        for name, value in body.items():
            kind = kinds.get(name)
            if kind is None or not isinstance(value, (int, float) if kind is float else kind):
                raise BadInput(
                    f"option {name} is unknown or of another kind; known: {', '.join(kinds)}", code="bad_option"
                )
            setattr(self._store.options, name, value)
        return _done()

    async def templates(self, _request: web.Request) -> web.Response:
        """Every template there is, oldest first."""
        return web.json_response(
            {
                "templates": [
                    {
                        "sid": one.sid, "name": one.name, "asked_name": one.asked_name, "status": one.status,
                        "category": one.category, "reason": one.reason,
                    }
                    for one in self._store.templates.values()
                ]
            }
        )  # fmt: skip

    async def template(self, request: web.Request) -> web.Response:
        """{"sid", "status", "category", "reason"}: what Meta decides about a template; {"sid", "deleted": true}: it is gone."""
        body = await _json(request, (dict,))
        template = self._store.templates.get(str(body.get("sid", "")))
        if template is None:
            raise BadInput("no such template", code="bad_template")
        if body.get("deleted"):
            del self._store.templates[template.sid]
        template.status = str(body.get("status", template.status))
        template.category = str(body.get("category", template.category))
        template.reason = str(body.get("reason", template.reason))
        template.updated_at = self._store.now()
        return _done()

    async def reset(self, _request: web.Request) -> web.Response:
        """Forget texts, people, faults and what is planned; options and clock stay."""
        for forgetting in (self._store, self._people, self._faults, self._agenda, self._telegram):
            forgetting.clear()
        return _done()


def _refusing(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except BroadcasterError as error:
            return web.json_response({"error": {"code": error.code, "message": str(error)}}, status=400)

    return handle


async def _json(request: web.Request, kinds: tuple[type, ...]) -> Any:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise BadInput("the body is not JSON", code="bad_json") from error
    if not isinstance(body, kinds):
        raise BadInput("the body is JSON of another kind", code="bad_json")
    return body


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not text.isdecimal():
        raise BadInput(f"{name} must be a number", code="bad_number")
    return int(text)


def _text_json(text: Text, now: Any) -> Mapping[str, Any]:
    step = text.step(now)
    return {
        "number": text.number,
        "channel": text.channel,
        "sid": text.sid,
        "from": text.sender,
        "to": text.to,
        "text": text.text,
        "reference": text.reference,
        "buttons": [{"title": title, "data": data} for title, data in text.buttons],
        "keyboard": list(text.keyboard),
        "content_sid": text.content_sid,
        "variables": text.variables,
        "status": step.status,
        "code": step.code,
        "at": text.at.isoformat(),
    }


def _raw_json(raw: Raw) -> Mapping[str, Any]:
    return {
        "number": raw.number,
        "method": raw.method,
        "path": raw.path,
        "headers": [list(pair) for pair in raw.headers],
        "body": raw.body.decode("utf-8", "replace"),
    }


def _done() -> web.Response:
    return web.json_response({"ok": True})
