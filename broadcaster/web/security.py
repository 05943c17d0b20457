"""Who may see a page, which forms are ours, and the headers every answer carries.

- `gate` runs before every address and lets only `PUBLIC` and `OFFICER` pass without a signed-in account: a new page is closed
  until somebody opens it on purpose.
- `Guard` refuses forms of other sites, caps what may be sent to us, and puts the protecting headers on each answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broadcaster.app import App
from broadcaster.office import queries as office
from broadcaster.office.queries import Member
from broadcaster.settings import Settings
from broadcaster.web import rules

#: Addresses that need no sign-in. Everything else does.
PUBLIC = frozenset(
    {
        "/masuk",
        "/healthz",
        "/readyz",
        "/hooks/twilio/status",
        "/hooks/twilio/inbound",
        "/hooks/telegram",
    }
)
STATIC = "/static/"
#: Village officers have no account: their link and its PIN let them in, at this address and nowhere else.
OFFICER = "/petugas/"
HOOKS = "/hooks/"  # signed by the provider, so not guarded as a browser's form
MAX_BODY = 64 * 1024  # bytes; Twilio and Telegram send a few kB, the console's forms far less

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    # Nothing is told to other sites. Not `no-referrer`: browsers then send `Origin: null` with our own forms, and over
    # plain http in the office's network Origin is all they send to say where a form came from.
    "referrer-policy": "same-origin",
}


class SignInNeeded(Exception):
    """No account, or its session is over."""


def app_of(request: Request) -> App:
    app: App = request.app.state.broadcaster
    return app


Here = Annotated[App, Depends(app_of)]


def gate(request: Request) -> Member | None:
    """The signed-in member; None at a public address; raises `SignInNeeded` everywhere else."""
    path: str = request.scope["path"]
    if path in PUBLIC or path.startswith(OFFICER):
        return None
    app = app_of(request)
    token = token_of(request, app.settings)
    with app.db.read() as session:
        member = office.signed_in(session, token, app.now()) if token else None
        if member is None:
            raise SignInNeeded
        request.state.office = office.facts(session)["nama_kantor"]
    request.state.member = member
    return member


def _staff(member: Annotated[Member | None, Depends(gate)]) -> Member:
    if member is None:
        raise SignInNeeded
    return member


#: A page's parameter `member: Staff` is the account that looks at it.
Staff = Annotated[Member, Depends(_staff)]


def cookie_name(settings: Settings) -> str:
    """With https the browser itself refuses this name from anywhere but exactly our host."""
    return "__Host-sesi" if is_https(settings) else "sesi"


def token_of(request: Request, settings: Settings) -> str:
    return request.cookies.get(cookie_name(settings), "")


def keep_signed_in(response: Response, token: str, settings: Settings) -> None:
    """Set the session cookie: gone when the browser closes, and at the latest when the session ends in the database."""
    response.set_cookie(
        cookie_name(settings), token, path="/", httponly=True, samesite="lax", secure=is_https(settings)
    )


def forget(response: Response, settings: Settings) -> None:
    response.delete_cookie(cookie_name(settings), path="/", httponly=True, samesite="lax", secure=is_https(settings))


def is_https(settings: Settings) -> bool:
    return settings.public_base_url.startswith("https://")


def protect(headers: MutableHeaders, path: str, status: int) -> None:
    """Put the protecting headers on an answer. Only styles, the script and the logo may be kept by a browser."""
    for name, value in _HEADERS.items():
        headers[name] = value
    if path.startswith(OFFICER):
        # its own small script keeps ticks while the line is away, and sends them to us
        headers["content-security-policy"] += "; script-src 'self'; connect-src 'self'"
    kept = path.startswith(STATIC) and status in (200, 304)
    headers["cache-control"] = "public, max-age=31536000, immutable" if kept else "no-store"


class Guard:
    """Every request passes here first, and every answer last."""

    def __init__(self, app: ASGIApp, *, settings: Settings, refuse: Callable[[Request], Response]) -> None:
        self._app = app
        self._refuse = refuse
        public = urlsplit(settings.public_base_url)
        self._trusted_origin = f"{public.scheme}://{public.netloc}" if public.netloc else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                protect(MutableHeaders(scope=message), path, message["status"])
            await send(message)

        forged = not path.startswith(HOOKS) and rules.is_forged(
            scope["method"], Headers(scope=scope), self._trusted_origin
        )
        handler = self._refuse(Request(scope)) if forged else self._app
        await handler(scope, _capped(receive), send_protected)


def _capped(receive: Receive) -> Receive:
    """Count what really arrives; a Content-Length may say anything, or nothing."""
    seen = 0

    async def receive_capped() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise HTTPException(413)
        return message

    return receive_capped
