"""Simulated Content API: WhatsApp templates, what they were asked for and how they stand, in the shape of Twilio's published
description (openapi `twilio_content_v1`). What Meta decides is said through /_sim/template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from broadcaster.simulator.store import Store, Template
from broadcaster.simulator.twilio import Refused, answer, error, signed_in

_HOST = "https://content.twilio.com"  # where the real one says its pages are
_ACCOUNT = "AC" + "0" * 32
_PAGE, _PAGE_MOST = 50, 1000
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
_BODY_MOST, _BUTTONS_MOST = 1024, 10

Handler = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


class Content:
    """The handlers; one per simulator."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def calls(self) -> list[tuple[str, str, str, Handler]]:
        """Method, path, the name under which a fault meets the call, and who answers it."""
        return [
            ("POST", "/v1/Content", "template_create", self._refusing(self.create)),
            ("GET", "/v1/Content", "template_list", self._refusing(self.list_content)),
            ("GET", "/v1/ContentAndApprovals", "template_list", self._refusing(self.list_approvals)),
            ("GET", "/v1/Content/{sid}", "template_fetch", self._refusing(self.fetch)),
            ("POST", "/v1/Content/{sid}/ApprovalRequests/whatsapp", "template_approval", self._refusing(self.ask)),
            ("GET", "/v1/Content/{sid}/ApprovalRequests", "template_fetch", self._refusing(self.fetch_approval)),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Names need not be unique: the same call again creates a second template, as at the real one."""
        try:
            body = json.loads(await request.read())
            kind, content = next((kind, content) for kind, content in body["types"].items() if content)
            template = Template(
                sid=f"HX{self._store.next_number():032x}",
                name=str(body.get("friendly_name") or ""),
                language=str(body["language"]),
                body=str(content["body"]),
                buttons=tuple((str(one["title"]), str(one["id"])) for one in content.get("actions") or ()),
                samples={str(name): str(value) for name, value in (body.get("variables") or {}).items()},
                types={kind: content},
                created_at=self._store.now(),
                updated_at=self._store.now(),
            )
        except StopIteration as missing:
            raise Refused("20001", "Invalid types. At least one content type definition is required") from missing
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise Refused("20001", f"Invalid content: {wrong}") from wrong
        if not 0 < len(template.body) <= _BODY_MOST or len(template.buttons) > _BUTTONS_MOST:
            raise Refused("20001", "Invalid types. The body or the actions are too long")
        self._store.templates[template.sid] = template
        return answer(_content(template), status=201)

    async def fetch(self, request: web.Request) -> web.Response:
        return answer(_content(self._template(request)))

    async def ask(self, request: web.Request) -> web.Response:
        """Once per template; a name that Meta rejected is not taken again."""
        template = self._template(request)
        try:
            body = json.loads(await request.read())
            name, category = str(body["name"]), str(body["category"])
        except (ValueError, KeyError, TypeError) as wrong:
            raise Refused("20001", "name and category are required") from wrong
        if not _NAME.fullmatch(name) or category not in _CATEGORIES:
            raise Refused("20001", "Invalid name or category")
        if template.status != "unsubmitted":
            raise Refused("92009")
        used = [other for other in self._store.templates.values() if other.asked_name == name]
        if used:
            raise Refused("20001", f"The template name {name} is in use already ({used[0].status})")
        template.asked_name, template.category = name, category
        template.status = "approved" if self._store.options.auto_approve else "received"
        template.updated_at = self._store.now()
        state = {**_approval(template), "status": "received", "send_ttl_seconds": None, "bid_amount": None}
        return answer(state, status=201)

    async def fetch_approval(self, request: web.Request) -> web.Response:
        template = self._template(request)
        state = {"type": "whatsapp", **_approval(template), "flows": None}
        url = f"{_url(template)}/ApprovalRequests"
        return answer({"sid": template.sid, "account_sid": _ACCOUNT, "whatsapp": state, "url": url})

    async def list_content(self, request: web.Request) -> web.Response:
        return self._page(request, _content)

    async def list_approvals(self, request: web.Request) -> web.Response:
        def with_approval(template: Template) -> dict[str, Any]:
            shown = _content(template)
            del shown["links"], shown["url"]
            return {**shown, "approval_requests": _approval(template)}

        return self._page(request, with_approval)

    def _page(self, request: web.Request, show: Callable[[Template], dict[str, Any]]) -> web.Response:
        """Newest first, in pages of PageSize."""
        query = dict(parse_qsl(urlsplit(request.path_qs).query))
        size, number = query.get("PageSize", str(_PAGE)), query.get("Page", "0")
        if not size.isdecimal() or not number.isdecimal() or not 1 <= int(size) <= _PAGE_MOST:
            raise Refused("20006", f"PageSize must be from 1 to {_PAGE_MOST}")
        page, per_page = int(number), int(size)
        templates = list(self._store.templates.values())[::-1]
        chosen = templates[page * per_page : (page + 1) * per_page]

        def url(of: int) -> str:
            token = {"PageToken": f"DN{chosen[-1].sid}"} if of > page and chosen else {}
            return f"{_HOST}{request.path}?{urlencode({'PageSize': per_page, 'Page': of, **token})}"

        return answer(
            {
                "contents": [show(template) for template in chosen],
                "meta": {
                    "page": page,
                    "page_size": per_page,
                    "first_page_url": url(0),
                    "previous_page_url": url(page - 1) if page else None,
                    "url": url(page),
                    "next_page_url": url(page + 1) if (page + 1) * per_page < len(templates) else None,
                    "key": "contents",
                },
            }
        )

    def _template(self, request: web.Request) -> Template:
        found = self._store.templates.get(request.match_info["sid"])
        if found is None:
            raise Refused("20404")
        return found

    def _refusing(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                signed_in(request)
                return await handler(request)
            except Refused as refused:
                return error(refused.code, message=refused.message)

        return handle


def _content(template: Template) -> dict[str, Any]:
    return {
        "sid": template.sid,
        "account_sid": _ACCOUNT,
        "friendly_name": template.name,
        "language": template.language,
        "variables": template.samples,
        "types": template.types,
        "url": _url(template),
        "date_created": _moment(template.created_at),
        "date_updated": _moment(template.updated_at),
        "links": {
            "approval_create": f"{_url(template)}/ApprovalRequests/whatsapp",
            "approval_fetch": f"{_url(template)}/ApprovalRequests",
        },
    }


def _approval(template: Template) -> Mapping[str, Any]:
    asked = bool(template.asked_name)
    return {
        "name": template.asked_name,
        "category": template.category,
        "content_type": next(iter(template.types)) if asked else "",
        "status": template.status,
        "rejection_reason": template.reason,
        "allow_category_change": True,
    }


def _url(template: Template) -> str:
    return f"{_HOST}/v1/Content/{template.sid}"


def _moment(moment: datetime | None) -> str | None:
    """As the Content API writes moments: ISO 8601 in whole seconds, Z."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
