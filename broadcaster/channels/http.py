"""One HTTP client under both SDKs. It says of every failed call whether anything can have left this machine.

    TransportError
    ├── NothingSent   no byte of the request was written: trying again cannot repeat a text
    └── MaybeSent     bytes were written, or may have been: nobody here knows what the provider did

Which of the two is known from aiohttp's trace events, never guessed from the kind of error. Nothing is ever repeated
here: aiohttp repeats idempotent methods only (a GET, on a kept connection that was closed meanwhile), and every text is
a POST.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import aiohttp
from yarl import URL

from broadcaster.errors import BadInput

#: Seconds an idle connection is kept. Shorter than the providers keep theirs, so that we are the one who closes it.
IDLE_S = 10.0


class TransportError(Exception):
    """A call that ended without an answer."""


class NothingSent(TransportError):
    """No byte left us. `code`: dns, refused, connect_timeout, pool_full, tls or not_connected."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class MaybeSent(TransportError):
    """Bytes left us, or may have. `detail` is for developers and holds no address and no text."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Sent:
    """How far one request has come."""

    queued: bool = False  # waits for one of our own connections
    reused: bool = False  # goes over a connection that was used before
    bytes_left: bool = False  # from here on the provider may have it


class Transport:
    """A pool of connections, opened at the first request. Close it before its event loop ends.

    connect_timeout_s: seconds to wait for a free connection, name and handshake together.
    read_timeout_s: seconds of silence while waiting for the answer; the whole call takes at most the sum of the two.
    limit: calls at the same time to one provider; a slow one takes no connection from another. SSL_CERT_FILE and
    REQUESTS_CA_BUNDLE are honoured; raises `BadInput` for a bad one.
    """

    def __init__(self, *, connect_timeout_s: float = 5.0, read_timeout_s: float = 15.0, limit: int = 200) -> None:
        self._trust = _trust()
        self.connect_timeout_s = connect_timeout_s
        self.read_timeout_s = read_timeout_s
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> HttpAnswer:
        """Make one call; `url` is already encoded. Redirects are answers like any other and are not followed.

        timeout: seconds for the whole call, where it must differ from the transport's own. Raises `TransportError`.
        """
        sent = Sent()
        session = self._open()
        limits = self._timeout(timeout)
        try:
            async with session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=limits,
                trace_request_ctx=sent,
            ) as response:
                content = await response.read()
                found = {name.lower(): value for name, value in response.headers.items()}
                return HttpAnswer(response.status, found, content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if sent.bytes_left:
                again = " on a kept connection" if sent.reused else ""
                raise MaybeSent(f"{type(error).__name__}{again}") from error
            raise NothingSent(_why_not(error, sent)) from error

    async def aclose(self) -> None:
        """Close every connection; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _timeout(self, total: float | None) -> aiohttp.ClientTimeout:
        read = self.read_timeout_s if total is None else total
        return aiohttp.ClientTimeout(
            total=self.connect_timeout_s + read,
            connect=self.connect_timeout_s,
            sock_connect=self.connect_timeout_s,
            sock_read=read,
        )

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is not None and self._loop is not loop:
            self._session.detach()  # its loop is over, and its sockets with it
            self._session = None
        if self._session is None:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, limit_per_host=self._limit, keepalive_timeout=IDLE_S, ssl=self._trust
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_tracing()],
                trust_env=False,  # neither a proxy nor a .netrc of this machine takes part
            )
        return self._session


def form(parameters: Mapping[str, str | list[str]]) -> bytes:
    """Parameters as an HTML form sends them. `urllib` does the same in Python, six times slower: a tenth of a text's time."""
    return URL.build(path="/", query=parameters).raw_query_string.encode()


def _tracing() -> aiohttp.TraceConfig:
    async def queued(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.queued = True

    async def unqueued(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.queued = False

    async def reused(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.reused = True

    async def writing(_session: object, context: SimpleNamespace, _params: object) -> None:
        # announced just before the first byte is written: "not announced" is certain, "announced" errs to the safe side
        context.trace_request_ctx.bytes_left = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_queued_start.append(queued)
    tracing.on_connection_queued_end.append(unqueued)
    tracing.on_connection_reuseconn.append(reused)
    tracing.on_request_headers_sent.append(writing)
    return tracing


def _why_not(error: Exception, sent: Sent) -> str:
    if isinstance(error, TimeoutError):
        return "pool_full" if sent.queued else "connect_timeout"
    for kind, code in _REASONS:
        if isinstance(error, kind):
            return code
    return "not_connected"


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ClientConnectorError, "refused"),
)


def _trust() -> ssl.SSLContext | bool:
    """Whose certificates we believe: the deployer's file or folder, else the system's."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        path = os.environ.get(name)
        if not path:
            continue
        try:
            if Path(path).is_dir():
                return ssl.create_default_context(capath=path)
            return ssl.create_default_context(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(f"{name}: {path} is not a readable certificate file", code="bad_settings") from error
    return True
